// What of the SQL of Databricks DuckDB does not have, or takes where Databricks refuses it.

/** A failure of a statement, in the words of Databricks. */
export class DatabricksSqlError extends Error {
  readonly sqlState: string

  constructor(condition: string, sqlState: string, reason: string) {
    super(`[${condition}] ${reason} SQLSTATE: ${sqlState}`)
    this.sqlState = sqlState
  }
}

/** Lines of an object, as rows. */
const readsLines =
  /\(SELECT from_json\(value, 'array<string>', map\('mode', 'FAILFAST'\)\) AS r FROM read_files\('([^']+)', format => 'text'\)\)/g

/**
 * Tells which object or folder a statement reads. DuckDB gets its lines as the parameter `lines`, JSON of a list of texts.
 * https://docs.databricks.com/aws/en/sql/language-manual/functions/read_files (checked 2026-11-29): a path that is no glob.
 *
 * @returns as the statement has it, `s3://bucket/key`; undefined where it reads none
 */
export const objectIn = (sql: string): string | undefined => sql.matchAll(readsLines).next().value?.[1]

const quoted = /`(?:[^`]|``)*`/g
const catalog = '"analytics"'

/**
 * Translates a statement for DuckDB, whose catalog `analytics` stands for one of Unity Catalog.
 *
 * https://docs.databricks.com/aws/en/sql/language-manual/ (checked 2026-11-29): backticks quote names; `explode` and `from_json`
 * make rows of JSON; `r[0]` is the first of a list and fails beyond its end, where `get(r, 0)` is NULL; Delta's tables have comments, partitions and generated columns.
 *
 * @param sql as the engine sent it
 * @returns statements of DuckDB, in their order
 * @throws {DatabricksSqlError} for names that Unity Catalog or Delta does not take
 */
export function translate(sql: string): readonly string[] {
  checkNames(sql)
  const comments: string[] = []
  let text = sql
    .replaceAll(quoted, (name) => `"${name.slice(1, -1).replaceAll('``', '`').replaceAll('"', '""')}"`)
    .replaceAll(
      /explode\(from_json\(:(\w+), 'array<(array<string>|string)>', map\('mode', 'FAILFAST'\)\)\)/g,
      (_, name: string, type: string) => `unnest(CAST(:${name} AS JSON)::VARCHAR[]${type === 'string' ? '' : '[]'})`,
    )
    .replaceAll(
      readsLines,
      '(SELECT CAST(value AS JSON)::VARCHAR[] AS r FROM unnest(CAST($lines AS JSON)::VARCHAR[]) AS lines(value))',
    )
    .replaceAll(
      /\br\[(\d+)\]/g,
      (_, at: string) =>
        `CASE WHEN len(r) > ${at} THEN r[${Number(at) + 1}] ELSE error('INVALID_ARRAY_INDEX: the index ${at} is out of bounds') END`,
    )
    .replaceAll(/\bget\(r, (\d+)\)/g, (_, at: string) => `r[${Number(at) + 1}]`)
    .replaceAll(/\bunix_millis\(/g, 'epoch_ms(')
    .replaceAll(
      `${catalog}.information_schema.columns`,
      `(SELECT schema_name AS table_schema, table_name, column_name, comment, column_index AS ordinal_position,
        CASE data_type WHEN 'VARCHAR' THEN 'STRING' ELSE data_type END AS data_type
        FROM duckdb_columns() WHERE database_name = 'analytics') AS columns`,
    )
    .replaceAll(
      `${catalog}.information_schema.schemata`,
      `(SELECT schema_name FROM duckdb_schemas() WHERE database_name = 'analytics') AS schemata`,
    )
    .replaceAll(/(?<![:\w]):([a-z]\w*)/g, (_, name: string) => `$${name}`)
  const [, table = ''] = /^(?:CREATE TABLE IF NOT EXISTS|ALTER TABLE) ((?:"(?:[^"]|"")*"\.?)+)/.exec(text) ?? []
  if (table !== '')
    text = text.replaceAll(/("(?:[^"]|"")*") STRING COMMENT 'json'/g, (_, column: string) => {
      comments.push(`COMMENT ON COLUMN ${table}.${column} IS 'json'`)
      return `${column} STRING`
    })
  if (text.startsWith('CREATE TABLE'))
    return [text.replace(/ PARTITIONED BY \("event_date"\)$/, '').replace(/ USING DELTA$/, ''), ...comments]
  const [, list] = /^ALTER TABLE .* ADD COLUMNS \((.*)\)$/.exec(text) ?? []
  if (list === undefined) return [text]
  const columns = list.match(/"(?:[^"]|"")*" \w+/g) ?? []
  return [...columns.map((column) => `ALTER TABLE ${table} ADD COLUMN ${column}`), ...comments]
}

/**
 * https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-names (checked 2026-11-29); names of columns are those of a
 * table without column mapping: https://docs.databricks.com/aws/en/delta/column-mapping
 */
function checkNames(sql: string): void {
  const head = /^(CREATE TABLE IF NOT EXISTS|ALTER TABLE) ((?:`(?:[^`]|``)*`\.?)+)/.exec(sql)
  if (head === null) return
  const [all, , table = ''] = head
  for (const [part] of table.matchAll(quoted))
    if (/[\s./\p{Cc}]/u.test(part))
      throw new DatabricksSqlError('UNSUPPORTED_CHARACTERS', '42K05', `The name ${part} is not allowed.`)
  for (const [column] of sql.slice(all.length).matchAll(quoted))
    if (/[ ,;{}()\n\t=]/.test(column))
      throw new DatabricksSqlError('DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES', '42K05', `Found ${column}.`)
}

/** Says in the words of Databricks what DuckDB says. */
export function errorOf(thrown: unknown): DatabricksSqlError {
  if (thrown instanceof DatabricksSqlError) return thrown
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  if (/Conversion Error/.test(reason)) return new DatabricksSqlError('CAST_INVALID_INPUT', '22018', reason)
  if (/Invalid Input Error/.test(reason)) return new DatabricksSqlError('MALFORMED_RECORD_IN_PARSING', '22023', reason)
  if (/Table with name|Schema with name|does not exist!/.test(reason))
    return new DatabricksSqlError('TABLE_OR_VIEW_NOT_FOUND', '42P01', reason)
  if (/Binder Error/.test(reason)) return new DatabricksSqlError('UNRESOLVED_COLUMN', '42703', reason)
  if (/already exists/.test(reason)) return new DatabricksSqlError('FIELD_ALREADY_EXISTS', '42710', reason)
  return new DatabricksSqlError('PARSE_SYNTAX_ERROR', '42601', reason)
}
