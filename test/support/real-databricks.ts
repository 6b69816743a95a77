import { AccessToken } from '../../src/warehouses/databricks/access-token.ts'
import { quoteName, tableName } from '../../src/warehouses/databricks/sql.ts'
import { Statements } from '../../src/warehouses/databricks/statements.ts'
import { databricks } from '../../src/warehouses/databricks.ts'
import { type AccountLook, lookInto } from './account-rows.ts'
import { accessToken, type FakeDatabricks, stagingSecret, startDatabricks, warehouseId } from './fake-databricks.ts'
import type { RealWarehouse } from './real-warehouses.ts'

type DatabricksInput = Parameters<typeof databricks>[0]

/** A Databricks: the fake of this machine, or the account that the environment names. */
export interface RealDatabricks extends Omit<RealWarehouse, 'query' | 'rows' | 'ids'>, AccountLook {
  readonly settings: DatabricksInput
  /** Undefined where it is an account. */
  readonly fake: FakeDatabricks | undefined
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

/** The bucket of the account; undefined where the environment names none. */
function bucketOf(env: Readonly<Record<string, string | undefined>>): DatabricksInput['staging'] {
  const { DATABRICKS_STAGING_BUCKET: bucket } = env
  if (bucket === undefined) return undefined
  return {
    provider: env['DATABRICKS_STAGING_PROVIDER'] as 's3',
    bucket,
    region: env['DATABRICKS_STAGING_REGION'],
    accountId: env['DATABRICKS_STAGING_ACCOUNT_ID'],
    prefix: env['DATABRICKS_STAGING_PREFIX'],
    accessKeyId: env['DATABRICKS_STAGING_KEY_ID'],
    secretAccessKey: env['DATABRICKS_STAGING_SECRET'],
  }
}

/** The bucket of the fake. */
export const stagingOf = ({ s3 }: FakeDatabricks) =>
  ({
    provider: 's3',
    bucket: 'analytics-staging',
    region: 'eu-central-1',
    accessKeyId: 'AKIAADA',
    secretAccessKey: stagingSecret,
    endpoint: s3.endpoint,
    allowPrivate: true,
  }) as const

/** Whether there is a bucket for staged rows: the fake has one. */
export const hasStaging = accountOf(process.env) === undefined || bucketOf(process.env) !== undefined

/**
 * Starts a Databricks with a schema of its own that goes at the end.
 *
 * @param by how rows go there: in the statement, or through a bucket
 */
export async function startDatabricksWarehouse(by: 'statement' | 'bucket' = 'statement'): Promise<RealDatabricks> {
  const account = accountOf(process.env)
  const fake = account === undefined ? await startDatabricks() : undefined
  const schema = `sluiceway_test_${process.pid}_${Math.random().toString(36).slice(2, 8)}`
  const own =
    fake === undefined
      ? (account as DatabricksInput)
      : { url: fake.url, warehouseId, catalog: 'analytics', token: accessToken, allowPrivate: true }
  const staging = by === 'statement' ? {} : { staging: fake === undefined ? bucketOf(process.env) : stagingOf(fake) }
  const settings: DatabricksInput = { ...own, ...staging, schema }
  const use = databricks(settings)
  if (use.problems.length > 0) throw new Error(use.problems.join('; '))
  const catalog = String(settings.catalog)
  const url = String(settings.url)
  const address = { host: '', warehouseId: String(settings.warehouseId), catalog, schema }
  const { token, clientId, clientSecret } = settings
  const statements = new Statements(url, new AccessToken({ url, token, clientId, clientSecret }, address), address)
  const place = { catalog, schema }
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
    ...lookInto({
      columns: (table) => use.open({}, schema).columns(table),
      run: (sql) => statements.run(sql),
      nameOf: (table) => tableName(place, table),
      quote: quoteName,
      readAs: (column, type) => (type === 'datetime' ? `unix_millis(${column})` : column),
      timeOf: Number,
    }),
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
