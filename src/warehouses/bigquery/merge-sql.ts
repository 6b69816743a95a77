import type { Column } from '../../core/warehouse.ts'
import { moreColumn } from '../mapping/more-column.ts'
import { declaredSql, loadColumn, sqlType, stampColumns, type TableField } from './schema.ts'

/** What is merged: staged rows into a table. */
export interface Merge {
  /** Names of both, as `project.dataset.table`. */
  readonly table: string
  readonly stage: string
  /** Columns of the staged rows. */
  readonly columns: readonly Column[]
  /** Columns of the table. */
  readonly fields: readonly TableField[]
  /** The column by which the table is divided; undefined where rows are looked for in all of it. */
  readonly partition: string | undefined
}

/** Times between which the rows of a table are looked at, in milliseconds since the epoch. */
export interface TimeRange {
  readonly from: number
  readonly to: number
  /** Whether rows without a time are looked at, too. */
  readonly orNone?: boolean
}

const earliestMs = Date.parse('0001-01-01T00:00:00.000Z')
const latestMs = Date.parse('9999-12-31T23:59:59.999Z')

/** Quotes a name; what is no name was refused before. */
export const quoteName = (name: string): string => `\`${name.replaceAll('`', '')}\``

/** Inserts the rows that are not there: it reads the ids of the range alone, and that is what it costs. */
export const insertMissing = (merge: Merge, range?: TimeRange): string =>
  `${head(merge)} ON ${[...sameRow(merge), ...within(merge, range)].join(' AND ')} ${insert(merge)}`

/** Tells how many of the rows are there, and between which times, in milliseconds since the epoch. */
export function findThere(merge: Merge, range?: TimeRange): string {
  const { table, stage, partition } = merge
  const time = partition === undefined ? 'NULL' : `kept.${quoteName(partition)}`
  const times = partition === undefined ? `${time}, ${time}` : `UNIX_MILLIS(MIN(${time})), UNIX_MILLIS(MAX(${time}))`
  return `SELECT COUNT(*), ${times} FROM ${quoteName(table)} AS kept JOIN ${quoteName(stage)} AS fresh ON ${[
    ...sameRow(merge),
    ...within(merge, range),
  ].join(' AND ')}`
}

/** Tells when rows were received, in milliseconds since the epoch, by id; of ids whose SHA-256 is given, in hex. */
export const receivedTimes = (table: string, hashes: readonly string[]): string =>
  `SELECT id, UNIX_MILLIS(received_at) FROM ${quoteName(table)}
   WHERE TO_HEX(SHA256(id)) IN (${hashes.map((hash) => `'${hash}'`).join(', ')})`

/** Puts rows wholly in the place of those that are there; columns that they do not name become NULL. */
export function replaceThere(merge: Merge, range?: TimeRange): string {
  const given = new Set(merge.columns.map(({ name }) => name))
  const set = merge.fields
    .filter(({ name, mode }) => name !== 'id' && name !== loadColumn && mode !== 'REPEATED' && mode !== 'REQUIRED')
    .map(({ name }) => {
      const value = stampColumns.has(name) ? 'CURRENT_TIMESTAMP()' : given.has(name) ? cell(merge, name) : 'NULL'
      return `${quoteName(name)} = ${value}`
    })
  if (set.length === 0) return ''
  const on = [...sameRow(merge), ...within(merge, range)].join(' AND ')
  return `${head(merge)} ON ${on} WHEN MATCHED THEN UPDATE SET ${set.join(', ')}`
}

/**
 * Folds rows with those of the same id: of the values of both, those of the row that was received later. Rows that are not there
 * are inserted.
 */
