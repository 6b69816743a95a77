import { generateKeyPairSync } from 'node:crypto'
import type { ColumnType } from '../../src/core/warehouse.ts'
import { quoteIdentifier } from '../../src/warehouses/identifier.ts'
import { snowflake } from '../../src/warehouses/snowflake.ts'
import { accessOf, credentialsOf } from '../../src/warehouses/snowflake/settings.ts'
import { SqlApi } from '../../src/warehouses/snowflake/sql-api.ts'
import { valueOfText } from './account-rows.ts'
import { type FakeSnowflake, stagingSecret, startFakeSnowflake } from './fake-snowflake.ts'
import type { RealWarehouse } from './real-warehouses.ts'
import type { Row } from './tables.ts'

type SnowflakeInput = Parameters<typeof snowflake>[0]

/** A warehouse in Snowflake: an account that the environment names, or a fake of this machine. */
export interface SnowflakeWarehouse extends RealWarehouse {
  readonly settings: SnowflakeInput
  /** Undefined for an account. */
  readonly fake: FakeSnowflake | undefined
  readonly schema: string
  /** Rows of a table by a column, as the types of the answer say. */
  readonly rows: (table: string, order?: string) => Promise<Row[]>
  readonly count: (table: string) => Promise<number>
}

/** An account of the fake, and the settings that reach it. */
export async function startFakeAccount(): Promise<{ fake: FakeSnowflake; settings: SnowflakeInput }> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const fake = await startFakeSnowflake({
    account: 'ENGINES-LONDON',
    user: 'SLUICEWAY',
    publicKey,
    accessToken: 'token of Ada',
    roles: ['LOADER'],
    warehouse: 'LOADING',
    database: 'ANALYTICS',
  })
  const names = { account: 'engines-london', user: 'sluiceway', database: 'analytics', warehouse: 'loading' }
  return { fake, settings: { ...names, role: 'loader', privateKey, url: fake.url, allowPrivate: true } }
}

/** The stage of the account; undefined where the environment names none. */
function stageOf(env: Readonly<Record<string, string | undefined>>): SnowflakeInput['staging'] {
  const { SNOWFLAKE_STAGE: stage } = env
  if (stage === undefined) return undefined
  return {
    stage,
    provider: env['SNOWFLAKE_STAGING_PROVIDER'] as 's3',
    bucket: env['SNOWFLAKE_STAGING_BUCKET'],
    region: env['SNOWFLAKE_STAGING_REGION'],
    accountId: env['SNOWFLAKE_STAGING_ACCOUNT_ID'],
    prefix: env['SNOWFLAKE_STAGING_PREFIX'],
    accessKeyId: env['SNOWFLAKE_STAGING_KEY_ID'],
    secretAccessKey: env['SNOWFLAKE_STAGING_SECRET'],
  }
}

/** The stage of the fake. */
export const stagingOf = ({ s3 }: FakeSnowflake) =>
  ({
    stage: 'analytics.public."EVENTS_ON_THEIR_WAY"',
    provider: 's3',
    bucket: 'analytics-staging',
    region: 'eu-central-1',
    accessKeyId: 'AKIAADA',
    secretAccessKey: stagingSecret,
    endpoint: s3.endpoint,
    allowPrivate: true,
  }) as const

/** Whether there is a stage: the fake has one. */
export const hasStage = process.env['SNOWFLAKE_ACCOUNT'] === undefined || stageOf(process.env) !== undefined

/**
 * Starts a fake, or takes the account of `SNOWFLAKE_ACCOUNT`, with a schema of its own that goes at the end.
 *
 * @param by how rows go there: in the statement, or by a stage
 */
export async function startSnowflakeWarehouse(by: 'statement' | 'stage' = 'statement'): Promise<SnowflakeWarehouse> {
  const { SNOWFLAKE_ACCOUNT: account, SNOWFLAKE_USER: user, SNOWFLAKE_ROLE: role, ...env } = process.env
  const { SNOWFLAKE_PRIVATE_KEY: privateKey, SNOWFLAKE_TOKEN: token } = env
  const { SNOWFLAKE_DATABASE: database, SNOWFLAKE_WAREHOUSE: warehouse } = env
  const own = { user, role, privateKey, token, database, warehouse }
  const { fake, settings } =
    account === undefined
      ? await startFakeAccount()
      : {
          fake: undefined,
          settings: Object.fromEntries(
            Object.entries({ account, ...own }).filter(([, value]) => value),
          ) as SnowflakeInput,
        }
  const schema = `SLUICEWAY_TEST_${process.pid}_${Math.random().toString(36).slice(2, 8).toUpperCase()}`
  const staging = by === 'statement' ? {} : { staging: fake === undefined ? stageOf(process.env) : stagingOf(fake) }
  const use = snowflake({ ...settings, ...staging, schema })
  if (use.problems.length > 0) throw new Error(use.problems.join('\n'))
  const access = accessOf(
    settings as Parameters<typeof accessOf>[0],
    credentialsOf(settings as Parameters<typeof credentialsOf>[0]),
  )
  const api = new SqlApi(access)
  const { database: where } = access.address
  const place = `${quoteIdentifier(where)}.${quoteIdentifier(schema)}`
  const query = async (sql: string, binds: readonly string[] = []): Promise<Row[]> => {
    const { columns, rows } = await api.run(sql, binds)
    return rows.map((row) =>
      Object.fromEntries(
        columns.map(({ name, type }, i) => [name, valueOfText(row[i] ?? null, types[type.toLowerCase()], timeOf)]),
      ),
    )
  }
  const tables = async () =>
    (
      await query(
        `SELECT DISTINCT TABLE_NAME FROM ${quoteIdentifier(where)}.INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = ?`,
        [schema],
      )
    ).map((row) => String(row['TABLE_NAME']))
  const drop = async () => void (await query(`DROP SCHEMA IF EXISTS ${place} CASCADE`))
  return {
    settings: { ...settings, ...staging },
    fake,
    use,
    bindings: {},
    namespace: schema,
    schema: `${place}.`,
    query,
    tables,
    rows: async (table, order = 'id') => {
      const found = await query(`SELECT * FROM ${place}.${quoteIdentifier(table)}`)
      return found
        .map(({ _SLUICEWAY_LOAD: _own, ...row }) => row)
        .toSorted((a, b) => (String(a[order]) < String(b[order]) ? -1 : 1))
    },
    count: async (table) =>
      Number((await query(`SELECT COUNT(*) AS N FROM ${place}.${quoteIdentifier(table)}`))[0]?.['N']),
    ids: async (table) =>
      (await query(`SELECT "ID" FROM ${place}.${quoteIdentifier(table)}`)).map((row) => String(row['ID'])),
    clear: drop,
    stop: async () => {
      await drop()
      await fake?.stop()
    },
  }
}

/** Types of columns that are no text, as answers name them. */
const types: Readonly<Record<string, ColumnType>> = {
  fixed: 'int',
  real: 'float',
  boolean: 'boolean',
  timestamp_tz: 'datetime',
}

/** A time comes as seconds since the epoch, and behind a blank its zone. */
const timeOf = (text: string): number => Math.round(Number(text.split(' ')[0]) * 1000)
