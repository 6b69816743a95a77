import type { Columns } from '../../src/core/warehouse.ts'
import { startClickHouse } from '../../scripts/servers/clickhouse.ts'
import { clickhouse } from '../../src/warehouses/clickhouse.ts'
import { quoteName } from '../../src/warehouses/clickhouse/sql.ts'
import { withMore } from './account-rows.ts'
import type { RealWarehouse } from './real-warehouses.ts'
import type { Row } from './tables.ts'

/** A real ClickHouse: one of this machine, or of an account that the environment names. */
export interface RealClickHouseWarehouse extends RealWarehouse {
  readonly url: string
  readonly user: string
  readonly password: string
  readonly database: string
  readonly schema: string
  /** Rows of a table by a column, as the table's logical types say. */
  readonly rows: (table: string, order?: string) => Promise<Row[]>
  readonly count: (table: string) => Promise<number>
}

/** Starts a ClickHouse, or takes that of `CLICKHOUSE_URL`, with a database of its own that goes at the end. */
export async function startClickHouseWarehouse(
  own: Omit<Parameters<typeof clickhouse>[0], 'url'> = {},
): Promise<RealClickHouseWarehouse> {
  const { CLICKHOUSE_URL, CLICKHOUSE_USER = 'default', CLICKHOUSE_PASSWORD = '' } = process.env
  const server =
    CLICKHOUSE_URL === undefined
      ? await startClickHouse()
      : { url: CLICKHOUSE_URL, user: CLICKHOUSE_USER, password: CLICKHOUSE_PASSWORD, stop: async () => {} }
  const { url, user, password } = server
  const database = `sluiceway_test_${process.pid}_${Math.random().toString(36).slice(2, 8)}`
  const use = clickhouse({ url, user, password, database, allowPrivate: true, ...own })
  const run = async (sql: string): Promise<string> => {
    const target = new URL(url)
    target.searchParams.set('wait_end_of_query', '1')
    target.searchParams.set('date_time_output_format', 'iso')
    target.searchParams.set('output_format_json_quote_64bit_integers', '1')
    const headers = { 'x-clickhouse-user': user, 'x-clickhouse-key': password }
    const response = await fetch(target, { method: 'POST', headers, body: sql })
    const text = await response.text()
    if (!response.ok) throw new Error(text)
    return text
  }
  const query = async (sql: string): Promise<Row[]> =>
    (await run(/^SELECT/i.test(sql) ? `${sql} FORMAT JSONEachRow` : sql))
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Row)
  const where = (table: string) => `${quoteName(database)}.${quoteName(table)}`
  const tables = async () =>
    (await query(`SELECT name FROM system.tables WHERE database = '${database}' AND engine != 'View'`)).map(
      ({ name }) => String(name),
    )
  const rows = async (table: string, order = 'id'): Promise<Row[]> => {
    if (!(await tables()).includes(table)) return []
    const engine = use.open({}, database)
    const columns: Columns = (await engine.columns(table)) ?? {}
    const has = Object.hasOwn(columns, order)
    const found = await query(
      `SELECT * FROM ${where(table)} ${await finalOf(table)} ${has ? `ORDER BY ${quoteName(order)}` : ''}`,
    )
    return found.map((row) =>
      withMore(
        Object.fromEntries(
          Object.entries(row)
            .filter(([name]) => name !== '_sluiceway_load')
            .map(([name, value]) => [name, logical(value, columns[name])]),
        ),
      ),
    )
  }
  const finalOf = async (table: string) => {
    const [found] = await query(
      `SELECT engine FROM system.tables WHERE database = '${database}' AND name = '${table.replaceAll(/['\\]/g, String.raw`\$&`)}'`,
    )
    return /Replacing|Aggregating/.test(String(found?.['engine'])) ? 'FINAL' : ''
  }
  return {
    url,
    user,
    password,
    database,
    use,
    namespace: database,
    bindings: {},
    schema: `${quoteName(database)}.`,
    query,
    tables,
    rows,
    count: async (table) =>
      Number((await query(`SELECT count() AS n FROM ${where(table)} ${await finalOf(table)}`))[0]?.['n']),
    ids: async (table) => (await query(`SELECT "id" FROM ${where(table)}`)).map(({ id }) => String(id)),
    clear: async () => void (await query(`DROP DATABASE IF EXISTS ${quoteName(database)}`)),
    stop: async () => {
      await query(`DROP DATABASE IF EXISTS ${quoteName(database)}`)
      await server.stop()
    },
  }
}

function logical(value: unknown, type: Columns[string] | undefined): unknown {
  if (value === null) return null
  switch (type) {
    case 'boolean':
      return value === 1
    case 'int':
      return Number.isSafeInteger(Number(value)) ? Number(value) : value
    case 'datetime':
      return new Date(String(value)).toISOString()
    default:
      return value
  }
}
