// Holds the fake of Strimzi's bridge to the recording of a real one.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FakeStrimzi } from './fake-strimzi.ts'
import { recordingCases } from './recording-cases.ts'

describe('the recording of Strimzi bridge 0.33.1', () => {
  let fake: FakeStrimzi
  beforeAll(async () => {
    fake = new FakeStrimzi()
    fake.blockMs = 25
    await fake.start()
  })
  afterAll(() => fake.stop())

  recordingCases('the fake', { url: () => fake.url, createTopic: async (topic) => fake.kafka.createTopic(topic) })

  test('the fake has kept the bytes that the bridge has kept', () => {
    const stored = fake.kafka.read('tb', 0, 0).map(({ key, value }) => [key?.toString(), value?.toString('hex')])
    expect(stored.slice(0, 5)).toEqual([
      ['"u1"', Buffer.from('null').toString('hex')],
      ['u1', '9ee965'],
      ['u1', ''],
      [undefined, ''],
      ['"u1"', Buffer.from('"str"').toString('hex')],
    ])
    expect(stored[10]).toEqual([undefined, ''])
    expect(stored[12]).toEqual([undefined, Buffer.from('hel').toString('hex')])
    expect(fake.kafka.committed.get('g1')).toEqual(
      new Map([
        ['tc-0', 3],
        ['tc-1', 2],
      ]),
    )
  })
})
