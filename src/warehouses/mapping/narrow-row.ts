import type { Row } from './row.ts'
import { Shape } from './shape.ts'

/** Columns of ours beside those that have a fixed type. */
const alwaysFirst: ReadonlySet<string> = new Set(['id', 'uuid_ts', 'rudder_event'])

/**
 * Moves what a row has beyond a number of columns into one column, as JSON text of column and value.
 *
 * Columns of ours stay first, then those that the table has, so that a value is found where others of its name are; then those of
 * the context, which all tables share, then others in their order.
 *
 * @param row a row that is too wide; it is not changed
 * @param limit columns that it may have, with the one for the rest
 * @param overflow the column for the rest
 * @param isThere whether the table has a column; none where it is left out
 * @returns the row with `limit` columns
 * @example narrowRow(row, 400, '_sluiceway_more')
 */
export function narrowRow(
  row: Row,
  limit: number,
  overflow: string,
  isThere: (column: string) => boolean = () => false,
): Row {
  const { names, types } = row.shape
  const rank = (cased: string): number => {
    const name = cased.toLowerCase()
    if (alwaysFirst.has(name) || Object.hasOwn(row.ownTypes, name)) return 0
    if (isThere(cased)) return 1
    return name.startsWith('context_') ? 2 : 3
  }
  const order = names
    .map((name, at) => ({ name, at, rank: rank(name), value: row.values[at] }))
    // Of those that the table has, the same ones stay whatever their order is in the event.
    .toSorted((a, b) => a.rank - b.rank || (a.rank === 1 ? (a.name < b.name ? -1 : 1) : 0))
  const kept = order.slice(0, limit - 1)
  const rest = order.slice(limit - 1).filter(({ value }) => value !== undefined)
  let shape = Shape.empty
  for (const { name, at } of kept) shape = shape.with(name, types[at] ?? 'string').to
  return row.with({
    shape: shape.with(overflow, 'json').to,
    values: [
      ...kept.map(({ value }) => value),
      JSON.stringify(Object.fromEntries(rest.map(({ name, value }) => [name, value]))),
    ],
  })
}
