import { DuckDBInstance } from '@duckdb/node-api'
import { reasonOf } from '../../src/core/errors.ts'

/** What the fake answers to a statement: values as the SQL API writes them. */
export interface FakeResult {
  readonly rowType: readonly { readonly name: string; readonly type: string; readonly scale: number | null }[]
  readonly rows: readonly (readonly (string | null)[])[]
}

/** A statement that Snowflake would refuse. */
export class StatementError extends Error {
  readonly code: string
  readonly sqlState: string

  constructor(code: string, sqlState: string, message: string) {
    super(message)
    this.code = code
    this.sqlState = sqlState
  }
}

/** Runs the SQL of Snowflake on DuckDB. */
export interface SnowflakeOnDuckDb {
  readonly run: (statement: string, binds: readonly string[]) => Promise<FakeResult>
  readonly stop: () => void
}

/**
 * Opens a DuckDB that has a database, and runs Snowflake's statements in it. DuckDB has MERGE, JSON and most of the syntax; the
 * rest is translated:
 *
 * - `TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS F` is `json_each(?) AS F`, `F.VALUE[3]::VARCHAR` is `json_extract_string`
 * - `PARSE_JSON`, `TO_TIMESTAMP_TZ(…, 'AUTO')` are macros; VARIANT is JSON, TIMESTAMP_TZ is TIMESTAMPTZ, NUMBER is DECIMAL
 * - `ALTER TABLE … ADD COLUMN` takes one column, so that each gets a statement; INFORMATION_SCHEMA.COLUMNS is a view, which has
 *   Snowflake's names of types; TRANSIENT is left out
 *
 * - `@stage/name F` is the lines of the objects whose names begin so, a bind more: `objectIn` tells which; `F.$1[3]::VARCHAR` is
 *   one of a line, NULL where the line ends before
 *
 * What it does not show: Snowflake's names in double quotes have a case, DuckDB's have none; locks, warehouses and sizes.
 */
export async function openSnowflakeOnDuckDb(database: string): Promise<SnowflakeOnDuckDb> {
  const duck = await DuckDBInstance.create()
  const connection = await duck.connect()
  for (const sql of [
    `SET TimeZone = 'UTC'`,
    `ATTACH ':memory:' AS "${database}"`,
    `USE "${database}"`,
    `CREATE MACRO PARSE_JSON(text) AS text::JSON`,
    `CREATE MACRO TO_TIMESTAMP_TZ(text, format) AS text::TIMESTAMPTZ`,
    `CREATE VIEW snowflake_columns AS SELECT table_schema AS TABLE_SCHEMA, table_name AS TABLE_NAME, column_name AS COLUMN_NAME,
      ordinal_position AS ORDINAL_POSITION, numeric_scale AS NUMERIC_SCALE, CASE WHEN data_type LIKE 'DECIMAL%' THEN 'NUMBER'
      WHEN data_type = 'BIGINT' THEN 'NUMBER' WHEN data_type = 'DOUBLE' THEN 'FLOAT' WHEN data_type = 'VARCHAR' THEN 'TEXT'
      WHEN data_type = 'TIMESTAMP WITH TIME ZONE' THEN 'TIMESTAMP_TZ' WHEN data_type = 'JSON' THEN 'VARIANT'
      ELSE data_type END AS DATA_TYPE FROM information_schema.columns WHERE table_catalog = '${database}'`,
  ])
    await connection.run(sql)
  const run = async (statement: string, binds: readonly string[]): Promise<FakeResult> => {
    try {
      const parts = translate(statement, database)
      // One connection: what is begun here is seen by nobody in between.
      if (parts.length > 1) await connection.run('BEGIN')
      let result: FakeResult = { rowType: [], rows: [] }
      for (const sql of parts) {
        const reader = await connection.runAndReadAll(sql, [...binds])
        const types = reader.columnTypes().map((type) => String(type))
        result = {
          rowType: reader.columnNames().map((name, i) => ({ name, ...rowTypeOf(types[i] ?? '') })),
          rows: reader.getRowsJson().map((row) => row.map((value, i) => written(value, types[i] ?? ''))),
        }
      }
      if (parts.length > 1) await connection.run('COMMIT')
      return result
    } catch (thrown) {
      await connection.run('ROLLBACK').catch(() => {})
      throw errorOf(reasonOf(thrown))
    }
  }
  // DuckDB's transactions are of the connection: statements take turns.
  let last: Promise<unknown> = Promise.resolve()
  return {
    run: (statement, binds) => {
      const turn = last.then(() => run(statement, binds))
      last = turn.catch(() => {})
      return turn
    },
    stop: () => {
      connection.closeSync()
      duck.closeSync()
    },
  }
}

const quoted = /"(?:[^"]|"")*"/g

/** The object or the folder that a statement reads: its stage as SQL names it, and its name below that. */
export function objectIn(statement: string): { readonly stage: string; readonly name: string } | undefined {
  const [, stage, name] = /FROM @((?:"(?:[^"]|"")*"\.?){3})\/(\S+) F\)/.exec(statement) ?? []
  return stage === undefined || name === undefined ? undefined : { stage, name }
}

