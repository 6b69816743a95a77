/** A function of a user's own in a statement. */
export interface TempFunction {
  readonly name: string
  readonly parameters: readonly string[]
  /** JavaScript. */
  readonly body: string
}

/** A statement of GoogleSQL, as DuckDB reads it. */
export interface DuckStatement {
  readonly sql: string
  readonly functions: readonly TempFunction[]
}

const tempFunction = /CREATE TEMP FUNCTION (\w+)\(([^)]*)\) RETURNS STRING LANGUAGE js AS r"""([\s\S]*?)""";/g
/** A text, a name in backticks, or what stands between them. */
const parts = /'(?:[^'\\]|\\.)*'|`[^`]*`|[^'`]+/g

/**
 * Macros of DuckDB for functions of GoogleSQL. Times are TIMESTAMP without a zone, which are UTC.
 */
export const googleMacros: readonly string[] = [
  'CREATE MACRO unix_millis(t) AS epoch_ms(t)',
  'CREATE MACRO timestamp_sub(t, i) AS t - i',
  'CREATE MACRO timestamp_trunc(t, part) AS date_trunc(part, t)',
]

/**
 * Writes a statement of GoogleSQL as DuckDB's SQL. It knows what the engine uses, and no more: whatever else a statement has
 * reaches DuckDB as it is, and fails there unless both dialects have it.
 *
 * - names in backticks are in double quotes, and a table's is without its project; so is one that begins with the fake's
 * - `INT64`, `FLOAT64`, `STRING`, `BOOL` are types of DuckDB, `CURRENT_TIMESTAMP()` is the time
 * - `TO_HEX(SHA256(x))` is what `sha256(x)` gives in DuckDB
 * - a part of a time, as in `TIMESTAMP_TRUNC(t, DAY)`, is a text
 * - functions in JavaScript stand beside the statement
 * - backslashes in texts begin escapes, which DuckDB does not have: there must be none
 *
 * https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical (stored copy, read 2026-11-29)
 */
export function duckSql(googleSql: string): DuckStatement {
  const functions: TempFunction[] = []
  const statement = googleSql.replaceAll(tempFunction, (_, name: string, list: string, body: string) => {
    functions.push({ name, parameters: list.split(',').map((one) => one.trim().split(' ')[0] ?? ''), body })
    return ''
  })
  const now = `TIMESTAMP '${new Date().toISOString()}'`
  const sql = statement.replaceAll(parts, (part) => {
    if (part.startsWith('`')) return quoted(part.slice(1, -1))
    if (part.startsWith("'")) {
      if (part.includes('\\')) throw new Error(`an escape in ${part}`)
      return part
    }
    if (part.includes('"')) throw new Error(`a double quote begins a text in GoogleSQL, not a name: ${part}`)
    return part
      .replaceAll(/\bacme-analytics\.(\w+)\.(\w+)/g, '"$1"."$2"')
      .replaceAll(/\bTO_HEX\(SHA256\((\w+)\)\)/g, 'sha256($1)')
      .replaceAll(/\bINT64\b/g, 'BIGINT')
      .replaceAll(/\bFLOAT64\b/g, 'DOUBLE')
      .replaceAll(/\bSTRING\b/g, 'VARCHAR')
      .replaceAll(/\bBOOL\b/g, 'BOOLEAN')
      .replaceAll(/\bCURRENT_TIMESTAMP\(\)/g, now)
      .replaceAll(/, (DAY|HOUR)\)/g, ", '$1')")
  })
  return { sql, functions }
}

/** A name for DuckDB; of `project.dataset.table` without the project. */
export function quoted(name: string): string {
  const path = name.split('.')
  return (path.length === 3 ? path.slice(1) : path).map((one) => `"${one}"`).join('.')
}
