import { DiscardWriter } from './discard-writer.ts'
import { holdRows } from './hold-rows.ts'
import { qualifiedName } from './known-schema.ts'
import type { Loading } from './load-group.ts'
import type { Slice } from './slice.ts'
import { type LoadedTable, SliceLoader } from './slice-loader.ts'

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
 * @param tools `position` notes where the slice ends before anything is written that a repeat must not write otherwise
 * @returns what was loaded
 * @throws {SluicewayError} warehouse_failed when the warehouse, not a row or table, is the reason; all may be repeated
 * @throws {TableRefused} when the table whose held rows these are takes none of them
 */
export async function loadSlice(slice: Slice, tools: Loading): Promise<SliceOutcome> {
  const { position } = tools
  const loaders = slice.parts.map((part) => ({ part, rows: new SliceLoader(part, tools) }))
  for (const { rows } of loaders) await rows.loadRows()
  const isTaken = loaders.some(({ rows }) => rows.loaded.size > 0)
  for (const { rows } of loaders) await rows.judge(isTaken)
  const waiting = loaders.flatMap(({ rows }) => rows.waiting)
  const writers = loaders.map(({ part, rows }) => new DiscardWriter(part, rows.discards, tools))
  const hasDiscards = writers.some(({ hasFresh }) => hasFresh)
  if (hasDiscards || waiting.length > 0 || slice.letters.length > 0) position.fixEnd(slice)
  if (waiting.length > 0) await holdRows(slice.id, waiting, tools)
  for (const writer of writers) await writer.write()
  const tables = loaders.flatMap(({ part, rows }) =>
    [...rows.loaded].map(([name, loaded]) => [qualifiedName(part.namespace, name), loaded] as const),
  )
  return {
    tables: new Map(tables),
    discards: loaders.reduce((sum, { rows }) => sum + rows.discards.length, 0),
    waiting: waiting.reduce((sum, { pending }) => sum + pending.length, 0),
  }
}
