import type { TransactionSql } from 'postgres'
import { SluicewayError } from '../../core/errors.ts'

/** A word, in quotes or not, the point before it, and what of a call follows. */
const word = /(\.\s*)?([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)("?\s*\()?/g
/**
 * Where any word may name a function: a comment may stand before its parenthesis, and `TREAT(x AS name)` calls `pg_catalog.name(x)`.
 * https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/parser/gram.y (checked 2026-12-01)
 */
const hiding = /--|\/\*|treat\s*\(/i
/** Functions of PostgreSQL that it holds volatile and that change nothing; `pg_sleep` ends with the statement's time. */
const harmless =
  '^(array_sample|array_shuffle|bernoulli|clock_timestamp|gen_random_uuid|pg_\\w+_size|pg_sleep|random|random_normal|system|timeofday|uuidv[47])$'
/**
 * Functions of extensions that run a text as a statement, by what is in the libraries: they are not held volatile.
 * https://www.postgresql.org/docs/18/tablefunc.html, https://www.postgresql.org/docs/18/xml2.html (checked 2026-12-01)
 */
const running = '^(crosstab|connectby|xpath_table)'

/**
 * Refuses a statement that calls a function that PostgreSQL holds volatile: one that reads no more than tables is not. Such a
 * function may do what no transaction takes back, READ ONLY or not: end connections, take locks, write files, reach another server.
 * Refuses as well what runs a text as a statement, in which such a call may be spelled.
 * https://www.postgresql.org/docs/18/xfunc-volatility.html (checked 2026-11-29)
 *
 * @param sql the transaction
 * @param text the statement; where it has comments or TREAT, each of its words counts
 * @throws {SluicewayError} bad_request which names the functions
 */
export async function refuseVolatileCalls(sql: TransactionSql, text: string): Promise<void> {
  const isHiding = hiding.test(text)
  // What stands between two quotes may be a name, too, whatever is in it.
  const called = new Set(text.split('"'))
  // Behind a point, a name may call a function of a row: https://www.postgresql.org/docs/18/sql-expressions.html (checked 2026-12-01)
  const ofRows = new Set<string>()
  for (const [, point, name = '', call] of text.matchAll(word))
    for (const one of [name, name.toLowerCase()])
      if (isHiding || call !== undefined) called.add(one)
      else if (point !== undefined) ofRows.add(one)
  // Escapes of U&"" may spell any name.
  if (/u&"/i.test(text)) throw refusal('there may be no U&"…" in it')
  const found = await sql.unsafe<{ name: string; volatile: boolean }[]>(
    `SELECT DISTINCT proname AS name, provolatile = 'v' AS volatile FROM pg_catalog.pg_proc AS f
     WHERE (proname IN (SELECT jsonb_array_elements_text($1::text::jsonb))
         OR proname IN (SELECT jsonb_array_elements_text($2::text::jsonb)) AND EXISTS (
           SELECT 1 FROM pg_catalog.pg_type AS t WHERE t.oid = f.proargtypes[0] AND t.typtype IN ('c', 'd', 'p')))
       AND (provolatile = 'v' AND (proname !~ $3 OR pronamespace <> 'pg_catalog'::regnamespace)
         OR probin IS NOT NULL AND prosrc ~ $4)`,
    [JSON.stringify([...called]), JSON.stringify([...ofRows]), harmless, running],
  )
  const named = (volatile: boolean) => found.flatMap((one) => (one.volatile === volatile ? [one.name] : [])).join(', ')
  if (named(true) !== '') throw refusal(`it may call no volatile function, as ${named(true)} is`)
  if (named(false) !== '')
    throw refusal(`it may call no function that runs a text as a statement, as ${named(false)} does`)
}

const refusal = (why: string): SluicewayError => new SluicewayError('bad_request', `The query is refused: ${why}.`)
