import { DiscardWriter } from './discard-writer.ts'
import { holdRows } from './hold-rows.ts'
import { qualifiedName } from './known-schema.ts'
import type { Loading } from './load-group.ts'
import type { LoadedTable, PartRows } from './part-rows.ts'
import type { Slice } from './slice.ts'
import { SliceLoader } from './slice-loader.ts'

/** What became of the rows of a slice. */
export interface SliceOutcome {
  readonly tables: ReadonlyMap<string, LoadedTable>
  readonly discards: number
  /** Rows that wait for their table. */
  readonly waiting: number
}

/**
 * Loads a slice, one namespace after the other: all rows first, then what was discarded of them. Rows that are refused become
 * dead letters of the slice; those of a table that refuses them as a whole wait.
 *
 * @param slice of which all may be loaded again
 * @param tools of the load
 * @returns what was loaded
 * @throws {SluicewayError} warehouse_failed when the warehouse, not a row or table, is the reason; all may be repeated
 * @throws {TableRefused} when the table whose held rows these are takes none of them
 */
export async function loadSlice(slice: Slice, tools: Loading): Promise<SliceOutcome> {
  const loaders = slice.parts.map((part) => new SliceLoader(part, tools))
  for (const loader of loaders) await loader.loadRows()
  const parts = loaders.map(({ partRows }) => partRows)
  const isTaken = parts.some(({ loaded }) => loaded.size > 0)
  for (const loader of loaders) await loader.judge(isTaken)
  return settleSlice(slice, parts, tools)
}

/**
 * Writes what became of a slice whose rows are in the warehouse: the rows that wait, and what was discarded.
 *
 * @param slice of which all may be loaded again
 * @param parts what became of its rows, by namespace
 * @param tools `position` notes where the slice ends before anything is written that a repeat must not write otherwise
 * @returns what was loaded
 * @throws {SluicewayError} warehouse_failed when the warehouse, not a discard, is the reason; all may be repeated
 */
export async function settleSlice(slice: Slice, parts: readonly PartRows[], tools: Loading): Promise<SliceOutcome> {
  const waiting = parts.flatMap((rows) => rows.waiting)
  const writers = parts.map(({ part, discards }) => new DiscardWriter(part, discards, tools))
  const hasDiscards = writers.some(({ hasFresh }) => hasFresh)
  if (hasDiscards || waiting.length > 0 || slice.letters.length > 0) tools.position.fixEnd(slice)
  if (waiting.length > 0) await holdRows(slice.id, waiting, tools)
  for (const writer of writers) await writer.write()
  const tables = parts.flatMap(({ part, loaded }) =>
    [...loaded].map(([name, table]) => [qualifiedName(part.namespace, name), table] as const),
  )
  return {
    tables: new Map(tables),
    discards: parts.reduce((sum, { discards }) => sum + discards.length, 0),
    waiting: waiting.reduce((sum, { pending }) => sum + pending.length, 0),
  }
}
