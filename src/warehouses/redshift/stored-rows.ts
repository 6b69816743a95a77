import type { Load } from '../../core/warehouse.ts'
import { hexHash } from '../hex-hash.ts'
import { quoteIdentifier } from '../identifier.ts'
import { idsWithMore, type StoredMore, storedMoreOf } from '../mapping/fold-more.ts'
import { moreColumn } from '../mapping/more-column.ts'
import { storableText } from '../mapping/storable-text.ts'
import type { DataApi, ResultValue } from './data-api.ts'

/** Ids in one question about rows; each takes 68 of the 100 KB that a statement has. */
const idsAtOnce = 1_000

/** Where to look for rows that are there. */
interface Look {
  readonly api: DataApi
  /** Quoted. */
  readonly table: string
}

/**
 * Reads when rows that are there were received.
 *
 * @param ids of the rows
 * @param look into a table that has the column
 * @returns milliseconds since the epoch, by id
 */
export async function storedTimes(ids: readonly string[], look: Look): Promise<ReadonlyMap<string, number>> {
  const rows = await rowsOf(ids, (id) => `SELECT "id", "received_at" FROM ${look.table} WHERE ${id}`, look)
  return new Map(rows.flatMap(([id, at]) => (typeof at === 'string' ? [[String(id), millisOf(at)]] : [])))
}

/**
 * Reads what rows that are there say in their column for the rest, since SQL has nothing that joins two objects.
 *
 * @param load whose rows are looked for, where they have something there
 * @param look into their table
 */
export async function storedMore(load: Load, look: Look): Promise<readonly StoredMore[]> {
  const ids = idsWithMore(load)
  const time = load.columns.some(({ name }) => name === 'received_at') ? '"received_at"' : 'NULL'
  const rows = await rowsOf(
    ids,
    (id) =>
      `SELECT "id", json_serialize(${quoteIdentifier(moreColumn)}), ${time} FROM ${look.table}
         WHERE ${quoteIdentifier(moreColumn)} IS NOT NULL AND ${id}`,
    look,
  )
  return storedMoreOf(rows, millisOf)
}

/** Rows of some ids, which need no quotes as hashes. */
async function rowsOf(
  ids: readonly string[],
  sqlOf: (isOne: string) => string,
  { api }: Look,
): Promise<readonly (readonly ResultValue[])[]> {
  const found: (readonly ResultValue[])[] = []
  for (let i = 0; i < ids.length; i += idsAtOnce) {
    const hashes = await Promise.all(ids.slice(i, i + idsAtOnce).map((id) => hexHash(storableText(id))))
    const isOne = `sha2("id", 256) IN (${hashes.map((hash) => `'${hash}'`).join(', ')})`
    found.push(...(await api.rows(sqlOf(isOne), {})))
  }
  return found
}

/** A timestamp has no zone, and is UTC; a timestamptz has the hours of its zone behind it. */
function millisOf(timestamp: string): number {
  const time = timestamp.replace(' ', 'T')
  const zone = /:\d\d(?:\.\d+)?([+-]\d\d)(?::?(\d\d))?$/.exec(time)
  if (zone === null) return Date.parse(`${time}Z`)
  const [, hours = '', minutes = '00'] = zone
  return Date.parse(`${time.slice(0, time.lastIndexOf(hours))}${hours}:${minutes}`)
}
