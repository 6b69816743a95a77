import type { Columns, ColumnType, Load } from '../../core/warehouse.ts'
import { quoteIdentifier } from '../identifier.ts'
import { moreColumn } from '../mapping/more-column.ts'

const declared: Readonly<Record<ColumnType, string>> = {
  int: 'bigint',
  float: 'numeric',
  boolean: 'boolean',
  datetime: 'timestamptz',
  string: 'text',
  text: 'text',
  json: 'jsonb',
}

const logical: Readonly<Record<string, ColumnType>> = {
  bigint: 'int',
  integer: 'int',
  smallint: 'int',
  numeric: 'float',
  'double precision': 'float',
  real: 'float',
  boolean: 'boolean',
  'timestamp with time zone': 'datetime',
  'timestamp without time zone': 'datetime',
  date: 'datetime',
  jsonb: 'json',
  json: 'json',
}

const addedAtOnce = 100

/**
 * Lets the statements behind it in their transaction wait no longer than this for a lock, unless the role or the server says how
 * long: a table that somebody has locked is not to keep all others waiting.
 * https://www.postgresql.org/docs/18/runtime-config-client.html#GUC-LOCK-TIMEOUT (checked 2026-12-01)
 */
export const boundLocks = `SELECT set_config('lock_timeout', '5s', true) WHERE current_setting('lock_timeout') = '0'`

/** The logical type of a column whose type `information_schema` gives; what is not known takes text. */
export const typeOfColumn = (type: string): ColumnType => logical[type] ?? 'string'

/** Creates a table with as many of the columns as one statement shall have; `table` is quoted. */
export function createTable(table: string, columns: Columns): string {
  // The id must be in the first statement: it is the key.
  const list = Object.entries(columns)
    .toSorted(([a], [b]) => Number(b === 'id') - Number(a === 'id'))
    .slice(0, addedAtOnce)
    .map(([name, type]) => `${quoteIdentifier(name)} ${declared[type]}${name === 'id' ? ' PRIMARY KEY' : ''}`)
  return `CREATE TABLE IF NOT EXISTS ${table} (${list.join(', ')})`
}

/** Adds the columns that are not there. */
export function widenTable(table: string, columns: Columns): readonly string[] {
  const all = Object.entries(columns).map(
    ([name, type]) => `ADD COLUMN IF NOT EXISTS ${quoteIdentifier(name)} ${declared[type]}`,
  )
  return Array.from(
    { length: Math.ceil(all.length / addedAtOnce) },
    (_, i) => `ALTER TABLE ${table} ${all.slice(i * addedAtOnce, (i + 1) * addedAtOnce).join(', ')}`,
  )
}

/** Gives columns other types; `table` is quoted. The server writes the table anew meanwhile. */
export const retypeTable = (table: string, columns: Columns): string =>
  `ALTER TABLE ${table} ${Object.entries(columns)
    .map(([name, type]) => `ALTER COLUMN ${quoteIdentifier(name)} TYPE ${declared[type]}`)
    .join(', ')}`

/** Tells table, name and type of the columns that tables of the schema `$1` have; `$2` is a JSON array of their names. */
export const columnsOf = `SELECT table_name AS "table", column_name AS name, data_type AS type FROM information_schema.columns
  WHERE table_schema = $1 AND table_name IN (SELECT json_array_elements_text($2::text::json)) ORDER BY table_name, ordinal_position`

/**
 * Tells which of the tables that `$1` names, as JSON, refuse a second row with the same id. The rows of tables that inherit from
 * one are in it, but in none of its indexes, unless it is divided by the server.
 */
export const keyedOf = `SELECT asked.name FROM json_array_elements_text($1::text::json) AS asked(name)
  WHERE EXISTS (SELECT 1 FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
    WHERE (c.relkind = 'p' OR NOT c.relhassubclass) AND i.indrelid = to_regclass(asked.name) AND i.indisunique AND i.indisvalid AND i.indimmediate
      AND i.indnkeyatts = 1 AND i.indexprs IS NULL AND i.indpred IS NULL AND a.attname = 'id')`

/**
 * Tells whether a table has rows of some ids, by a row with the number `at`, or none.
 *
 * @param table quoted
 * @param at the parameter behind it is a JSON array of the ids, as text
 * @param type of the ids, as SQL
 */
export const holdingOf = (table: string, at: number, type: string): string =>
  `SELECT ${at} AS at WHERE EXISTS (SELECT 1 FROM ${table}
   WHERE "id" = ANY (ARRAY(SELECT json_array_elements_text($${at + 1}::text::json)::${type})))`

/** Tells the types of all columns of the tables that `$1` names, as JSON: `types` is a JSON object of them, as text. */
export const typesOf = `SELECT asked.name AS "table", json_object_agg(a.attname, format_type(a.atttypid, NULL))::text AS types
  FROM json_array_elements_text($1::text::json) AS asked(name)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = to_regclass(asked.name) AND a.attnum > 0 AND NOT a.attisdropped
  GROUP BY asked.name`

/** Creates the table into which COPY writes: all text, so that COPY has nothing to refuse. */
export const createStage = (stage: string, names: readonly string[]): string =>
  `CREATE TEMPORARY TABLE ${stage} (${names.map((name) => `${quoteIdentifier(name)} text`).join(', ')}) ON COMMIT DROP`

/**
 * Moves what is in `stage` into `table`, without asking for a unique index: a table that was there may have none.
 *
 * @param move `types` are the types of the columns as SQL, in the order of the columns
 */
export function mergeSql(move: {
  readonly table: string
  readonly stage: string
  readonly types: ReadonlyMap<string, string>
  readonly merge: Load['merge']
}): readonly string[] {
  const { table, stage, types, merge } = move
  const columns = [...types]
  const list = columns.map(([name]) => quoteIdentifier(name)).join(', ')
  const insert = `INSERT INTO ${table} (${list}) SELECT ${columns.map(cell).join(', ')} FROM ${stage} AS fresh`
  if (merge === 'append') return [insert]
  const same = `kept."id" = ${cell(['id', types.get('id') ?? 'text'])}`
  if (merge === 'replace') return [`DELETE FROM ${table} AS kept USING ${stage} AS fresh WHERE ${same}`, insert]
  const merged = columns
    .filter(([name]) => name !== 'id')
    .map((column) => `${quoteIdentifier(column[0])} = ${foldSql(column, types)}`)
  const inserted = `${insert} WHERE NOT EXISTS (SELECT 1 FROM ${table} AS kept WHERE ${same})`
  if (merged.length === 0) return [inserted]
  return [`UPDATE ${table} AS kept SET ${merged.join(', ')} FROM ${stage} AS fresh WHERE ${same}`, inserted]
}

type SqlColumn = readonly [name: string, type: string]

const cell = ([name, type]: SqlColumn): string => `fresh.${quoteIdentifier(name)}::${type}`

/** The value of a column of which two rows are folded: of the later row, where it has one. */
function foldSql(column: SqlColumn, types: ReadonlyMap<string, string>): string {
  const [name] = column
  const [fresh, kept] = [cell(column), `kept.${quoteIdentifier(name)}`]
  const over = (top: string, below: string): string =>
    name === moreColumn
      ? `coalesce(${below}, '{}'::jsonb) || coalesce(${top}, '{}'::jsonb)`
      : `coalesce(${top}, ${below})`
  const time = types.get('received_at')
  if (name === 'uuid_ts' || time === undefined) return over(fresh, kept)
  const isOlder = `${cell(['received_at', time])} < kept."received_at"`
  return `CASE WHEN ${isOlder} THEN ${over(kept, fresh)} ELSE ${over(fresh, kept)} END`
}
