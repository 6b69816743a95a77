import type { Column, Columns, ColumnType, Load } from '../../core/warehouse.ts'
import { quoteIdentifier } from '../identifier.ts'
import { positionOf } from '../mapping/fold-more.ts'
import { moreColumn } from '../mapping/more-column.ts'

/** Where the tables of a warehouse are. */
export interface SnowflakePlace {
  readonly database: string
  readonly schema: string
}

/** The column by which loads that append are known; only the engine sees it. */
export const loadColumn = '_SLUICEWAY_LOAD'

/** RudderStack's types; NUMBER without a precision is NUMBER(38, 0). */
const declared: Readonly<Record<ColumnType, string>> = {
  int: 'NUMBER(38, 0)',
  float: 'DOUBLE',
  boolean: 'BOOLEAN',
  datetime: 'TIMESTAMP_TZ',
  string: 'VARCHAR',
  text: 'VARCHAR',
  json: 'VARIANT',
}

const logical: Readonly<Record<string, ColumnType>> = {
  FLOAT: 'float',
  DECFLOAT: 'float',
  BOOLEAN: 'boolean',
  TIMESTAMP_TZ: 'datetime',
  TIMESTAMP_LTZ: 'datetime',
  TIMESTAMP_NTZ: 'datetime',
  DATE: 'datetime',
  VARIANT: 'json',
  OBJECT: 'json',
}

/** Names the schema. */
export const schemaName = ({ database, schema }: SnowflakePlace): string =>
  `${quoteIdentifier(database)}.${quoteIdentifier(schema)}`

/** Names a table. */
export const tableName = (place: SnowflakePlace, table: string): string =>
  `${schemaName(place)}.${quoteIdentifier(table)}`

/** Creates the schema. */
export const createSchema = (place: SnowflakePlace): string => `CREATE SCHEMA IF NOT EXISTS ${schemaName(place)}`

/** Creates a table. */
export const createTable = (place: SnowflakePlace, table: string, columns: Columns): string =>
  `CREATE TABLE IF NOT EXISTS ${tableName(place, table)} (${Object.entries(columns).map(declare).join(', ')})`

/** Adds columns, of which some may be there. */
export const widenTable = (place: SnowflakePlace, table: string, columns: Columns): string =>
  `ALTER TABLE ${tableName(place, table)} ADD COLUMN ${Object.entries(columns)
    .map((column) => `IF NOT EXISTS ${declare(column)}`)
    .join(', ')}`

const declare = ([name, type]: readonly [string, ColumnType]): string => `${quoteIdentifier(name)} ${declared[type]}`

/**
 * Reads the columns of some tables: name of the table, name, type and scale of each, in their order. The schema and each of the
 * tables is a question mark.
 */
export const readColumns = ({ database }: SnowflakePlace, tables: number): string =>
  `SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, NUMERIC_SCALE FROM ${quoteIdentifier(database)}.INFORMATION_SCHEMA.COLUMNS
  WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (${Array.from({ length: tables }, () => '?').join(', ')}) ORDER BY TABLE_NAME, ORDINAL_POSITION`

/**
 * Says what a column's type is to the loader.
 *
 * @param type as INFORMATION_SCHEMA gives it
 * @param scale of a NUMBER, as text
 */
export const typeOfColumn = (type: string, scale: string | null): ColumnType =>
  type === 'NUMBER' ? (scale === '0' ? 'int' : 'float') : (logical[type] ?? 'string')

/** A load, and the table that it is for, as a statement names them. */
export interface Move {
  readonly place: SnowflakePlace
  readonly table: string
  readonly columns: readonly Column[]
  readonly merge: Load['merge']
  /** All columns of the table. */
  readonly stored: readonly string[]
  /**
   * What has the rows: an object, `@stage/name`, or all that are in a folder, `@stage/name/`; left out, they come in the last
   * question mark.
   */
  readonly object?: string
}

/**
 * Merges rows that come in one text, a JSON array of rows, which are arrays of texts: its question mark. Of a load that appends
 * the first question mark is its id. An object has such a row in each line; the stage says that it is JSON. A row that ends before a
 * column has NULL there: https://docs.snowflake.com/en/migrations/snowconvert-docs/general/technical-documentation/issues-and-troubleshooting/functional-difference/bigqueryFDM
 * (stored copy, read 2026-11-30). https://docs.snowflake.com/en/user-guide/querying-stage (stored copy)
 *
 * One statement is one transaction, it holds the lock of the table against other merges, and a repeat of it changes nothing.
 * Without a column `ID`, a row is the same as one that has the same values.
 * https://docs.snowflake.com/en/sql-reference/sql/merge, https://docs.snowflake.com/en/sql-reference/functions/flatten
 * (stored copies)
 */
