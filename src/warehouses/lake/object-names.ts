// Names of objects: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html (checked 2026-11-29)
import type { Load } from '../../core/warehouse.ts'
import { hexHash } from '../hex-hash.ts'
import { rowIdentities } from '../row-identities.ts'
import { readerOf, type LoadRow } from './rows.ts'

/**
 * The folders that a table may have, by what their names are made of. They are RudderStack's, whose `timeWindowLayout` names
 * them as Go does: `dt=2006-01-02`, `2006/01/02/15`, …
 * https://www.rudderstack.com/docs/destinations/warehouse-destinations/s3-datalake/ (checked 2026-11-29)
 */
export const folderLayouts = ['dt=YYYY-MM-DD', 'YYYY/MM/DD/HH', 'YYYY/MM/DD', 'YYYY/MM', 'YYYY'] as const

/** How the folders of a table are named. */
export type FolderLayout = (typeof folderLayouts)[number]

/** Bytes of a table's folder: a name of an object has at most 1,024. */
const longestTable = 200

/**
 * Names the folder of a table. What is no letter of ASCII, digit, `_` or `-` is percent-encoded, so that no table leads into
 * the folder of another; a name that is too long ends with its hash.
 *
 * @param table its name, whatever is in it
 */
export async function tableFolder(table: string): Promise<string> {
  const name = encodeURIComponent(table.toWellFormed()).replaceAll(
    /[!'()*.~]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  if (name.length <= longestTable) return name
  return `${name.slice(0, longestTable - 33).replace(/%.?$/, '')}-${await hexHash(table, 16)}`
}

/**
 * Groups the rows of a load by the folder in which they belong: by the time at which their event was received, in UTC.
 *
 * @param load rows without a time belong to 1970
 * @param layout how folders are named
 * @returns the rows by folder, in their order
 */
export function rowsByFolder(load: Load, layout: FolderLayout): ReadonlyMap<string, readonly LoadRow[]> {
  const receivedAt = readerOf(load.columns, 'received_at')
  return Map.groupBy(load.rows, (row) => {
    const time = receivedAt(row)
    return folderOf(typeof time === 'string' ? time : '1970-01-01T00', layout)
  })
}

/** `time` is RFC 3339, UTC. */
const folderOf = (time: string, layout: FolderLayout): string =>
  layout
    .replace('YYYY', time.slice(0, 4))
    .replace('MM', time.slice(5, 7))
    .replace('DD', time.slice(8, 10))
    .replace('HH', time.slice(11, 13))

/**
 * Names the object of some rows of a load: a repeat of the load gives the same name.
 *
 * The loader halves a load under one id: what its rows are decides as well.
 *
 * @param load which
 * @param folder of the table, in which the rows are
 * @param rows those of the folder
 * @returns 32 hex digits and the ending
 */
export async function dataName(load: Load, folder: string, rows: readonly LoadRow[]): Promise<string> {
  const told = rowIdentities(load, rows)
  return `${await hexHash(JSON.stringify([load.id, load.table, folder, ...told]), 16)}.parquet`
}

/**
 * Names the object of the rows of several loads: the same loads give the same name.
 *
 * @param names of the objects that each of them would be by itself, in their order
 * @returns 32 hex digits and the ending; the name itself where it is but one
 */
export async function gatheredName(names: readonly string[]): Promise<string> {
  const [only] = names
  return names.length === 1 && only !== undefined ? only : `${await hexHash(JSON.stringify(names), 16)}.parquet`
}
