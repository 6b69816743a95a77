import type { Columns } from '../../core/warehouse.ts'
import { quoteName } from './merge-sql.ts'

/** What makes a row of these tables, which have no id, one row. */
const keys: ReadonlyMap<string, readonly string[]> = new Map([
  ['rudder_discards', ['row_id', 'column_name', 'table_name']],
  [
    'rudder_identity_merge_rules',
    ['merge_property_1_type', 'merge_property_1_value', 'merge_property_2_type', 'merge_property_2_value'],
  ],
])

/** Days that a view shows, as RudderStack's. */
const viewDays = 60

/**
 * Writes the query of the view `<table>_view`, which has each row once and shows the last 60 days, as RudderStack's.
 * https://www.rudderstack.com/docs/destinations/warehouse-destinations/bigquery/ (stored copy, read 2026-11-29)
 *
 * @param table as `project.dataset.table`
 * @param what the name of the table alone, its columns, and the column by which it is divided
 * @returns the query; undefined for a table whose rows nothing tells apart
 */
export function viewQuery(
  table: string,
  what: { readonly name: string; readonly columns: Columns; readonly partition: string | undefined },
): string | undefined {
  const { name, columns, partition } = what
  const key = keys.get(name) ?? ['id']
  if (!key.every((column) => Object.hasOwn(columns, column))) return undefined
  const since = `TIMESTAMP_TRUNC(TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${viewDays} DAY), DAY)`
  const where = partition === undefined ? 'TRUE' : `${quoteName(partition)} >= ${since}`
  const order = Object.hasOwn(columns, 'loaded_at') ? ` ORDER BY ${quoteName('loaded_at')} DESC` : ''
  const rowNumber = `ROW_NUMBER() OVER (PARTITION BY ${key.map(quoteName).join(', ')}${order})`
  return `SELECT * FROM ${quoteName(table)} WHERE ${where} QUALIFY ${rowNumber} = 1`
}
