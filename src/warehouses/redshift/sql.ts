import type { Columns, ColumnType } from '../../core/warehouse.ts'
import { quoteIdentifier } from '../identifier.ts'

/** Statements of one transaction: https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_BatchExecuteStatement.html. */
export const mostStatements = 40
/** UTF-16 units of a list of columns; a statement has at most 100 KB. */
const listUnits = 24_000

/**
 * RudderStack's types. https://www.rudderstack.com/docs/destinations/warehouse-destinations/redshift/ (checked 2026-11-29)
 */
const declared: Readonly<Record<ColumnType, string>> = {
  int: 'bigint',
  float: 'double precision',
  boolean: 'boolean',
  datetime: 'timestamp',
  string: 'varchar(65535)',
  text: 'varchar(65535)',
  json: 'super',
}

const logical: Readonly<Record<string, ColumnType>> = {
  bigint: 'int',
  integer: 'int',
  smallint: 'int',
  numeric: 'float',
  'double precision': 'float',
  real: 'float',
  boolean: 'boolean',
  'timestamp without time zone': 'datetime',
  'timestamp with time zone': 'datetime',
  timestamp: 'datetime',
  timestamptz: 'datetime',
  date: 'datetime',
  super: 'json',
}

/** Bytes of the longest text that a column takes. https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html (checked 2026-11-29) */
export const mostTextBytes = 65_535

/** The logical type of a column whose type `svv_columns` gives; what is not known takes text. */
export const typeOfColumn = (type: string): ColumnType => logical[type.toLowerCase()] ?? 'string'

/** Names a table. */
export const tableName = (schema: string, table: string): string =>
  `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`

/** Notes loads that append, and lets one load of a schema wait for the other. */
export const loadsTable = (schema: string): string => tableName(schema, '_sluiceway_loads')

/** Creates the table of loads. */
export const createLoads = (schema: string): string =>
  `CREATE TABLE IF NOT EXISTS ${loadsTable(schema)} ("load_key" varchar(64))`

/**
 * Creates a table and adds columns, as RudderStack does: rows of an id are on one node, and in the order in which they were
 * received. `ALTER TABLE` adds one column at a time.
 * https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html (checked 2026-11-29)
 *
 * @param table quoted
 * @param columns all of them
 * @returns the statements, in their order
 */
export function createTable(table: string, columns: Columns): readonly string[] {
  const all = Object.entries(columns).toSorted(([a], [b]) => rankOf(a) - rankOf(b))
  const first = fitting(all)
  const list = first.map(([name, type]) => `${quoteIdentifier(name)} ${declared[type]}`)
  const keys = [
    ...(Object.hasOwn(columns, 'id') ? [' DISTSTYLE KEY DISTKEY ("id")'] : []),
    ...(Object.hasOwn(columns, 'received_at') ? [' SORTKEY ("received_at")'] : []),
  ]
  return [
    `CREATE TABLE IF NOT EXISTS ${table} (${list.join(', ')})${keys.join('')}`,
    ...addColumns(table, Object.fromEntries(all.slice(first.length))),
  ]
}

/** Adds columns. */
export const addColumns = (table: string, columns: Columns): readonly string[] =>
  Object.entries(columns).map(
    ([name, type]) => `ALTER TABLE ${table} ADD COLUMN ${quoteIdentifier(name)} ${declared[type]}`,
  )

/** Lets a column take longer texts; it must be a transaction of its own. */
export const lengthen = (table: string, column: string): string =>
  `ALTER TABLE ${table} ALTER COLUMN ${quoteIdentifier(column)} TYPE varchar(${mostTextBytes})`

/** The keys come first, so that they are in the statement that creates the table. */
const rankOf = (name: string): number => (name === 'id' ? 0 : name === 'received_at' ? 1 : 2)

/** As many of the columns as one statement shall have. */
function fitting(columns: readonly [string, ColumnType][]): readonly [string, ColumnType][] {
  let units = 0
  const end = columns.findIndex(([name]) => (units += name.length + 24) > listUnits)
  return end < 0 ? columns : columns.slice(0, Math.max(1, end))
}

/** Cuts a list of pieces of SQL into lists of bounded size. */
export function* pieces(parts: readonly string[]): Generator<readonly string[]> {
  let some: string[] = []
  let units = 0
  for (const part of parts) {
    if (some.length > 0 && units + part.length > listUnits) {
      yield some
      some = []
      units = 0
    }
    some.push(part)
    units += part.length + 2
  }
  if (some.length > 0) yield some
}
