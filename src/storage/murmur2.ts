const encoder = new TextEncoder()

/** Hashes bytes as Kafka's Java client does (murmur2, seed 0x9747b28c). Returns a signed 32-bit integer. */
export function murmur2(data: Uint8Array): number {
  const m = 0x5bd1e995
  const length = data.length
  let h = 0x9747b28c ^ length
  const words = length >> 2
  for (let i = 0; i < words; i++) {
    const offset = i << 2
    let k =
      (data[offset] as number) |
      ((data[offset + 1] as number) << 8) |
      ((data[offset + 2] as number) << 16) |
      ((data[offset + 3] as number) << 24)
    k = Math.imul(k, m)
    k ^= k >>> 24
    k = Math.imul(k, m)
    h = Math.imul(h, m) ^ k
  }
  const tail = words << 2
  const left = length & 3
  if (left === 3) h ^= (data[tail + 2] as number) << 16
  if (left >= 2) h ^= (data[tail + 1] as number) << 8
  if (left >= 1) {
    h ^= data[tail] as number
    h = Math.imul(h, m)
  }
  h ^= h >>> 13
  h = Math.imul(h, m)
  return h ^ (h >>> 15)
}

/** Chooses the partition of a key as Kafka's default partitioner does. */
export const partitionOfBytes = (key: Uint8Array, partitions: number): number =>
  partitions === 1 ? 0 : (murmur2(key) & 0x7fffffff) % partitions

/** Chooses the partition of a key that is text, by its UTF-8. */
export const partitionOf = (key: string, partitions: number): number =>
  partitions === 1 ? 0 : partitionOfBytes(encoder.encode(key), partitions)
