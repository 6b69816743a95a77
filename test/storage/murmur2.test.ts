import { describe, expect, test } from 'vitest'
import { murmur2, partitionOf } from '../../src/storage/murmur2.ts'

const encoder = new TextEncoder()

describe('murmur2', () => {
  // The vectors of Kafka's own UtilsTest.testMurmur2.
  test.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
    ['', 275646681],
  ])('murmur2 hashes "%s" as the Java client does', (text, hash) => {
    expect(murmur2(encoder.encode(text))).toBe(hash)
  })

  // As kafka-python compares itself with org.apache.kafka.clients.producer.Partitioner.
  test.each([
    ['', 681],
    ['a', 524],
    ['ab', 434],
    ['abc', 107],
    ['123456789', 566],
    ['\0 ', 742],
  ])('murmur2 sends the key "%s" to the partition of 1,000 that Kafka chooses', (key, partition) => {
    expect(partitionOf(key, 1000)).toBe(partition)
  })

  test('murmur2 sends everything to the only partition there is', () => {
    expect(partitionOf('Ada Lovelace', 1)).toBe(0)
  })

  test('murmur2 takes keys as UTF-8', () => {
    expect(partitionOf('København', 1 << 30)).toBe(murmur2(encoder.encode('København')) & 0x3fffffff)
  })
})
