import type { ClickHouseHttp } from './http.ts'
import { quoteText } from './sql.ts'

/** What the engine must know of a table that is there. */
export interface StoredTable {
  readonly engine: string
  /** True where rows of one id that were received at different times are different rows to the table. */
  readonly isByTime: boolean
  /** Milliseconds that `received_at` keeps: 1,000 where RudderStack made the table. */
  readonly tickMs: number
}

/** Reads what tables a database has; none when it is not there. */
export async function readTables(http: ClickHouseHttp, database: string): Promise<Map<string, StoredTable>> {
  const where = `database = ${quoteText(database)}`
  const found = (await http.rows(
    `SELECT t.name, t.engine, t.sorting_key, c.type FROM (SELECT name, engine, sorting_key FROM system.tables WHERE ${where}) AS t
     LEFT JOIN (SELECT table, type FROM system.columns WHERE ${where} AND name = 'received_at') AS c ON c.table = t.name`,
  )) as [string, string, string, string][]
  return new Map(
    found.map(([name, engine, key, type]) => [
      name,
      { engine, isByTime: /\breceived_at\b/.test(key), tickMs: type.includes('DateTime64') ? 1 : 1_000 },
    ]),
  )
}