/** Translates what is not in double quotes. */
function translate(statement: string, database: string): readonly string[] {
  const names: string[] = []
  const bare = statement.replaceAll(quoted, (name) => `"${names.push(name) - 1}"`)
  const translated = bare
    .replaceAll('TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS F', 'json_each(?) AS F')
    .replaceAll(/F\.VALUE\[(\d+)\]::VARCHAR/g, `json_extract_string(F.value, '$[$1]')`)
    .replaceAll(/@"\d+"\."\d+"\."\d+"\/[\w./]+ F\)/g, '(SELECT unnest(CAST(? AS JSON[])) AS line) AS F)')
    .replaceAll(/F\.\$1\[(\d+)\]::VARCHAR/g, `json_extract_string(F.line, '$[$1]')`)
    .replaceAll('F.VALUE::VARCHAR', () => `json_extract_string(F.value, '$')`)
    .replaceAll(/\bTIMESTAMP_TZ\b/g, 'TIMESTAMPTZ')
    .replaceAll(/\bVARIANT\b/g, 'JSON')
    .replaceAll(/\bNUMBER\b/g, 'DECIMAL')
    .replaceAll('CREATE TRANSIENT TABLE', 'CREATE TABLE')
    .replaceAll(/"\d+"\.INFORMATION_SCHEMA\.COLUMNS/g, `"${database}".main.snowflake_columns`)
  const [, table, added] = /^ALTER TABLE (\S+) ADD COLUMN ([\s\S]*)$/.exec(translated) ?? []
  const parts =
    added === undefined
      ? [translated]
      : added.split(/, (?=IF NOT EXISTS)/).map((column) => `ALTER TABLE ${table ?? ''} ADD COLUMN ${column}`)
  return parts.map((part) => part.replaceAll(/"(\d+)"/g, (_, at: string) => names[Number(at)] ?? ''))
}

function rowTypeOf(type: string): { readonly type: string; readonly scale: number | null } {
  if (/^(?:DECIMAL|BIGINT|INTEGER|HUGEINT)/.test(type))
    return { type: 'fixed', scale: Number(/,(\d+)\)/.exec(type)?.[1] ?? 0) }
  if (type === 'DOUBLE') return { type: 'real', scale: null }
  if (type === 'BOOLEAN') return { type: 'boolean', scale: null }
  if (type.startsWith('TIMESTAMP')) return { type: 'timestamp_tz', scale: 9 }
  return { type: type === 'JSON' ? 'variant' : 'text', scale: null }
}

/** A value as `data` has it: https://docs.snowflake.com/en/developer-guide/sql-api/handling-responses (stored copy) */
function written(value: unknown, type: string): string | null {
  if (value === null || value === undefined) return null
  if (!type.startsWith('TIMESTAMP')) return String(value)
  const ms = Date.parse(`${String(value).replace(' ', 'T').replace(/\+00$/, '')}Z`)
  return `${(ms / 1000).toFixed(9)} 1440`
}

/** Snowflake's codes and words for what DuckDB says. */
function errorOf(message: string): StatementError {
  const compile = (code: string, state: string, words: string): StatementError =>
    new StatementError(code, state, `SQL compilation error:\n${words}`)
  const [, word = ''] =
    /(?:Could not convert string|string to JSON:|field format:|Failed to cast value:)[^'"]*['"]([^'"]*)/.exec(
      message,
    ) ?? []
  if (/Malformed JSON/i.test(message))
    return new StatementError('100069', '22P02', 'Error parsing JSON: unknown keyword')
  if (/timestamp field|TIMESTAMP WITH TIME ZONE/i.test(message))
    return new StatementError('100035', '22007', `Timestamp '${word}' is not recognized`)
  if (/BOOL/.test(message) && /convert/.test(message))
    return new StatementError('100037', '22018', `Boolean value '${word}' is not recognized`)
  if (/Conversion Error|Could not convert/i.test(message))
    return new StatementError('100038', '22018', `Numeric value '${word}' is not recognized`)
  const schema = /Schema with name "?([^"]+?)"? does not exist/i.exec(message)?.[1]
  if (schema !== undefined) return compile('002003', '02000', `Schema '${schema}' does not exist or not authorized.`)
  if (/Table with name|does not exist! Did you mean/i.test(message))
    return compile(
      '002003',
      '42S02',
      `Object '${/name "?([^\s"]+)/i.exec(message)?.[1] ?? ''}' does not exist or not authorized.`,
    )
  if (/column/i.test(message) && /Binder Error/i.test(message))
    return compile('000904', '42000', `invalid identifier. ${message}`)
  if (/NOT NULL constraint/i.test(message))
    return new StatementError('100072', '22000', 'NULL result in a non-nullable column')
  return compile('001003', '42000', `syntax error. ${message}`)
}
