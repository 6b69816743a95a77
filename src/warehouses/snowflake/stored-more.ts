import type { Load } from '../../core/warehouse.ts'
import { quoteIdentifier } from '../identifier.ts'
import { idsWithMore, positionOf, type StoredMore, storedMoreOf } from '../mapping/fold-more.ts'
import { moreColumn } from '../mapping/more-column.ts'
import type { SqlApi } from './sql-api.ts'
import { type SnowflakePlace, tableName } from './sql.ts'

const isOne = `"ID" IN (SELECT F.VALUE::VARCHAR FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS F)`

/**
 * Reads when rows that are there were received.
 *
 * @param table which has the columns
 * @param ids of the rows
 * @param from where
 * @returns milliseconds since the epoch, by id
 */
export async function storedTimes(
  table: string,
  ids: readonly string[],
  { api, place }: { readonly api: SqlApi; readonly place: SnowflakePlace },
): Promise<ReadonlyMap<string, number>> {
  const sql = `SELECT "ID", "RECEIVED_AT" FROM ${tableName(place, table)} WHERE "RECEIVED_AT" IS NOT NULL AND ${isOne}`
  const { rows } = await api.run(sql, [JSON.stringify(ids)])
  return new Map(rows.map(([id, at]) => [String(id), millisOf(String(at))]))
}

/**
 * Reads what rows that are there say in their column for the rest, since SQL has nothing that joins two objects.
 *
 * @param load whose rows are looked for, where they have something there
 * @param from where
 */
export async function storedMore(
  load: Load,
  { api, place }: { readonly api: SqlApi; readonly place: SnowflakePlace },
): Promise<readonly StoredMore[]> {
  const ids = idsWithMore(load)
  if (ids.length === 0) return []
  const { columns } = load
  const names = ['id', moreColumn, 'received_at']
    .map((name) => columns[positionOf(columns, name)]?.name)
    .flatMap((name) => (name === undefined ? [] : [quoteIdentifier(name)]))
  const { rows } = await api.run(
    `SELECT ${names.join(', ')} FROM ${tableName(place, load.table)} WHERE ${names[1]} IS NOT NULL
    AND ${isOne}`,
    [JSON.stringify(ids)],
  )
  return storedMoreOf(rows, millisOf)
}

/** A TIMESTAMP_TZ comes as seconds since the epoch with a fraction, and behind a blank its zone. */
const millisOf = (text: string): number => Math.round(Number(text.split(' ')[0]) * 1000)
