// Sarama's hash partitioner: https://pkg.go.dev/github.com/IBM/sarama#NewHashPartitioner (checked 2026-11-28)
import { murmur2 } from 'sluiceway/destination'

/** How the partition of a key is chosen: as Java's client does, or as RudderStack, kafka-go and Sarama do. */
export type Partitioner = 'murmur2' | 'fnv1a'

/**
 * Hashes bytes by FNV-1a, 32 bits.
 *
 * @param data any bytes
 * @returns a signed 32-bit integer
 */
export function fnv1a(data: Uint8Array): number {
  let hash = 0x811c9dc5 | 0
  for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash
}

/**
 * Chooses the partition of a key.
 *
 * @param key bytes; a record without a key may go to any
 * @param partitions of the topic
 * @param partitioner `murmur2` unless consumers count on RudderStack's choice
 * @returns the partition, or undefined for a record without a key
 */
export function partitionOfKey(
  key: Uint8Array | null,
  partitions: number,
  partitioner: Partitioner = 'murmur2',
): number | undefined {
  if (key === null) return undefined
  return partitioner === 'murmur2' ? (murmur2(key) & 0x7fffffff) % partitions : Math.abs(fnv1a(key) % partitions)
}
