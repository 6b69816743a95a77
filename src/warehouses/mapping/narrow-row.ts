import type { Row } from './row.ts'
import type { MappedColumnType } from './types.ts'

/**
 * Moves what a row has beyond a number of columns into one column, as JSON text of column and value.
 *
 * Columns of ours stay first, then those of the context, which all tables share, then others in their order.
 *
 * @param row a row that is too wide; it is not changed
 * @param limit columns that it may have, with the one for the rest
 * @param overflow the column for the rest
 * @returns the row with `limit` columns
 * @example narrowRow(row, 400, '_sluiceway_more')
 */
export function narrowRow(row: Row, limit: number, overflow: string): Row {
  const rank = (name: string): number => {
    if (name === 'id' || name === 'uuid_ts' || Object.hasOwn(row.ownTypes, name)) return 0
    return name.startsWith('context_') ? 1 : 2
  }
  const names = Object.keys(row.columns).toSorted((a, b) => rank(a) - rank(b))
  const columns: Record<string, MappedColumnType> = {}
  const data: Record<string, unknown> = {}
  for (const name of names.slice(0, limit - 1)) {
    define(columns, name, row.columns[name])
    if (Object.hasOwn(row.data, name)) define(data, name, row.data[name])
  }
  const rest: Record<string, unknown> = {}
  for (const name of names.slice(limit - 1)) if (Object.hasOwn(row.data, name)) define(rest, name, row.data[name])
  columns[overflow] = 'json'
  data[overflow] = JSON.stringify(rest)
  return { ...row, columns, data }
}

// A column may be named `__proto__`.
const define = (into: object, name: string, value: unknown): unknown =>
  Object.defineProperty(into, name, { value, configurable: true, enumerable: true, writable: true })
