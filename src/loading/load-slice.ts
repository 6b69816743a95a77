import { appendTogether, DiscardWriter } from './discard-writer.ts'
import { holdRows } from './hold-rows.ts'
import { qualifiedName } from './known-schema.ts'
import type { Loading } from './load-group.ts'
import type { LoadedTable, PartRows, WaitingRows } from './part-rows.ts'
import type { Slice } from './slice.ts'
import { SliceLoader } from './slice-loader.ts'

/** What became of the rows of a slice. */
export interface SliceOutcome {
  readonly tables: ReadonlyMap<string, LoadedTable>
  readonly discards: number
  /** Rows that wait for their table. */
  readonly waiting: number
}

/** A slice whose rows are in the warehouse, and what became of them, by namespace. */
export interface SettledSlice {
  readonly slice: Slice
  readonly parts: readonly PartRows[]
}

/**
 * Loads a slice, one namespace after the other: all rows first, then what was discarded of them. Rows that are refused become
 * dead letters of the slice; those of a table that refuses them as a whole wait.
 *
 * @param slice of which all may be loaded again
 * @param tools of the load
 * @param commit is told what was loaded, last
 * @throws {SluicewayError} warehouse_failed when the warehouse, not a row or table, is the reason; all may be repeated
 * @throws {TableRefused} when the table whose held rows these are takes none of them
 */
export async function loadSlice(
  slice: Slice,
  tools: Loading,
  commit: (outcome: SliceOutcome) => Promise<void>,
): Promise<void> {
  const loaders = slice.parts.map((part) => new SliceLoader(part, tools))
  for (const loader of loaders) await loader.loadRows()
  const parts = loaders.map(({ partRows }) => partRows)
  const isTaken = parts.some(({ loaded }) => loaded.size > 0)
  for (const loader of loaders) await loader.judge(isTaken)
  await settleSlices([{ slice, parts }], tools, (_, outcome) => commit(outcome))
}

/**
 * Writes what became of slices whose rows are in the warehouse, and commits them one after the other: the rows that wait, and what
 * was discarded.
 *
 * @param slices of which all may be loaded again, in their order
 * @param tools `position` notes where the slices end before anything is written that a repeat must not write otherwise
 * @param commit is told of each slice what was loaded
 * @throws {SluicewayError} warehouse_failed when the warehouse, not a discard, is the reason; all may be repeated
 */
export async function settleSlices(
  slices: readonly SettledSlice[],
  tools: Loading,
  commit: (settled: SettledSlice, outcome: SliceOutcome) => Promise<void>,
): Promise<void> {
  const settling = slices.map((settled) => ({
    settled,
    waiting: settled.parts.flatMap((rows) => rows.waiting),
    writers: settled.parts.map(({ part, discards }) => new DiscardWriter(part, discards, tools)),
  }))
  const writers = settling.flatMap((one) => one.writers)
  const hasMore = settling.some(({ settled, waiting }) => waiting.length + settled.slice.letters.length > 0)
  if (hasMore || writers.some(({ hasFresh }) => hasFresh)) tools.position.fixEnds(slices.map(({ slice }) => slice))
  await appendTogether(writers, tools)
  for (const one of settling) {
    if (one.waiting.length > 0) await holdRows(one.settled.slice.id, one.waiting, tools)
    for (const writer of one.writers) await writer.write()
    await commit(one.settled, outcomeOf(one.settled, one.waiting))
  }
}

function outcomeOf({ parts }: SettledSlice, waiting: readonly WaitingRows[]): SliceOutcome {
  const tables = parts.flatMap(({ part, loaded }) =>
    [...loaded].map(([name, table]) => [qualifiedName(part.namespace, name), table] as const),
  )
  return {
    tables: new Map(tables),
    discards: parts.reduce((sum, { discards }) => sum + discards.length, 0),
    waiting: waiting.reduce((sum, { pending }) => sum + pending.length, 0),
  }
}