export function mergeSql(move: Move): string {
  const { place, table, columns, merge, object } = move
  const isAppend = merge === 'append'
  const [from, row] =
    object === undefined ? ['TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS F', 'F.VALUE'] : [`${object} F`, 'F.$1']
  const cells = columns.map(({ type }, i) => `${cell(type, `${row}[${i}]`)} AS C${i}`)
  if (isAppend) cells.unshift('?::VARCHAR AS LOAD_ID')
  const names = columns.map(({ name }) => quoteIdentifier(name))
  const values = columns.map((_, i) => `FRESH.C${i}`)
  const matched = isAppend ? [] : changesOf(move)
  return [
    `MERGE INTO ${tableName(place, table)} AS KEPT`,
    `USING (SELECT ${cells.join(', ')} FROM ${from}) AS FRESH`,
    `ON ${isAppend ? `KEPT.${quoteIdentifier(loadColumn)} = FRESH.LOAD_ID` : sameRow(columns)}`,
    ...(matched.length === 0 ? [] : [`WHEN MATCHED THEN UPDATE SET ${matched.join(', ')}`]),
    `WHEN NOT MATCHED THEN INSERT (${(isAppend ? [quoteIdentifier(loadColumn), ...names] : names).join(', ')})`,
    `VALUES (${(isAppend ? ['FRESH.LOAD_ID', ...values] : values).join(', ')})`,
  ].join(' ')
}

function sameRow(columns: readonly Column[]): string {
  const id = positionOf(columns, 'id')
  const same = (at: number, by: string): string => `KEPT.${nameAt(columns, at)} ${by} FRESH.C${at}`
  return id >= 0 ? same(id, '=') : columns.map((_, at) => same(at, 'IS NOT DISTINCT FROM')).join(' AND ')
}

/** What becomes of a row that is there: nothing where the whole row is the key. */
function changesOf({ columns, merge, stored, object }: Move): string[] {
  const id = positionOf(columns, 'id')
  if (id < 0) return []
  const folds = merge === 'coalesce'
  const given = new Set(columns.map(({ name }) => name))
  const missing = folds ? [] : stored.filter((name) => !given.has(name) && name !== loadColumn)
  const changes = [
    ...columns.flatMap((_, at) =>
      at === id ? [] : [`${nameAt(columns, at)} = ${folds ? fold(columns, at) : `FRESH.C${at}`}`],
    ),
    ...missing.map((name) => `${quoteIdentifier(name)} = NULL`),
  ]
  // Rows that are there are counted where something of them is set.
  return changes.length > 0 || object === undefined ? changes : [`${nameAt(columns, id)} = FRESH.C${id}`]
}

/** The value of a column of which two rows are folded: of the later row, where it has one. */
function fold(columns: readonly Column[], at: number): string {
  const [fresh, kept] = [`FRESH.C${at}`, `KEPT.${nameAt(columns, at)}`]
  const name = (columns[at] as Column).name.toLowerCase()
  const time = positionOf(columns, 'received_at')
  // JSON objects come folded.
  if (name === 'uuid_ts' || name === moreColumn || time < 0) return `COALESCE(${fresh}, ${kept})`
  const isOlder = `FRESH.C${time} < KEPT.${nameAt(columns, time)}`
  return `CASE WHEN ${isOlder} THEN COALESCE(${kept}, ${fresh}) ELSE COALESCE(${fresh}, ${kept}) END`
}

const nameAt = (columns: readonly Column[], at: number): string => quoteIdentifier((columns[at] as Column).name)

/** A value, of which the text is made first: a text that is no number is then an error of that number. */
function cell(type: ColumnType, value: string): string {
  const text = `${value}::VARCHAR`
  switch (type) {
    case 'string':
    case 'text':
      return text
    case 'json':
      return `PARSE_JSON(${text})`
    // An account may have another format of its own.
    case 'datetime':
      return `TO_TIMESTAMP_TZ(${text}, 'AUTO')`
    default:
      return `${text}::${declared[type]}`
  }
}
