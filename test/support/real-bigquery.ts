import { existsSync, readFileSync } from 'node:fs'
import type { ColumnType } from '../../src/core/warehouse.ts'
import { AccessToken } from '../../src/warehouses/bigquery/access-token.ts'
import { BigQueryFailures } from '../../src/warehouses/bigquery/failure.ts'
import { BigQueryHttp } from '../../src/warehouses/bigquery/http.ts'
import { BigQueryJobs } from '../../src/warehouses/bigquery/jobs.ts'
import { readServiceAccount, type ServiceAccount } from '../../src/warehouses/bigquery/service-account.ts'
import { bigquery } from '../../src/warehouses/bigquery.ts'
import { valueOfText, withMore } from './account-rows.ts'
import { type FakeBigQuery, startFakeBigQuery } from './fake-bigquery.ts'
import type { RealWarehouse } from './real-warehouses.ts'
import type { Row } from './tables.ts'

type Settings = Parameters<typeof bigquery>[0]

/** A BigQuery: the fake, or an account that the environment names. */
export interface RealBigQueryWarehouse extends RealWarehouse {
  /** Undefined for an account. */
  readonly fake: FakeBigQuery | undefined
  readonly settings: Settings
  /** What stands before the name of a table, within backticks. */
  readonly schema: string
  readonly rows: (table: string, order?: string) => Promise<Row[]>
  readonly count: (table: string) => Promise<number>
  /** What engines are made of, for a test of a part. */
  readonly parts: { readonly http: BigQueryHttp; readonly jobs: BigQueryJobs; readonly failures: BigQueryFailures }
  /** What the API tells of a table. */
  readonly resource: (table: string) => Promise<Row>
}

/** Starts the fake, or takes the account of `BIGQUERY_CREDENTIALS`, with a dataset of its own that goes at the end. */
export async function startBigQueryWarehouse(own: Partial<Settings> = {}): Promise<RealBigQueryWarehouse> {
  const { BIGQUERY_CREDENTIALS, BIGQUERY_PROJECT, BIGQUERY_LOCATION } = process.env
  const fake = BIGQUERY_CREDENTIALS === undefined ? await startFakeBigQuery() : undefined
  const credentials = fake?.credentials ?? textOf(BIGQUERY_CREDENTIALS ?? '')
  const dataset = `sluiceway_test_${process.pid}_${Math.random().toString(36).slice(2, 8)}`
  const settings: Settings = {
    credentials,
    ...(BIGQUERY_PROJECT === undefined ? {} : { project: BIGQUERY_PROJECT }),
    ...(BIGQUERY_LOCATION === undefined ? {} : { location: BIGQUERY_LOCATION }),
    ...(fake === undefined ? {} : { endpoint: fake.url, allowPrivate: true }),
    dataset,
    ...own,
  }
  const account = readServiceAccount(credentials) as ServiceAccount
  const project = settings.project ?? account.project ?? ''
  const failures = new BigQueryFailures({ project, dataset, email: account.email })
  const token = new AccessToken(account, {}, failures)
  const endpoint = fake?.url ?? 'https://bigquery.googleapis.com'
  const http = new BigQueryHttp({ endpoint, project }, token, failures)
  const location = () => Promise.resolve(settings.location ?? 'US')
  const call = async (method: string, path: string, body?: object): Promise<Row> => {
    const value = await token.get()
    const response = await fetch(`${endpoint}/bigquery/v2/projects/${project}${path}`, {
      method,
      headers: { authorization: `Bearer ${value}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (response.status === 401) {
      token.refused(value)
      return call(method, path, body)
    }
    if (!response.ok) throw new Error(text)
    return text === '' ? {} : (JSON.parse(text) as Row)
  }
  const query = async (sql: string): Promise<Row[]> => {
    const asked = {
      query: sql,
      useLegacySql: false,
      timeoutMs: 60_000,
      location: settings.location ?? 'US',
      formatOptions: { useInt64Timestamp: true },
    }
    const { schema, rows = [] } = (await call('POST', '/queries', asked)) as unknown as QueryAnswer
    const fields = schema?.fields ?? []
    return rows.map(({ f }) =>
      Object.fromEntries(f.map(({ v }, i) => [fields[i]?.name, valueOfText(v, types[fields[i]?.type ?? ''], timeOf)])),
    )
  }
  const list = async () => {
    const answer = (await call('GET', `/datasets/${dataset}/tables?maxResults=1000`)) as unknown as TableList
    return (answer.tables ?? []).filter(({ type }) => type === 'TABLE').map((one) => one.tableReference.tableId)
  }
  const tables = (): Promise<string[]> => list().catch(() => [])
  const schema = `${project}.${dataset}.`
  return {
    fake,
    settings,
    namespace: dataset,
    use: bigquery(settings),
    bindings: {},
    schema,
    parts: { http, failures, jobs: new BigQueryJobs(http, { project, location }, failures) },
    query,
    tables,
    rows: async (table, order = 'id') => {
      if (!(await tables()).includes(table)) return []
      const found = await query(`SELECT * FROM \`${schema}${table}\``)
      const named = found.map(({ _sluiceway_load: _load, _PARTITIONTIME: _time, ...row }): Row => withMore(row))
      return named.toSorted((a, b) => (String(a[order]) < String(b[order]) ? -1 : 1))
    },
    count: async (table) => Number((await query(`SELECT COUNT(*) AS n FROM \`${schema}${table}\``))[0]?.['n']),
    ids: async (table) => (await query(`SELECT id FROM \`${schema}${table}\``)).map(({ id }) => String(id)),
    resource: (table) => call('GET', `/datasets/${dataset}/tables/${table}`),
    clear: async () => void (await call('DELETE', `/datasets/${dataset}?deleteContents=true`).catch(() => {})),
    stop: async () => {
      await call('DELETE', `/datasets/${dataset}?deleteContents=true`).catch(() => {})
      await fake?.stop()
    },
  }
}

interface QueryAnswer {
  readonly schema?: { readonly fields: readonly { readonly name: string; readonly type: string }[] }
  readonly rows?: readonly { readonly f: readonly { readonly v: string | null }[] }[]
}

interface TableList {
  readonly tables?: readonly { readonly type: string; readonly tableReference: { readonly tableId: string } }[]
}

/** Types of columns that are no text, as answers name them. */
const types: Readonly<Record<string, ColumnType>> = {
  BOOLEAN: 'boolean',
  FLOAT: 'float',
  INTEGER: 'int',
  TIMESTAMP: 'datetime',
}

/** A time comes as microseconds since the epoch. */
const timeOf = (text: string): number => Number(text) / 1_000

/** The JSON itself, or the name of the file that has it. */
const textOf = (given: string): string => (existsSync(given) ? readFileSync(given, 'utf8') : given)
