import { Miniflare } from 'miniflare'
import connect from 'postgres'
import type { Warehouse } from '../../src/core/warehouse.ts'
import { d1 } from '../../src/warehouses/d1.ts'
import { quoteIdentifier } from '../../src/warehouses/identifier.ts'
import { postgres } from '../../src/warehouses/postgres.ts'
import { withMore } from './account-rows.ts'
import { startPostgres } from './real-postgres.ts'
import type { Row } from './tables.ts'

/** A real warehouse, and a look into it that does not go through its engine. */
export interface RealWarehouse {
  readonly use: Warehouse
  /** What `use.open` takes, and `namespace`. */
  readonly bindings: Record<string, unknown>
  /** Where its tables are, whatever the source. */
  readonly namespace: string
  readonly query: (sql: string) => Promise<Row[]>
  /** What stands before the name of a table in SQL. */
  readonly schema?: string
  /** All rows of a table by id, with what is in its JSON column; none when there is no such table. */
  readonly rows: (table: string) => Promise<Row[]>
  /** The ids of a table, which must be there. */
  readonly ids: (table: string) => Promise<string[]>
  readonly tables: () => Promise<string[]>
  /** Drops all tables. */
  readonly clear: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** Starts a D1 in the local runtime. */
export async function startD1(): Promise<RealWarehouse> {
  const miniflare = new Miniflare({
    workers: [
      {
        config: {
          name: 'd1-test',
          compatibilityDate: '2026-10-01',
          manifest: {
            mainModule: 'worker.mjs',
            modules: { 'worker.mjs': { type: 'esm', contents: 'export default {}' } },
          },
          env: { DB: { type: 'd1', id: 'd1-test' } },
        },
      },
    ],
  })
  const database = (await miniflare.getD1Database('DB')) as unknown as D1Database
  const query = async (sql: string) => (await database.prepare(sql).all()).results as Row[]
  const tables = async () =>
    (await query(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`))
      .map(({ name }) => String(name))
      .filter((name) => !/^_cf_/i.test(name))
  return {
    use: d1(),
    namespace: '',
    bindings: { DB: database },
    schema: '',
    query,
    tables,
    rows: async (table) =>
      (await tables()).includes(table)
        ? (await query(`SELECT * FROM ${quoteIdentifier(table)} ORDER BY 1`)).map(withMore)
        : [],
    ids: async (table) => (await query(`SELECT "id" FROM ${quoteIdentifier(table)}`)).map(({ id }) => String(id)),
    clear: async () => {
      for (const table of await tables()) await query(`DROP TABLE ${quoteIdentifier(table)}`)
    },
    stop: () => miniflare.dispose(),
  }
}

/** Starts a PostgreSQL. */
export async function startPostgresWarehouse(): Promise<RealWarehouse> {
  const server = await startPostgres()
  const sql = connect(server.url, { max: 1, prepare: false, onnotice: () => {}, connection: { TimeZone: 'UTC' } })
  const query = async (text: string) => (await sql.unsafe(text)) as unknown as Row[]
  const tables = async () =>
    (await query(`SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'sluiceway'`)).map(
      ({ name }) => String(name),
    )
  return {
    use: postgres({ url: server.url, schema: 'sluiceway' }),
    namespace: 'sluiceway',
    bindings: {},
    schema: 'sluiceway.',
    query,
    tables,
    rows: async (table) =>
      (await tables()).includes(table)
        ? (await query(`SELECT * FROM "sluiceway".${quoteIdentifier(table)} ORDER BY 1`)).map(withMore)
        : [],
    ids: async (table) =>
      (await query(`SELECT "id" FROM "sluiceway".${quoteIdentifier(table)}`)).map(({ id }) => String(id)),
    clear: async () => void (await query('DROP SCHEMA IF EXISTS "sluiceway" CASCADE')),
    stop: async () => {
      await sql.end()
      await server.stop()
    },
  }
}

/** Both engines, by their names. */
export const realWarehouses = [
  ['d1', startD1],
  ['postgres', startPostgresWarehouse],
] as const
