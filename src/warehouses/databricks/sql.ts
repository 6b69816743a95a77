import type { Columns, ColumnType, Load } from '../../core/warehouse.ts'
import { moreColumn } from '../mapping/more-column.ts'

/** Where the tables of a source are. */
export interface DatabricksPlace {
  readonly catalog: string
  readonly schema: string
}

/** The column by which tables of events are divided; Delta fills it, and only the engine sees it. */
export const dateColumn = 'event_date'
/** The column by which rows of loads that append are known; only the engine sees it. */
export const loadColumn = '_sluiceway_load'

/** RudderStack's types. https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-datatypes (checked 2026-11-29) */
const declared: Readonly<Record<ColumnType, string>> = {
  int: 'BIGINT',
  float: 'DOUBLE',
  boolean: 'BOOLEAN',
  datetime: 'TIMESTAMP',
  string: 'STRING',
  text: 'STRING',
  json: 'STRING',
}

/** Quotes a name. https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-identifiers (checked 2026-11-29) */
export const quoteName = (name: string): string => `\`${name.replaceAll('\0', '').replaceAll('`', '``')}\``

/** Names a table. */
export const tableName = ({ catalog, schema }: DatabricksPlace, table: string): string =>
  [catalog, schema, table].map(quoteName).join('.')

/**
 * Says what a column's type is to the loader.
 *
 * @param type as `information_schema.columns` gives it
 * @param comment of the column: it tells JSON from other text
 */
export function typeOfColumn(type: string, comment: string | null): ColumnType {
  if (/^(?:BIGINT|LONG|INT|SMALLINT|TINYINT|SHORT|BYTE)/.test(type)) return 'int'
  if (/^(?:DOUBLE|FLOAT|DECIMAL)/.test(type)) return 'float'
  if (type === 'BOOLEAN') return 'boolean'
  if (/^(?:TIMESTAMP|DATE)/.test(type)) return 'datetime'
  return comment === 'json' ? 'json' : 'string'
}

/**
 * Creates a table. One of events is divided by the day on which they were received, as at RudderStack.
 * https://docs.databricks.com/aws/en/delta/generated-columns (checked 2026-11-29)
 *
 * @param table quoted
 * @param columns its columns
 * @param isDivided whether it is one of events
 */
export function createTable(table: string, columns: Columns, isDivided: boolean): string {
  const all = Object.entries(columns).map(columnSql)
  if (isDivided) all.push(`${quoteName(dateColumn)} DATE GENERATED ALWAYS AS (CAST(\`received_at\` AS DATE))`)
  return `CREATE TABLE IF NOT EXISTS ${table} (${all.join(', ')}) USING DELTA${isDivided ? ` PARTITIONED BY (${quoteName(dateColumn)})` : ''}`
}

/** Adds columns that are not there. */
export const addColumns = (table: string, columns: Columns): string =>
  `ALTER TABLE ${table} ADD COLUMNS (${Object.entries(columns).map(columnSql).join(', ')})`

const columnSql = ([name, type]: readonly [string, ColumnType]): string =>
  `${quoteName(name)} ${declared[type]}${type === 'json' ? ` COMMENT 'json'` : ''}`

/** What a statement that loads must know beside the load. */
export interface MergePlan extends Pick<Load, 'columns' | 'merge'> {
  /** Quoted. */
  readonly table: string
  /** What gives the rows: a list of texts each, named `r`. */
  readonly rows: string
  /** All columns of the table that are not Delta's own. */
  readonly stored: readonly string[]
  /** The first day on which a row that is there may have been received, `2026-11-29`; undefined for any. */
  readonly since: string | undefined
}

/** The rows of the parameter `rows`, which is JSON of lists of texts. */
export const rowsOfParameter = `(SELECT explode(from_json(:rows, 'array<array<string>>', map('mode', 'FAILFAST'))) AS r)`

/**
 * The rows of an object, or of all objects in a folder, whose lines are JSON of a list of texts. The location is one of Unity
 * Catalog, so that no key is in the statement, which others see in the query history. Whether all lines were read, the number of
 * affected rows tells.
 * https://docs.databricks.com/aws/en/sql/language-manual/functions/read_files (checked 2026-11-29)
 *
 * @param path `s3://bucket/key`, which has no quotes; that of a folder has no slash at its end
 */
export const rowsOfObjects = (path: string): string =>
  `(SELECT from_json(value, 'array<string>', map('mode', 'FAILFAST')) AS r FROM read_files('${path}', format => 'text'))`

/**
 * A text of the row `r`, by its place from 0; NULL where the row ends before it, which `r[0]` would not bear.
 * https://docs.databricks.com/sql/language-manual/functions/get.html (stored copy, read 2026-11-30)
 */
export const cellAt = (at: number): string => `get(r, ${at})`

/**
 * Merges rows by `id`; those of a load that appends by the text behind the others. A MERGE is one transaction. A text that its type does not take fails it, since Databricks SQL is ANSI.
 * https://docs.databricks.com/aws/en/sql/language-manual/delta-merge-into (checked 2026-11-29)
 */
export function mergeSql(plan: MergePlan): string {
  const { table, rows, merge, columns, stored, since } = plan
  const all = merge === 'append' ? [...columns, { name: loadColumn, type: 'string' as const }] : columns
  const names = all.map(({ name }) => name)
  const cells = all.map(({ name, type }, i) => `CAST(${cellAt(i)} AS ${declared[type]}) AS ${quoteName(name)}`)
  const key = quoteName(merge === 'append' ? loadColumn : 'id')
  const list = names.map(quoteName)
  const pruned = since === undefined ? '' : ` AND kept.${quoteName(dateColumn)} >= DATE '${since}'`
  const set = assignments({ merge, stored }, names)
  return [
    `MERGE INTO ${table} AS kept`,
    `USING (SELECT ${cells.join(', ')} FROM ${rows}) AS fresh`,
    `ON kept.${key} = fresh.${key}${pruned}`,
    ...(set.length === 0 ? [] : [`WHEN MATCHED THEN UPDATE SET ${set.join(', ')}`]),
    `WHEN NOT MATCHED THEN INSERT (${list.join(', ')}) VALUES (${list.map((name) => `fresh.${name}`).join(', ')})`,
  ].join('\n')
}

/** What becomes of a row that is there. */
function assignments(
  { merge, stored }: Pick<MergePlan, 'merge' | 'stored'>,
  given: readonly string[],
): readonly string[] {
  if (merge === 'append') return []
  if (merge === 'coalesce')
    return given.filter((name) => name !== 'id').map((name) => foldSql(name, given.includes('received_at')))
  // A row is replaced as a whole: what the new one does not say is gone.
  const said = new Set(given)
  const all = new Set([...stored, ...given])
  // Rows that are there are counted where something of them is set.
  const set = all.size > 1 ? [...all].filter((name) => name !== 'id') : [...all]
  return set.map((name) => `${quoteName(name)} = ${said.has(name) ? `fresh.${quoteName(name)}` : 'NULL'}`)
}

/** Folds a column of two rows: that of the later one counts. What has no column of its own is folded already. */
function foldSql(name: string, hasTime: boolean): string {
  const column = quoteName(name)
  const over = (top: string, below: string) => `coalesce(${top}.${column}, ${below}.${column})`
  return !hasTime || name === 'uuid_ts' || name === moreColumn
    ? `${column} = ${over('fresh', 'kept')}`
    : `${column} = CASE WHEN fresh.\`received_at\` < kept.\`received_at\` THEN ${over('kept', 'fresh')} ELSE ${over('fresh', 'kept')} END`
}
