import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import connect, { type TransactionSql } from 'postgres'
import { startPostgres } from './real-postgres.ts'
import { type Copy, redshiftPrelude, translate } from './redshift-dialect.ts'
import { isSigned, type S3Server, startS3 } from './s3-server.ts'

/** What the Data API was asked. */
export interface DataRequest {
  readonly action: string
  readonly body: Readonly<Record<string, unknown>>
}

/** A refusal of the Data API. */
export interface Refusal {
  readonly status: number
  readonly type: string
  readonly message: string
}

/** A Data API of this machine, with a PostgreSQL behind it that runs the SQL, and a store for S3. */
export interface FakeRedshift {
  readonly endpoint: string
  readonly s3: S3Server
  readonly requests: DataRequest[]
  /** What is answered in place of the truth, while it is set. */
  refuse: ((action: string) => Refusal | undefined) | undefined
  /** Says whether the connection is cut once the request was carried out. */
  cut: ((action: string) => boolean) | undefined
  /** What statements fail with, while it is set. */
  fail: string | undefined
  /** Which statements fail with it, while it is set; all of them without it. */
  failing: RegExp | undefined
  /** How often it is said that a statement is still running. */
  running: number
  /** Runs SQL of PostgreSQL. */
  readonly query: (sql: string) => Promise<Record<string, unknown>[]>
  readonly stop: () => Promise<void>
}

interface Statement {
  readonly status: 'FINISHED' | 'FAILED'
  readonly error?: string
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}

interface Submission {
  readonly Sql?: string
  readonly Sqls?: readonly string[]
  readonly Parameters?: readonly { readonly name: string; readonly value: string }[]
  readonly ClientToken: string
  readonly WaitTimeSeconds?: number
}

/** https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html#data-api-calling-considerations */
const mostStatementBytes = 100_000
const mostStatements = 40
const pageRows = 300

/** A raw text, whatever the type of the column. */
const asText = { serialize: String, parse: (text: string) => text }

/**
 * Starts the fake. Whoever does not sign with `secret` is refused. Operations, names and errors are those of AWS' model of the
 * service, https://docs.aws.amazon.com/redshift-data/latest/APIReference/Welcome.html, as botocore has it (stored copy of
 * `botocore/data/redshift-data/2019-12-20/service-2.json`, read 2026-12-01). Of several statements, the error says which one
 * failed, as users recorded it.
 */