export function foldThere(merge: Merge): string {
  const { columns } = merge
  const hasTime = columns.some(({ name }) => name === 'received_at')
  const isOlder = `${cell(merge, 'received_at')} < kept.${quoteName('received_at')}`
  const over = (name: string, top: string, below: string) =>
    name === moreColumn ? `sluiceway_join(${top}, ${below})` : `COALESCE(${top}, ${below})`
  const set = columns
    .filter(({ name }) => name !== 'id')
    .map(({ name }) => {
      const [fresh, kept] = [cell(merge, name), `kept.${quoteName(name)}`]
      const newer = over(name, fresh, kept)
      return `${quoteName(name)} = ${hasTime ? `CASE WHEN ${isOlder} THEN ${over(name, kept, fresh)} ELSE ${newer} END` : newer}`
    })
  const stamps = stampsOf(merge).map((name) => `${quoteName(name)} = CURRENT_TIMESTAMP()`)
  const matched = [...set, ...stamps]
  const update = matched.length === 0 ? '' : ` WHEN MATCHED THEN UPDATE SET ${matched.join(', ')}`
  const joins = columns.some(({ name }) => name === moreColumn) ? joinFunction : ''
  return `${joins}${head(merge)} ON ${sameRow(merge).join(' AND ')}${update} ${insert(merge)}`
}

/** Appends the rows of a load that has appended none. */
export const appendOnce = (merge: Merge): string =>
  `${head(merge)} ON kept.${quoteName(loadColumn)} = fresh.${quoteName(loadColumn)} ${insert(merge)}`

/** Gives a column another type. */
export const retypeColumn = (table: string, { name, type }: Column): string =>
  `ALTER TABLE ${quoteName(table)} ALTER COLUMN ${quoteName(name)} SET DATA TYPE ${declaredSql(type)}`

/** Joins two JSON objects; of keys of both, the first one's values. */
const joinFunction = `CREATE TEMP FUNCTION sluiceway_join(top STRING, below STRING) RETURNS STRING LANGUAGE js AS r"""
return top === null ? below : below === null ? top : JSON.stringify(Object.assign(JSON.parse(below), JSON.parse(top)));
"""; `

const head = ({ table, stage }: Merge): string =>
  `MERGE INTO ${quoteName(table)} AS kept USING ${quoteName(stage)} AS fresh`

function insert(merge: Merge): string {
  const { columns } = merge
  const stamps = stampsOf(merge)
  const names = [...columns.map(({ name }) => name), ...stamps].map(quoteName).join(', ')
  const values = [...columns.map(({ name }) => cell(merge, name)), ...stamps.map(() => 'CURRENT_TIMESTAMP()')]
  return `WHEN NOT MATCHED THEN INSERT (${names}) VALUES (${values.join(', ')})`
}

/** A table without ids, as that of merge rules, has no two rows that are the same. */
function sameRow(merge: Merge): readonly string[] {
  const { columns } = merge
  if (columns.some(({ name }) => name === 'id')) return [`kept.${quoteName('id')} = ${cell(merge, 'id')}`]
  return columns.map(({ name }) => `COALESCE(kept.${quoteName(name)}, '') = COALESCE(${cell(merge, name)}, '')`)
}

/** Constants, so that other parts of the table are not read. */
function within({ partition }: Merge, range: TimeRange | undefined): readonly string[] {
  if (partition === undefined || range === undefined) return []
  const name = `kept.${quoteName(partition)}`
  const between = `${name} BETWEEN ${timeSql(range.from)} AND ${timeSql(range.to)}`
  return [range.orNone === true ? `(${between} OR ${name} IS NULL)` : between]
}

const timeSql = (ms: number): string =>
  `TIMESTAMP '${new Date(Math.min(latestMs, Math.max(earliestMs, ms))).toISOString()}'`

const stampsOf = ({ fields }: Merge): readonly string[] =>
  fields.filter(({ name, type }) => stampColumns.has(name) && type === 'TIMESTAMP').map(({ name }) => name)

/** The value of a staged row, as the table's column takes it. */
function cell({ columns, fields }: Merge, name: string): string {
  const staged = `fresh.${quoteName(name)}`
  const type = fields.find((field) => field.name.toLowerCase() === name.toLowerCase())?.type
  const own = columns.find((column) => column.name === name)?.type
  if (type === undefined || own === undefined || sqlType(type) === declaredSql(own)) return staged
  return type === 'JSON' ? `PARSE_JSON(${staged}, wide_number_mode => 'round')` : `CAST(${staged} AS ${sqlType(type)})`
}
