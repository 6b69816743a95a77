import connect from 'postgres'
import { quoteIdentifier } from '../../src/warehouses/identifier.ts'
import { postgres } from '../../src/warehouses/postgres.ts'
import { startPostgres } from '../support/real-postgres.ts'
import type { EngineHarness } from './engine-harness.ts'

/**
 * The engine on a real PostgreSQL, with what the tests of every engine ask of it.
 *
 * @param front starts what stands in front of the server
 */
export async function postgresInTest(
  front?: (url: string) => Promise<{ readonly url: string; readonly stop: () => Promise<void> }>,
): Promise<EngineHarness> {
  const server = await startPostgres()
  const pooler = await front?.(server.url)
  const engine = postgres({ url: pooler?.url ?? server.url }).open({}, 'sluiceway')
  const text = (value: string) => value
  const sql = connect(server.url, {
    max: 1,
    prepare: false,
    connection: { TimeZone: 'UTC' },
    types: {
      json: { to: 114, from: [114, 3802], serialize: String, parse: text },
      // V8 reads `0001-01-01 00:00:00+00` as the year 2001.
      date: {
        to: 1184,
        from: [1184],
        serialize: String,
        parse: (at: string) => new Date(at.replace(' ', 'T').replace('+00', 'Z')).toISOString(),
      },
    },
  })
  const where = (table: string) => `"sluiceway".${quoteIdentifier(table)}`
  // A number has 53 bits; integers beyond stay text.
  const asNumber = (value: string) =>
    /^-?[1-9]\d{15,18}$/.test(value) && !Number.isSafeInteger(Number(value)) ? value : Number(value)
  return {
    engine,
    rows: async (table, order = 'id') => {
      const columns = (await engine.columns(table)) ?? {}
      const rows = await sql.unsafe(`SELECT * FROM ${where(table)} ORDER BY ${quoteIdentifier(order)} COLLATE "C"`)
      return rows.map((row) =>
        Object.fromEntries(
          Object.entries(row as Record<string, unknown>).map(([name, value]) => {
            const number = (columns[name] === 'int' || columns[name] === 'float') && value !== null
            return [name, number ? asNumber(String(value)) : value]
          }),
        ),
      )
    },
    count: async (table) => Number((await sql.unsafe(`SELECT count(*) AS n FROM ${where(table)}`))[0]?.['n']),
    tables: async () =>
      (await sql`SELECT table_name FROM information_schema.tables WHERE table_schema = 'sluiceway'`).map((row) =>
        String(row['table_name']),
      ),
    stop: async () => {
      await engine.close()
      await sql.end()
      await pooler?.stop()
      await server.stop()
    },
  }
}