export async function startRedshift(secret: string): Promise<FakeRedshift> {
  const s3 = await startS3(secret)
  const postgres = await startPostgres()
  const sql = connect(postgres.url, {
    max: 1,
    prepare: false,
    onnotice: () => {},
    connection: { TimeZone: 'UTC' },
    types: {
      date: { to: 1114, from: [1082, 1114, 1184], ...asText },
      decimal: { to: 1700, from: [1700], ...asText },
      // The API writes a bigint as a number of JSON.
      bigint: { to: 20, from: [20], serialize: String, parse: Number },
    },
  })
  for (const statement of redshiftPrelude) await sql.unsafe(statement)
  const statements = new Map<string, Statement>()
  const tokens = new Map<string, string>()

  /** The objects that a COPY reads: https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html */
  const objectsOf = ({ path, isManifest }: Copy): readonly Buffer[] => {
    const bytes = s3.stored.get(path)
    if (bytes === undefined) throw new Error(`The specified S3 prefix '${path}' does not exist`)
    if (!isManifest) return [bytes]
    const { entries } = JSON.parse(bytes.toString()) as {
      readonly entries: readonly { readonly url: string; readonly mandatory?: boolean }[]
    }
    const found = entries.flatMap(({ url, mandatory = false }) => {
      const one = s3.stored.get(url.replace('s3:/', ''))
      if (one === undefined && mandatory) throw new Error('Mandatory url is not present in manifest file')
      return one === undefined ? [] : [one]
    })
    if (found.length === 0) throw new Error('No files were found to load')
    return found
  }
  const copy = async (transaction: TransactionSql, from: Copy) => {
    const { table } = from
    const lines = objectsOf(from).flatMap((bytes) => gunzipSync(bytes).toString().trimEnd().split('\n'))
    const load = transaction.savepoint((inner) =>
      inner.unsafe(
        `INSERT INTO ${table} SELECT found.* FROM unnest($1::text[]) AS line
         CROSS JOIN LATERAL jsonb_populate_record(NULL::${table}, line::jsonb) AS found`,
        [lines],
      ),
    )
    await load.catch(() => {
      throw new Error(
        `Load into table '${table.slice(1, -1)}' failed. Check 'sys_load_error_detail' system table for details.`,
      )
    })
  }
  const execute = async ({ Sql, Sqls, Parameters = [] }: Submission): Promise<Statement> => {
    const failed = (words: string, number: number): Statement => ({
      status: 'FAILED',
      error: Sqls !== undefined && words.startsWith('ERROR') ? `Query #${number} failed with ${words}` : words,
      rows: [],
    })
    const { fail, failing = /^/ } = fake
    if (fail !== undefined && (Sqls ?? [Sql ?? '']).some((text) => failing.test(text))) return failed(fail, 1)
    let number = 0
    try {
      const rows = await sql.begin(async (transaction) => {
        let found: readonly Record<string, unknown>[] = []
        for (const text of Sqls ?? [Sql ?? '']) {
          number++
          const translated = translate(text, Sqls === undefined)
          if (typeof translated === 'string') {
            const names = Parameters.map(({ name }) => name)
            const numbered =
              names.length === 0
                ? translated
                : translated.replaceAll(/:(\w+)/g, (_, name: string) => `$${names.indexOf(name) + 1}::text`)
            found = await transaction.unsafe(
              numbered,
              Parameters.map(({ value }) => value),
            )
          } else await copy(transaction, translated)
        }
        // A session of the Data API ends with its statements.
        await transaction.unsafe('DISCARD TEMP').catch(() => {})
        return found
      })
      return { status: 'FINISHED', rows }
    } catch (thrown) {
      return failed(`ERROR: ${thrown instanceof Error ? thrown.message : String(thrown)}`, number)
    } finally {
      await sql.unsafe('DISCARD TEMP')
    }
  }
  const submit = async (body: Submission): Promise<object> => {
    const known = tokens.get(body.ClientToken)
    const Id = known ?? randomUUID()
    tokens.set(body.ClientToken, Id)
    if (known === undefined) statements.set(Id, await execute(body))
    const hasWaited = body.WaitTimeSeconds !== undefined && fake.running === 0
    return { Id, CreatedAt: Date.now() / 1000, ...(hasWaited ? { Status: statements.get(Id)?.status } : {}) }
  }
  const answerOf = async ({ action, body }: DataRequest): Promise<object | Refusal> => {
    const refused = fake.refuse?.(action) ?? problemOf(action, body)
    if (refused !== undefined) return refused
    if (action.endsWith('ExecuteStatement')) return submit(body as unknown as Submission)
    const id = String(body['Id'])
    const statement = statements.get(id)
    if (statement === undefined)
      return { status: 400, type: 'ResourceNotFoundException', message: `Query ${id} does not exist.` }
    if (action === 'DescribeStatement') {
      if (fake.running > 0) {
        fake.running--
        return { Id: id, Status: 'STARTED' }
      }
      return { Id: id, Status: statement.status, ...(statement.error === undefined ? {} : { Error: statement.error }) }
    }
    if (action === 'CancelStatement') return { Status: true }
    const start = Number(body['NextToken'] ?? 0)
    const end = start + pageRows
    return {
      Records: statement.rows.slice(start, end).map((row) => Object.values(row).map(fieldOf)),
      ...(end < statement.rows.length ? { NextToken: String(end) } : {}),
    }
  }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => void handle(request, response, Buffer.concat(chunks)))
  })
  const handle = async (request: IncomingMessage, response: ServerResponse, bytes: Buffer): Promise<void> => {
    const action = /^RedshiftData\.(\w+)$/.exec(String(request.headers['x-amz-target']))?.[1] ?? ''
    const isRight =
      request.method === 'POST' &&
      request.url === '/' &&
      request.headers['content-type'] === 'application/x-amz-json-1.1'
    const answer = !isRight
      ? { status: 404, type: 'UnknownOperationException', message: '' }
      : isSigned(request, bytes, { secret, service: 'redshift-data' })
        ? await take({ action, body: JSON.parse(bytes.toString()) as DataRequest['body'] })
        : {
            status: 400,
            type: 'InvalidSignatureException',
            message: 'The request signature we calculated does not match the signature you provided.',
          }
    if (fake.cut?.(action) === true) return void request.socket.destroy()
    const isRefusal = 'type' in answer
    response
      .writeHead(isRefusal ? (answer as Refusal).status : 200, { 'content-type': 'application/x-amz-json-1.1' })
      .end(
        JSON.stringify(isRefusal ? { __type: (answer as Refusal).type, message: (answer as Refusal).message } : answer),
      )
  }
  const take = (request: DataRequest) => {
    fake.requests.push(request)
    return answerOf(request)
  }
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const fake: FakeRedshift = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    s3,
    requests: [],
    refuse: undefined,
    cut: undefined,
    fail: undefined,
    failing: undefined,
    running: 0,
    query: async (text) => (await sql.unsafe(text)) as unknown as Record<string, unknown>[],
    stop: async () => {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
      await s3.stop()
      await sql.end()
      await postgres.stop()
    },
  }
  return fake
}

function problemOf(action: string, body: DataRequest['body']): Refusal | undefined {
  const wrong = (message: string): Refusal => ({ status: 400, type: 'ValidationException', message })
  if (!action.endsWith('ExecuteStatement')) return undefined
  const { Sql, Sqls = [], ClusterIdentifier, WorkgroupName, ClientToken, Database } = body as Record<string, never>
  const { Parameters } = body as Pick<Submission, 'Parameters'>
  const all = [...(Sqls as string[]), ...(Sql === undefined ? [] : [Sql as string])]
  if ((ClusterIdentifier === undefined) === (WorkgroupName === undefined))
    return wrong('Either ClusterIdentifier or WorkgroupName must be given.')
  if (Database === undefined || ClientToken === undefined || String(ClientToken).length > 64)
    return wrong('Database or ClientToken is not valid.')
  if (all.length === 0 || all.length > mostStatements) return wrong('Sqls must have 1 to 40 members.')
  if (all.some((sql) => Buffer.byteLength(sql) > mostStatementBytes))
    return wrong('The size of the statement is too large.')
  if (Parameters !== undefined && (Parameters.length === 0 || Parameters.some(({ value }) => value === '')))
    return wrong('parameters and their values must have length greater than or equal to 1.')
  return undefined
}

function fieldOf(value: unknown): object {
  if (value === null) return { isNull: true }
  if (typeof value === 'boolean') return { booleanValue: value }
  if (typeof value === 'number') return Number.isInteger(value) ? { longValue: value } : { doubleValue: value }
  return { stringValue: typeof value === 'string' ? value : JSON.stringify(value) }
}
