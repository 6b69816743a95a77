import type { Sql, TransactionSql } from 'postgres'
import { SluicewayError } from '../../core/errors.ts'
import type { QueryAnswer } from '../../core/warehouse.ts'
import { quoteIdentifier } from '../identifier.ts'
import { cutCells, longestQueryMs, mostAnswerLength, mostCellLength, mostQueryRows } from '../query-limits.ts'
import { inTransaction } from './transaction.ts'
import { refuseVolatileCalls } from './volatile-calls.ts'

/** Blanks and comments, each of which has one reading only, so that a text of many takes no time. */
const gap = String.raw`\s|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/`
const reading = new RegExp(String.raw`^(?:${gap})*(?:SELECT|WITH|VALUES|TABLE)\b`, 'i')
const explaining = new RegExp(String.raw`^(?:${gap})*EXPLAIN\b(?:${gap}|\b(?:ANALY[SZ]E|VERBOSE)\b|\([^()]*\))*`, 'i')
/** Result columns; PostgreSQL takes 1,664. */
const mostColumns = 1_600

/** Numbers of types, as in `pg_type`. */
const types = {
  bool: 16,
  int8: 20,
  int2: 21,
  int4: 23,
  json: 114,
  float4: 700,
  float8: 701,
  timestamptz: 1184,
  numeric: 1700,
  jsonb: 3802,
}
const integers: ReadonlySet<number> = new Set([types.int2, types.int4, types.int8])
const fractions: ReadonlySet<number> = new Set([types.float4, types.float8, types.numeric])

/**
 * Runs a query that only reads, in a transaction that may do nothing else.
 *
 * The server reads it as one statement (extended protocol), and as a subquery, where nothing stands that writes. The transaction
 * is READ ONLY and has taken its snapshot, so that no function of the query can make it writable again. Functions that may do more
 * than read are not called.
 * https://www.postgresql.org/docs/18/sql-set-transaction.html (checked 2026-11-29)
 *
 * @param sql the driver
 * @param schema in which tables without a schema are looked for
 * @param text one statement
 * @returns its rows, bounded: the server cuts them
 * @throws {SluicewayError} bad_request where it is no statement that reads; else what the driver throws
 */
export async function queryPostgres(sql: Sql, schema: string, text: string): Promise<QueryAnswer> {
  const query = text.replace(/[\s;]+$/, '')
  const [explain = ''] = explaining.exec(query) ?? []
  const asked = query.slice(explain.length)
  // U+0000 would end the statement in the middle of its message.
  if (text.includes('\0') || !reading.test(asked))
    throw new SluicewayError(
      'bad_request',
      'The query is refused: It must be a SELECT, WITH, VALUES, TABLE or EXPLAIN of one.',
    )
  const answer = async (transaction: TransactionSql): Promise<QueryAnswer> => {
    await transaction`SELECT set_config('statement_timeout', ${String(longestQueryMs)}, true),
      set_config('lock_timeout', '2000', true), set_config('timezone', 'UTC', true),
      set_config('search_path', ${quoteIdentifier(schema)}, true)`
    await refuseVolatileCalls(transaction, query)
    return explain === '' ? select(transaction, asked) : plan(transaction, explain, asked)
  }
  return inTransaction(sql, answer, 'READ ONLY')
}

const one = { simple: false } as object

async function plan(transaction: TransactionSql, explain: string, query: string): Promise<QueryAnswer> {
  // By itself it must be a statement: nothing leaves the parentheses. Outside of them, EXPLAIN ANALYZE makes the table of a
  // SELECT INTO or what creates a table from a query in a READ ONLY transaction, too.
  await transaction.unsafe(query, [], one).describe()
  const found = await transaction.unsafe(`${explain} SELECT * FROM (\n${query}\n) AS asked`, [], one).values()
  const lines = found.slice(0, mostQueryRows).map((row) => row.map((value) => value as unknown))
  const { rows, isCut } = cutCells(lines)
  return { columns: ['QUERY PLAN'], rows, truncated: isCut || found.length > mostQueryRows }
}

async function select(transaction: TransactionSql, query: string): Promise<QueryAnswer> {
  const { columns } = await transaction.unsafe(query, [], one).describe()
  if (columns.length > mostColumns)
    throw new SluicewayError('bad_request', `The query is refused: it has more than ${mostColumns} columns.`)
  const names = columns.map((_, i) => `c${i}`)
  const list = names.join(', ')
  const length = names.map((name) => `coalesce(length(${name}), 0)`).join(' + ')
  const found = await transaction
    .unsafe(
      `SELECT n, ${list} FROM (
         SELECT count(*) OVER () AS n, row_number() OVER () AS at,
           sum(${length || '0'}) OVER (ROWS UNBOUNDED PRECEDING) AS size, ${list} FROM (
           SELECT ${names.map((name) => `left(${name}::text, ${mostCellLength + 1}) AS ${name}`).join(', ')}
           FROM (\n${query}\n) AS asked (${list}) LIMIT ${mostQueryRows + 1}
         ) AS cut
       ) AS sized WHERE size <= ${mostAnswerLength} OR at = 1 LIMIT ${mostQueryRows}`,
      [],
      one,
    )
    .values()
  const all = Number((found[0] as unknown[] | undefined)?.[0] ?? 0)
  const { rows, isCut } = cutCells(found.map(([, ...row]) => row as unknown[]))
  return {
    columns: columns.map(({ name }) => name),
    rows: rows.map((row) => row.map((value, i) => valueOf(value, columns[i]?.type ?? 0))),
    truncated: isCut || all > found.length,
  }
}

/** https://tc39.es/proposal-json-parse-with-source/ (checked 2026-12-01) */
const parse = JSON.parse as (
  text: string,
  revive: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown

/** A value of its type in JSON; text where it would lose something. */
function valueOf(text: unknown, type: number): unknown {
  if (typeof text !== 'string') return text
  if (type === types.bool) return text === 'true'
  if (integers.has(type)) return Number.isSafeInteger(Number(text)) ? Number(text) : text
  if (fractions.has(type)) return numberOf(text)
  if (type === types.timestamptz) return text.replace(' ', 'T').replace(/\+00$/, 'Z')
  return type === types.json || type === types.jsonb ? jsonOf(text) : text
}

/** The number that a text is, or the text where a number of JSON would be another. */
const numberOf = (text: string): number | string =>
  Number.isFinite(Number(text)) && String(Number(text)) === text ? Number(text) : text

function jsonOf(text: string): unknown {
  try {
    return parse(text, (_, value, { source }) =>
      typeof value === 'number' && source !== undefined ? numberOf(source) : value,
    )
  } catch {
    // It was cut.
    return text
  }
}
