import type { Columns, ColumnType } from '../../core/warehouse.ts'

/** How new tables are divided: by the time at which events were received, as RudderStack does. */
export const partitions = { day: 'toDate', week: 'toStartOfWeek', month: 'toStartOfMonth' } as const

/** Where the tables of a warehouse are. */
export interface ClickHousePlace {
  readonly database: string
  /** Undefined on one server, and on ClickHouse Cloud. */
  readonly cluster?: string | undefined
  readonly partition: keyof typeof partitions
}

/** The column by which loads that append are known; only the engine sees it. */
export const loadColumn = '_sluiceway_load'

const declared: Readonly<Record<ColumnType, string>> = {
  int: 'Int64',
  float: 'Float64',
  boolean: 'UInt8',
  datetime: "DateTime64(3, 'UTC')",
  string: 'String',
  text: 'String',
  json: 'String',
}

/** Columns with few different values. */
const repeated: ReadonlySet<string> = new Set(['event', 'event_text'])

/**
 * Quotes a name. A backslash in quotes begins an escape. https://clickhouse.com/docs/sql-reference/syntax#identifiers (checked
 * 2026-11-29)
 */
export const quoteName = (name: string): string =>
  `"${name.replaceAll('\0', '').replaceAll(/["\\]/g, String.raw`\$&`)}"`

/** Quotes a text. https://clickhouse.com/docs/sql-reference/syntax#string (checked 2026-11-29) */
export const quoteText = (text: string): string =>
  `'${text.replaceAll(/['\\]/g, String.raw`\$&`).replaceAll('\0', String.raw`\0`)}'`

/** Names a table. */
export const tableName = ({ database }: ClickHousePlace, table: string): string =>
  `${quoteName(database)}.${quoteName(table)}`

const onCluster = ({ cluster }: ClickHousePlace): string =>
  cluster === undefined ? '' : `ON CLUSTER ${quoteName(cluster)} `

/** Creates the database. */
export const createDatabase = (place: ClickHousePlace): string =>
  `CREATE DATABASE IF NOT EXISTS ${quoteName(place.database)} ${onCluster(place)}`.trimEnd()

/**
 * Creates a table as RudderStack does: events by the time at which they were received, so that a query of some days reads those
 * alone; users by id, each column of which keeps its last value.
 *
 * @param place where it is
 * @param table its name: `users` aggregates
 * @param columns its columns
 */
export function createTable(place: ClickHousePlace, table: string, columns: Columns): string {
  const isUsers = table === 'users' && Object.hasOwn(columns, 'id')
  const keys = isUsers ? ['id'] : ['received_at', 'id'].filter((name) => Object.hasOwn(columns, name))
  const list = Object.entries(columns).map(([name, type]) => {
    if (keys.includes(name)) return columnSql(name, declared[type], type)
    const full = nullable(name, type)
    if (!isUsers) return columnSql(name, full, type)
    // Of two rows the later one's time counts, so that what comes late is known to be late.
    return name === 'received_at'
      ? columnSql(name, `SimpleAggregateFunction(max, ${declared[type]})`, type)
      : columnSql(name, `SimpleAggregateFunction(anyLast, ${full})`, type)
  })
  const family = isUsers ? 'AggregatingMergeTree' : Object.hasOwn(columns, 'id') ? 'ReplacingMergeTree' : 'MergeTree'
  const name = tableName(place, table)
  const divided = keys[0] === 'received_at' && keys.length > 1
  return [
    `CREATE TABLE IF NOT EXISTS ${name} ${onCluster(place)}(${list.join(', ')})`,
    `ENGINE = ${engineOf(place, family)}`,
    ...(divided ? [`PARTITION BY ${partitions[place.partition]}("received_at")`] : []),
    `ORDER BY ${keys.length === 1 ? quoteName(keys[0] as string) : `tuple(${keys.map(quoteName).join(', ')})`}`,
    // A repeat of a load is known by its token on a table that is not replicated, too.
    'SETTINGS non_replicated_deduplication_window = 1000',
  ].join(' ')
}

/** Adds the columns that are not there. */
export const widenTable = (place: ClickHousePlace, table: string, columns: Columns, isAggregating: boolean): string =>
  alterColumns(place, table, alteredColumns('ADD COLUMN IF NOT EXISTS', columns, isAggregating))

/** Gives columns other types. The server writes them anew, and answers once that is done. */
export const retypeTable = (place: ClickHousePlace, table: string, columns: Columns, isAggregating: boolean): string =>
  alterColumns(place, table, alteredColumns('MODIFY COLUMN', columns, isAggregating))

const alterColumns = (place: ClickHousePlace, table: string, changes: readonly string[]): string =>
  `ALTER TABLE ${tableName(place, table)} ${onCluster(place)}${changes.join(', ')}`

const alteredColumns = (verb: string, columns: Columns, isAggregating: boolean): readonly string[] =>
  Object.entries(columns).map(([name, type]) => {
    const full = nullable(name, type)
    return `${verb} ${columnSql(name, isAggregating ? `SimpleAggregateFunction(anyLast, ${full})` : full, type)}`
  })

/** Adds the column by which loads that append are known. */
export const addLoadColumn = (place: ClickHousePlace, table: string): string =>
  `ALTER TABLE ${tableName(place, table)} ${onCluster(place)}ADD COLUMN IF NOT EXISTS ${quoteName(loadColumn)} String`

/**
 * Says what a column's type is to the loader.
 *
 * @param type as `system.columns` gives it
 * @param comment of the column: it tells JSON from other text
 */
export function typeOfColumn(type: string, comment: string): ColumnType {
  const inner = /^(?:Nullable|LowCardinality|SimpleAggregateFunction)\((?:\w+, )?(.*)\)$/.exec(type)?.[1]
  if (inner !== undefined) return typeOfColumn(inner, comment)
  // RudderStack has no other use for UInt8.
  if (type === 'UInt8' || type === 'Bool') return 'boolean'
  if (/^U?Int\d+$/.test(type)) return 'int'
  if (/^(?:Float|BFloat|Decimal)/.test(type)) return 'float'
  if (type.startsWith('Date')) return 'datetime'
  return comment === 'json' ? 'json' : 'string'
}

function engineOf({ cluster }: ClickHousePlace, family: string): string {
  // As at RudderStack, every server of the cluster has every row. `{uuid}` is the table's own: one that is dropped and made again
  // does not meet its old replicas.
  return cluster === undefined
    ? family
    : `Replicated${family}('/clickhouse/{cluster}/tables/{uuid}/{database}/{table}', '{replica}')`
}

function nullable(name: string, type: ColumnType): string {
  const own = `Nullable(${declared[type]})`
  return repeated.has(name) && declared[type] === 'String' ? `LowCardinality(${own})` : own
}

const columnSql = (name: string, type: string, logical: ColumnType): string =>
  `${quoteName(name)} ${type}${logical === 'json' ? ` COMMENT 'json'` : ''}`
