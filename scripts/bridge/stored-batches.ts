import type { ReadRecord } from './dialect.ts'
import type { Position } from './fetcher.ts'

/** A batch of records as a partition stores it. */
export interface StoredBatch {
  readonly firstOffset: bigint
  readonly lastOffsetDelta: number
  readonly attributes: number
  readonly firstTimestamp: bigint
  readonly maxTimestamp: bigint
  readonly producerId: bigint
  readonly records: readonly {
    readonly offsetDelta: number
    readonly timestampDelta: bigint
    readonly key: Buffer | null
    readonly value: Buffer | null
    readonly headers: readonly (readonly [Buffer | null, Buffer | null])[]
  }[]
}

/** A transaction that was given up; its records begin at an offset. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

interface Reading {
  readonly position: Position
  /** For readers of what is committed; else none. */
  readonly aborted: readonly AbortedTransaction[]
}

const logAppendTime = 1 << 3
const transactional = 1 << 4
const control = 1 << 5

/**
 * Takes the records of batches from an offset on, without marks of transactions and without what was given up.
 *
 * @param batches in the order of offsets; the first may begin before the position
 * @param reading where to begin, and which transactions were given up
 * @returns the records, and the offset behind the last batch
 */
export function recordsOf(
  batches: readonly StoredBatch[],
  { position, aborted }: Reading,
): { readonly records: ReadRecord[]; readonly next: bigint } {
  const { topic, partition, offset: from } = position
  const records: ReadRecord[] = []
  const open = new Set<bigint>()
  const toOpen = [...aborted].toSorted((a, b) => Number(a.firstOffset - b.firstOffset))
  let next = from
  for (const batch of batches) {
    const last = batch.firstOffset + BigInt(batch.lastOffsetDelta)
    while (toOpen[0] !== undefined && toOpen[0].firstOffset <= last) open.add(toOpen.shift()?.producerId ?? -1n)
    if (last + 1n > next) next = last + 1n
    if ((batch.attributes & control) !== 0) {
      open.delete(batch.producerId)
      continue
    }
    if ((batch.attributes & transactional) !== 0 && open.has(batch.producerId)) continue
    for (const { offsetDelta, timestampDelta, key, value, headers } of batch.records) {
      const offset = batch.firstOffset + BigInt(offsetDelta)
      if (offset < from) continue
      const timestamp =
        (batch.attributes & logAppendTime) === 0 ? batch.firstTimestamp + timestampDelta : batch.maxTimestamp
      records.push({ topic, partition, offset, timestamp, key, value, headers })
    }
  }
  return { records, next }
}
