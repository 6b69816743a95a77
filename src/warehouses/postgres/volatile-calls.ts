import type { TransactionSql } from 'postgres'
import { SluicewayError } from '../../core/errors.ts'

/** A word, in quotes or not, and what of a call follows. */
const word = /([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)("?\s*\()?/g
/** Functions that PostgreSQL holds volatile and that change nothing; `pg_sleep` ends with the statement's time. */
const harmless =
  /^(?:array_sample|array_shuffle|bernoulli|clock_timestamp|gen_random_uuid|pg_\w+_size|pg_sleep|random|random_normal|system|timeofday|uuidv[47])$/

/**
 * Refuses a statement that calls a function that PostgreSQL holds volatile: one that reads no more than tables is not. Such a
 * function may do what no transaction takes back, READ ONLY or not: end connections, take locks, write files, reach another server.
 * https://www.postgresql.org/docs/18/xfunc-volatility.html (checked 2026-11-29)
 *
 * @param sql the transaction
 * @param text the statement; where it has comments, each of its words counts, since one may stand before the parenthesis
 * @throws {SluicewayError} bad_request which names the functions
 */
export async function refuseVolatileCalls(sql: TransactionSql, text: string): Promise<void> {
  const hasComments = /--|\/\*/.test(text)
  // What stands between two quotes may be a name, too, whatever is in it.
  const names = new Set(text.split('"'))
  for (const [, name = '', call] of text.matchAll(word))
    if (hasComments || call !== undefined) for (const one of [name, name.toLowerCase()]) names.add(one)
  // Escapes of U&"" may spell any name.
  if (/u&"/i.test(text)) throw refusal('there may be no U&"…" in it')
  const found = await sql.unsafe<{ name: string }[]>(
    `SELECT DISTINCT proname AS name FROM pg_catalog.pg_proc
     WHERE provolatile = 'v' AND proname IN (SELECT jsonb_array_elements_text($1::text::jsonb))`,
    [JSON.stringify([...names].filter((name) => !harmless.test(name)))],
  )
  if (found.length > 0)
    throw refusal(`it may call no volatile function, as ${found.map(({ name }) => name).join(', ')} is`)
}

const refusal = (why: string): SluicewayError => new SluicewayError('bad_request', `The query is refused: ${why}.`)
