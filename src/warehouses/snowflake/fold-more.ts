import type { Load, Value } from '../../core/warehouse.ts'
import { quoteIdentifier } from '../identifier.ts'
import { moreColumn } from '../mapping/more-column.ts'
import type { SqlApi } from './sql-api.ts'
import { positionOf, type SnowflakePlace, tableName } from './sql.ts'

/** What is there of a row: when it was received, in milliseconds since the epoch, and its JSON object. */
interface StoredMore {
  readonly at: number
  readonly more: string
}

/**
 * Folds the JSON objects of new rows with those that are there, since SQL has nothing for it: of two that have the same key, the
 * later row's value counts.
 *
 * @param load that coalesces
 * @param table where it goes
 * @returns the load, with objects that are to be stored as they are
 */
export async function foldMore(load: Load, { api, place }: { api: SqlApi; place: SnowflakePlace }): Promise<Load> {
  const { columns, rows } = load
  const more = positionOf(columns, moreColumn)
  const id = positionOf(columns, 'id')
  const time = positionOf(columns, 'received_at')
  if (more < 0 || id < 0) return load
  const ids = rows.flatMap((row) => (row[more] === null ? [] : [String(row[id])]))
  if (ids.length === 0) return load
  const names = [id, more, ...(time < 0 ? [] : [time])].map((at) => quoteIdentifier(columns[at]?.name ?? ''))
  const found = await api.run(
    `SELECT ${names.join(', ')} FROM ${tableName(place, load.table)} WHERE ${names[1]} IS NOT NULL
    AND ${names[0]} IN (SELECT F.VALUE::VARCHAR FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS F)`,
    [JSON.stringify(ids)],
  )
  const stored = new Map(
    found.rows.map(([key, text, at]): [string, StoredMore] => [String(key), { at: millisOf(at), more: String(text) }]),
  )
  return {
    ...load,
    rows: rows.map((row) => {
      const old = stored.get(String(row[id]))
      const fresh = row[more]
      if (old === undefined || typeof fresh !== 'string') return row
      const isOlder = time >= 0 && Date.parse(String(row[time])) < old.at
      const folded: Value = isOlder ? joined(old.more, fresh) : joined(fresh, old.more)
      return row.with(more, folded)
    }),
  }
}

const joined = (top: string, below: string): string =>
  JSON.stringify({ ...(JSON.parse(below) as object), ...(JSON.parse(top) as object) })

/** A TIMESTAMP_TZ comes as seconds since the epoch with a fraction, and behind a blank its zone. */
const millisOf = (text: string | null | undefined): number =>
  typeof text === 'string' ? Math.round(Number(text.split(' ')[0]) * 1000) : Number.NEGATIVE_INFINITY
