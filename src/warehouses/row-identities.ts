import type { Load } from '../core/warehouse.ts'

/**
 * Tells what makes rows of a load the same when it is repeated; parts of a load that failed have its id, too.
 *
 * Rows that replace have their ids for that. Rows that are folded may be parts of one row, with the same id: all their values
 * count, but `uuid_ts`, which a repeat has anew. Rows that are appended have nothing: the id of the load tells them.
 *
 * @param load which
 * @param rows some of the load, or all
 * @returns values that JSON can hold
 */
export function rowIdentities({ columns, merge }: Load, rows: Load['rows']): readonly unknown[] {
  if (merge === 'append') return []
  if (merge === 'replace') {
    const id = columns.findIndex(({ name }) => name === 'id')
    return rows.map((row) => row[id])
  }
  const stamp = columns.findIndex(({ name }) => name === 'uuid_ts')
  return stamp < 0 ? rows : rows.map((row) => row.toSpliced(stamp, 1))
}
