import type { Columns, ColumnType } from '../../core/warehouse.ts'
import { isRecord } from '../../core/json.ts'

/** A column as the API has it. */
export interface TableField {
  readonly name: string
  readonly type: string
  readonly mode?: string
  readonly description?: string
}

/** The column by which loads that append are known; only the engine sees it. */
export const loadColumn = '_sluiceway_load'

/** Columns that the merge fills with the time at which rows get into their table. */
export const stampColumns: ReadonlySet<string> = new Set(['uuid_ts', 'loaded_at'])

/** Longest name of a column, in characters. */
const longestName = 300

const declared: Readonly<Record<ColumnType, string>> = {
  int: 'INTEGER',
  float: 'FLOAT',
  boolean: 'BOOLEAN',
  datetime: 'TIMESTAMP',
  string: 'STRING',
  text: 'STRING',
  json: 'STRING',
}

const logical: Readonly<Record<string, ColumnType>> = {
  INTEGER: 'int',
  INT64: 'int',
  FLOAT: 'float',
  FLOAT64: 'float',
  NUMERIC: 'float',
  BIGNUMERIC: 'float',
  BOOLEAN: 'boolean',
  BOOL: 'boolean',
  TIMESTAMP: 'datetime',
  DATETIME: 'datetime',
  DATE: 'datetime',
  JSON: 'json',
}

/** Names of types in SQL, where the API has others. */
const inSql: Readonly<Record<string, string>> = { INTEGER: 'INT64', FLOAT: 'FLOAT64', BOOLEAN: 'BOOL' }

/** The name of a type in SQL. */
export const sqlType = (type: string): string => inSql[type] ?? type

/** The name of a logical type in SQL. */
export const declaredSql = (type: ColumnType): string => sqlType(declared[type])

/** A column that the engine makes; the description tells JSON from other text. */
export const fieldOf = (name: string, type: ColumnType): TableField => ({
  name,
  type: declared[type],
  ...(type === 'json' ? { description: 'json' } : {}),
})

/** Says what the columns of a table are to the loader; what is not known takes text. */
export const columnsOf = (fields: readonly TableField[]): Columns =>
  Object.fromEntries(
    fields
      .filter(({ name }) => name !== loadColumn)
      .map(({ name, type, description }) => [
        name,
        type === 'STRING' && description === 'json' ? 'json' : (logical[type] ?? 'string'),
      ]),
  )

/** Reads the columns of a table as the API tells them. */
export function fieldsIn(body: Readonly<Record<string, unknown>>): readonly TableField[] {
  const schema = isRecord(body['schema']) ? body['schema'] : {}
  return Array.isArray(schema['fields']) ? (schema['fields'] as readonly TableField[]) : []
}

/**
 * Whether a name can be a table's or a column's: quotes do not make room for other characters.
 * https://cloud.google.com/bigquery/docs/schemas#column_names (stored copy, read 2026-11-29)
 */
export const isName = (name: string): boolean => /^[a-z_]\w*$/i.test(name) && name.length <= longestName
