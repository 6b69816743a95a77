import type { Columns } from '../../src/core/warehouse.ts'
import { AccessToken } from '../../src/warehouses/databricks/access-token.ts'
import { quoteName, tableName } from '../../src/warehouses/databricks/sql.ts'
import { Statements } from '../../src/warehouses/databricks/statements.ts'
import { databricks } from '../../src/warehouses/databricks.ts'
import { accessToken, type FakeDatabricks, startDatabricks, warehouseId } from './fake-databricks.ts'
import type { RealWarehouse } from './real-warehouses.ts'
import type { Row } from './tables.ts'

type DatabricksInput = Parameters<typeof databricks>[0]

/** A Databricks: the fake of this machine, or the account that the environment names. */
export interface RealDatabricks extends Omit<RealWarehouse, 'query'> {
  readonly settings: DatabricksInput
  /** Undefined where it is an account. */
  readonly fake: FakeDatabricks | undefined
  readonly rows: (table: string, order?: string) => Promise<Row[]>
  readonly count: (table: string) => Promise<number>
}

/** The account that `npm run verify-warehouse -- databricks` is told of; undefined where there is none. */
function accountOf(env: Readonly<Record<string, string | undefined>>): DatabricksInput | undefined {
  const { DATABRICKS_URL: url } = env
  if (url === undefined) return undefined
  return {
    url,
    warehouseId: env['DATABRICKS_WAREHOUSE_ID'],
    catalog: env['DATABRICKS_CATALOG'],
    ...(env['DATABRICKS_TOKEN'] === undefined ? {} : { token: env['DATABRICKS_TOKEN'] }),
    ...(env['DATABRICKS_CLIENT_ID'] === undefined
      ? {}
      : { clientId: env['DATABRICKS_CLIENT_ID'], clientSecret: env['DATABRICKS_CLIENT_SECRET'] }),
  }
}

/** Starts a Databricks with a schema of its own that goes at the end. */
export async function startDatabricksWarehouse(): Promise<RealDatabricks> {
  const account = accountOf(process.env)
  const fake = account === undefined ? await startDatabricks() : undefined
  const schema = `sluiceway_test_${process.pid}_${Math.random().toString(36).slice(2, 8)}`
  const own =
    fake === undefined
      ? (account as DatabricksInput)
      : { url: fake.url, warehouseId, catalog: 'analytics', token: accessToken, allowPrivate: true }
  const settings: DatabricksInput = { ...own, schema }
  const use = databricks(settings)
  if (use.problems.length > 0) throw new Error(use.problems.join('; '))
  const catalog = String(settings.catalog)
  const url = String(settings.url)
  const address = { host: '', warehouseId: String(settings.warehouseId), catalog, schema }
  const { token, clientId, clientSecret } = settings
  const statements = new Statements(url, new AccessToken({ url, token, clientId, clientSecret }, address), address)
  const place = { catalog, schema }
  const rows = async (table: string, order = 'id'): Promise<Row[]> => {
    const columns: Columns = (await use.open({}, schema).columns(table)) ?? {}
    const all = Object.entries(columns)
    if (all.length === 0) return []
    const list = all.map(([name, type]) => (type === 'datetime' ? `unix_millis(${quoteName(name)})` : quoteName(name)))
    const sorted = Object.hasOwn(columns, order) ? ` ORDER BY ${quoteName(order)}` : ''
    const found = await statements.run(`SELECT ${list.join(', ')} FROM ${tableName(place, table)}${sorted}`)
    return found.map((row) =>
      withMore(Object.fromEntries(all.map(([name, type], i) => [name, logical(row[i] ?? null, type)] as const))),
    )
  }
  const drop = async () => {
    await statements.run(`DROP SCHEMA IF EXISTS ${quoteName(catalog)}.${quoteName(schema)} CASCADE`)
  }
  return {
    settings,
    fake,
    use,
    bindings: {},
    namespace: schema,
    schema: `${quoteName(catalog)}.${quoteName(schema)}.`,
    rows,
    count: async (table) => Number((await statements.run(`SELECT count(*) FROM ${tableName(place, table)}`))[0]?.[0]),
    ids: async (table) =>
      (await statements.run(`SELECT \`id\` FROM ${tableName(place, table)}`)).map(([id]) => String(id)),
    tables: async () =>
      (
        await statements.run(
          `SELECT DISTINCT table_name FROM ${quoteName(catalog)}.information_schema.columns WHERE table_schema = :schema`,
          { schema },
        )
      ).map(([name]) => String(name)),
    clear: drop,
    stop: async () => {
      await drop()
      await fake?.stop()
    },
  }
}

function withMore(row: Row): Row {
  const more = row['_sluiceway_more']
  return { ...row, ...(typeof more === 'string' ? (JSON.parse(more) as object) : {}) }
}

function logical(value: string | null, type: Columns[string]): unknown {
  if (value === null) return null
  switch (type) {
    case 'boolean':
      return value === 'true'
    case 'float':
      return Number(value)
    case 'int':
      return Number.isSafeInteger(Number(value)) ? Number(value) : value
    case 'datetime':
      return new Date(Number(value)).toISOString()
    default:
      return value
  }
}
