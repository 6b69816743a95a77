import { amazonDomainOf } from '../../src/configure/bucket.ts'
import type { ColumnType } from '../../src/core/warehouse.ts'
import { DataApi } from '../../src/warehouses/redshift/data-api.ts'
import { tableName } from '../../src/warehouses/redshift/sql.ts'
import { quoteIdentifier } from '../../src/warehouses/identifier.ts'
import { redshift } from '../../src/warehouses/redshift.ts'
import { type AccountLook, lookInto } from './account-rows.ts'
import { type FakeRedshift, startRedshift } from './fake-redshift.ts'
import type { RealWarehouse } from './real-warehouses.ts'

type RedshiftInput = Parameters<typeof redshift>[0]

/** A Redshift: the fake of this machine, or the account that the environment names. */
export interface RealRedshift extends Omit<RealWarehouse, 'query' | 'rows' | 'ids'>, AccountLook {
  readonly settings: RedshiftInput
  /** Undefined where it is an account. */
  readonly fake: FakeRedshift | undefined
}

/** The account that `npm run verify-warehouse -- redshift` is told of; undefined where there is none. */
function accountOf(env: Readonly<Record<string, string | undefined>>): RedshiftInput | undefined {
  const { REDSHIFT_REGION: region, REDSHIFT_DATABASE: database, REDSHIFT_BUCKET: bucket } = env
  if (region === undefined) return undefined
  return {
    region,
    database,
    bucket,
    cluster: env['REDSHIFT_CLUSTER'],
    workgroup: env['REDSHIFT_WORKGROUP'],
    dbUser: env['REDSHIFT_DB_USER'],
    secretArn: env['REDSHIFT_SECRET_ARN'],
    accessKeyId: env['REDSHIFT_KEY_ID'],
    secretAccessKey: env['REDSHIFT_SECRET'],
    bucketRegion: env['REDSHIFT_BUCKET_REGION'],
    iamRole: env['REDSHIFT_IAM_ROLE'],
  }
}

const fakeSettings = ({ endpoint, s3 }: FakeRedshift) => ({
  region: 'eu-central-1',
  workgroup: 'analytics',
  database: 'dev',
  bucket: 'analytics-staging',
  accessKeyId: 'AKIAADA',
  secretAccessKey: 'secret key of Ada',
  dataEndpoint: endpoint,
  s3Endpoint: s3.endpoint,
  allowPrivate: true,
})

/** Starts a Redshift with a schema of its own that goes at the end. */
export async function startRedshiftWarehouse(): Promise<RealRedshift> {
  const account = accountOf(process.env)
  const fake = account === undefined ? await startRedshift('secret key of Ada') : undefined
  const schema = `sluiceway_test_${process.pid}_${Math.random().toString(36).slice(2, 8)}`
  const settings: RedshiftInput = { ...(fake === undefined ? (account as RedshiftInput) : fakeSettings(fake)), schema }
  const use = redshift(settings)
  if (use.problems.length > 0) throw new Error(use.problems.join('; '))
  const api = new DataApi(
    {
      ...(settings as unknown as ConstructorParameters<typeof DataApi>[0]),
      endpoint:
        settings.dataEndpoint ?? `https://redshift-data.${settings.region}.${amazonDomainOf(String(settings.region))}/`,
    },
    { region: String(settings.region), server: 'server', database: '', schema, bucket: '', user: undefined },
  )
  return {
    settings,
    fake,
    use,
    bindings: {},
    namespace: schema,
    schema: `${quoteIdentifier(schema)}.`,
    ...lookInto({
      columns: (table) => use.open({}, schema).columns(table),
      run: (sql) => api.rows(sql, {}),
      nameOf: (table) => tableName(schema, table),
      quote: quoteIdentifier,
      readAs,
      // A timestamp has no zone, and is UTC.
      timeOf: (timestamp) => `${timestamp.replace(' ', 'T')}Z`,
    }),
    tables: async () =>
      (await api.rows('SELECT DISTINCT table_name FROM svv_columns WHERE table_schema = :schema', { schema })).map(
        ([name]) => String(name),
      ),
    clear: () => api.run(`DROP SCHEMA IF EXISTS ${quoteIdentifier(schema)} CASCADE`),
    stop: async () => {
      await api.run(`DROP SCHEMA IF EXISTS ${quoteIdentifier(schema)} CASCADE`)
      await fake?.stop()
    },
  }
}

/** A number of JSON has no room for the digits of a bigint. */
function readAs(name: string, type: ColumnType): string {
  if (type === 'json') return `json_serialize(${name})`
  return type === 'int' ? `CAST(${name} AS varchar)` : name
}
