import type { QueryAnswer } from '../../core/warehouse.ts'
import { cutCells, mostAnswerLength, mostCellLength, mostQueryRows } from '../query-limits.ts'
import { readOnlySelect } from './read-only.ts'

/** Result columns, of which D1 takes as many. https://developers.cloudflare.com/d1/platform/limits/ (checked 2026-11-22) */
const mostColumns = 100

/**
 * Runs a query that only reads. It is asked three times: for its columns, for how many rows fit, and for these.
 *
 * @param sql one statement
 * @param run runs a statement, and gives the names of its columns and its rows
 * @returns its rows, bounded
 * @throws {SluicewayError} bad_request where the statement might write
 */
export async function queryD1(
  sql: string,
  run: (sql: string) => Promise<readonly [columns: readonly string[], ...rows: readonly unknown[][]]>,
): Promise<QueryAnswer> {
  const { explain, select } = readOnlySelect(sql)
  if (explain !== undefined) {
    const [columns, ...plan] = await run(`${explain} SELECT * FROM (\n${select}\n)`)
    const { rows, isCut } = cutCells(plan.slice(0, mostQueryRows))
    return { columns, rows, truncated: isCut || plan.length > mostQueryRows }
  }
  const [columns] = await run(`SELECT * FROM (\n${select}\n) LIMIT 0`)
  const names = columns.slice(0, mostColumns).map((_, i) => `c${i}`)
  const asked = `WITH "asked" (${names.join(', ')}) AS (\n${select}\n)`
  const length = sumOf(names.map((name) => `min(coalesce(length(${name}), 0), ${mostCellLength})`))
  const [, [found, fitting] = []] = await run(
    `${asked} SELECT count(*), count(CASE WHEN size <= ${mostAnswerLength} THEN 1 END) FROM
     (SELECT sum(${length}) OVER (ROWS UNBOUNDED PRECEDING) AS size FROM "asked" LIMIT ${mostQueryRows + 1})`,
  )
  const most = Math.min(mostQueryRows, Math.max(1, Number(fitting)))
  const [, ...rows] = await run(`${asked} SELECT ${names.map(cell).join(', ')} FROM "asked" LIMIT ${most}`)
  const cut = cutCells(rows)
  return { columns, rows: cut.rows, truncated: cut.isCut || Number(found) > most }
}

/** A number beyond 2^53 would lose its last digits in a result of D1. */
const cell = (name: string): string =>
  `CASE typeof(${name}) WHEN 'text' THEN substr(${name}, 1, ${mostCellLength + 1})
   WHEN 'blob' THEN 'blob of ' || length(${name}) || ' bytes'
   WHEN 'integer' THEN CASE WHEN ${name} BETWEEN -9007199254740991 AND 9007199254740991 THEN ${name} ELSE CAST(${name} AS TEXT) END
   ELSE ${name} END`

/** A sum as a tree that is not deep: D1 takes expressions of 100 levels. */
function sumOf(terms: readonly string[]): string {
  if (terms.length <= 1) return terms[0] ?? '0'
  const middle = terms.length >> 1
  return `(${sumOf(terms.slice(0, middle))} + ${sumOf(terms.slice(middle))})`
}
