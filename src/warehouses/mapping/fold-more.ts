import type { Column, Load, Value } from '../../core/warehouse.ts'
import { moreColumn } from './more-column.ts'

/** Finds a column of ours, whose name may be in upper case; -1 where there is none. */
export const positionOf = (columns: readonly Column[], name: string): number =>
  columns.findIndex((column) => column.name.toLowerCase() === name)

/** What a row that is there says in its column for the rest. */
export interface StoredMore {
  readonly id: string
  /** JSON text of an object. */
  readonly more: string
  /** Milliseconds since the epoch; undefined where the row has no time. */
  readonly receivedAt: number | undefined
}

/**
 * Makes it of rows that an API gave as texts.
 *
 * @param rows each its id, the JSON, and when it was received; the last is null or missing where there is no time
 * @param millisOf reads a time: milliseconds since the epoch
 */
export const storedMoreOf = (
  rows: readonly (readonly unknown[])[],
  millisOf: (time: string) => number,
): readonly StoredMore[] =>
  rows.map(([id, more, at]) => ({
    id: String(id),
    more: String(more),
    receivedAt: typeof at === 'string' ? millisOf(at) : undefined,
  }))

/**
 * Folds what has no column of its own with what is there, for engines whose SQL cannot: of each key the value of the row that
 * was received later.
 *
 * @param load one that coalesces and has the column
 * @param stored what is there of its rows
 * @returns the load, with the folded objects in place of its own
 */
export function foldMore(load: Load, stored: readonly StoredMore[]): Load {
  const { columns } = load
  const [id, more, time] = [
    positionOf(columns, 'id'),
    positionOf(columns, moreColumn),
    positionOf(columns, 'received_at'),
  ]
  const known = new Map(stored.map((one) => [one.id, one]))
  const rows = load.rows.map((row) => {
    const there = known.get(String(row[id]))
    const own = row[more]
    if (there === undefined || typeof own !== 'string') return row
    const isOlder = Date.parse(String(row[time])) < (there.receivedAt ?? Number.NEGATIVE_INFINITY)
    const [below, top] = isOlder ? [own, there.more] : [there.more, own]
    const folded = JSON.stringify({ ...(JSON.parse(below) as object), ...(JSON.parse(top) as object) })
    return row.map((value, i): Value => (i === more ? folded : value))
  })
  return { ...load, rows }
}

/** The ids of rows that have something in the column for the rest; none where the load does not coalesce. */
export function idsWithMore({ columns, rows, merge }: Load): readonly string[] {
  const more = positionOf(columns, moreColumn)
  const id = positionOf(columns, 'id')
  if (merge !== 'coalesce' || more < 0) return []
  return rows.filter((row) => typeof row[more] === 'string').map((row) => String(row[id]))
}
