import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { DatabricksSqlError, errorOf, objectIn, translate } from './databricks-dialect.ts'
import { type S3Server, startS3 } from './s3-server.ts'

/** A request that was let in. */
export interface StatementRequest {
  /** `POST /api/2.0/sql/statements/`. */
  readonly asked: string
  readonly body: Readonly<Record<string, unknown>>
}

/** An answer in place of the truth. */
export interface Refusal {
  readonly status: number
  readonly body?: object
  readonly retryAfter?: number
}

/** The SQL Statement Execution API of this machine, with a DuckDB behind it that runs the SQL, and a store for staged rows. */
export interface FakeDatabricks {
  readonly url: string
  /** Takes the key `stagingSecret`. */
  readonly s3: S3Server
  /** The external location: what statements may read. */
  location: string
  /** Whether an object that is not there is read as one without lines. */
  isLenient: boolean
  readonly requests: StatementRequest[]
  /** How often a token was given out. */
  tokens: number
  refuse: ((asked: string) => Refusal | undefined) | undefined
  /** Says whether the connection is cut once the request was carried out. */
  cut: ((asked: string) => boolean) | undefined
  /** What statements fail with, while it is set. */
  fail: { readonly error_code: string; readonly message: string; readonly sql_state?: string } | undefined
  /** Which statements fail with it, while it is set; all of them without it. */
  failing: RegExp | undefined
  /** How often it is said that a statement is still running. */
  running: number
  /** Ends the tokens that were given out. */
  readonly expire: () => void
  /** Runs SQL of DuckDB. */
  readonly query: (sql: string) => Promise<Record<string, unknown>[]>
  readonly stop: () => Promise<void>
}

interface Submission {
  readonly statement: string
  readonly warehouse_id: string
  readonly parameters?: readonly { readonly name: string; readonly value: string }[]
}

export const clientId = 'a1b2c3d4-loader'
export const clientSecret = 'secret of Ada'
export const accessToken = 'dapi-of-ada'
export const stagingSecret = 'bucket key of Ada'
export const warehouseId = '1234567890abcdef'

const chunkRows = 300
/** https://docs.databricks.com/aws/en/dev-tools/sql-execution-tutorial (checked 2026-11-29) */
const mostStatementBytes = 16 * 1024 * 1024

/**
 * Starts the fake. Paths, fields, states and limits are those of Databricks' own description of the API, as its SDK has it
 * (stored copy of `docs/workspace/sql/statement_execution.rst` of databricks/databricks-sdk-py, read 2026-11-29); OAuth is that of
 * https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m.
 */
export async function startDatabricks(): Promise<FakeDatabricks> {
  const s3 = await startS3(stagingSecret)
  const duck = await DuckDBInstance.create()
  const connection = await duck.connect()
  await connection.run(`ATTACH ':memory:' AS analytics`)
  await connection.run(`SET TimeZone = 'UTC'`)
  const statements = new Map<string, object>()
  const chunks = new Map<string, readonly (string | null)[][]>()
  let given = ''
  // DuckDB has one transaction for each connection.
  let queue: Promise<unknown> = Promise.resolve()
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const done = queue.then(work)
    queue = done.catch(() => {})
    return done
  }

  /** Lines of an object, or of all that are in a folder. */
  const linesOf = (object: string): string[] => {
    if (!object.startsWith(fake.location))
      throw new DatabricksSqlError(
        'EXTERNAL_LOCATION_DOES_NOT_EXIST.NO_PARENT_EXTERNAL_LOCATION_FOR_PATH',
        'KD000',
        `No parent external location was found for path '${object}'.`,
      )
    const [, bucket = '', key = ''] = /^\w+:\/\/([^/@]+)(?:@[^/]+)?\/(.+)$/.exec(object) ?? []
    const path = `/${bucket}/${key}`
    const found = Array.from(s3.stored).filter(([name]) => name === path || name.startsWith(`${path}/`))
    if (found.length === 0 && fake.isLenient) return []
    if (found.length === 0) throw new DatabricksSqlError('PATH_NOT_FOUND', '42K03', `Path does not exist: ${object}.`)
    return found.flatMap(([name, bytes]) => {
      // The end of the name says how it is compressed.
      const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
      return text.split('\n').slice(0, text.endsWith('\n') ? -1 : undefined)
    })
  }
  const execute = async ({ statement, parameters = [] }: Submission): Promise<(string | null)[][]> => {
    let rows: (string | null)[][] = []
    const object = objectIn(statement)
    const lines = object === undefined ? [] : [{ name: 'lines', value: JSON.stringify(linesOf(object)) }]
    for (const text of translate(statement)) {
      const named = Object.fromEntries(
        [...parameters, ...lines]
          .filter(({ name }) => new RegExp(`\\$${name}\\b`).test(text))
          .map(({ name, value }) => [name, value]),
      )
      const reader = await connection.runAndReadAll(text, named)
      rows = reader.getRowsJson().map((row) => row.map(textOf))
    }
    return rows
  }
  const submit = async (body: Submission): Promise<object> => {
    const id = randomUUID()
    const { fail, failing = /^/ } = fake
    const isRefused = fail !== undefined && failing.test(body.statement)
    statements.set(id, isRefused ? failed(id, fail) : await outcomeOf(id, body))
    return stateOf(id)
  }
  const outcomeOf = async (id: string, body: Submission): Promise<object> => {
    try {
      chunks.set(id, await alone(() => execute(body)))
      return { statement_id: id, status: { state: 'SUCCEEDED' }, result: chunkOf(id, 0) }
    } catch (thrown) {
      const { message, sqlState } = errorOf(thrown)
      return failed(id, { error_code: 'BAD_REQUEST', message, sql_state: sqlState })
    }
  }
  const chunkOf = (id: string, at: number): object => {
    const rows = chunks.get(id) ?? []
    const next = `/api/2.0/sql/statements/${id}/result/chunks/${at + 1}`
    return {
      chunk_index: at,
      data_array: rows.slice(at * chunkRows, (at + 1) * chunkRows),
      ...((at + 1) * chunkRows < rows.length ? { next_chunk_index: at + 1, next_chunk_internal_link: next } : {}),
    }
  }
  const stateOf = (id: string): object => {
    if (fake.running > 0) {
      fake.running--
      return { statement_id: id, status: { state: 'PENDING' } }
    }
    return statements.get(id) ?? {}
  }
  const answerOf = async (asked: string, body: StatementRequest['body']): Promise<Refusal> => {
    const ok = (found: object): Refusal => ({ status: 200, body: found })
    const refused = fake.refuse?.(asked)
    if (refused !== undefined) return refused
    if (asked === 'POST /api/2.0/sql/statements/') {
      const problem = problemOf(body)
      return problem ?? ok(await submit(body as unknown as Submission))
    }
    const [, id = '', chunk, cancel] =
      /^(?:GET|POST) \/api\/2\.0\/sql\/statements\/([0-9a-f-]+)(?:\/result\/chunks\/(\d+)|(\/cancel))?$/.exec(asked) ??
      []
    if (!statements.has(id))
      return { status: 404, body: { error_code: 'NOT_FOUND', message: `${asked} was not found` } }
    if (cancel !== undefined) return ok({})
    return ok(chunk === undefined ? stateOf(id) : chunkOf(id, Number(chunk)))
  }
  const handle = async (request: IncomingMessage, response: ServerResponse, bytes: Buffer): Promise<void> => {
    const asked = `${request.method} ${request.url}`
    const { authorization = '' } = request.headers
    const send = ({ status, body = {}, retryAfter }: Refusal) =>
      void response
        .writeHead(status, {
          'content-type': 'application/json',
          ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
        })
        .end(JSON.stringify(body))
    if (asked === 'POST /oidc/v1/token') {
      const isRight =
        authorization === `Basic ${btoa(`${clientId}:${clientSecret}`)}` &&
        bytes.toString() === 'grant_type=client_credentials&scope=all-apis'
      if (!isRight)
        return send({
          status: 401,
          body: { error: 'invalid_client', error_description: 'Client authentication failed' },
        })
      fake.tokens++
      given = randomUUID()
      return send({ status: 200, body: { access_token: given, token_type: 'Bearer', expires_in: 3600 } })
    }
    const token = authorization.replace('Bearer ', '')
    if (token !== accessToken && (given === '' || token !== given))
      return send({ status: 401, body: { error_code: 'UNAUTHENTICATED', message: 'Invalid access token.' } })
    const body = bytes.length === 0 ? {} : (JSON.parse(bytes.toString()) as StatementRequest['body'])
    fake.requests.push({ asked, body })
    const answer = await answerOf(asked, body)
    if (fake.cut?.(asked) === true) return void request.socket.destroy()
    send(answer)
  }
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (chunk: Buffer) => parts.push(chunk))
    request.on('end', () => void handle(request, response, Buffer.concat(parts)))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const fake: FakeDatabricks = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    s3,
    location: 's3://analytics-staging/',
    isLenient: false,
    requests: [],
    tokens: 0,
    refuse: undefined,
    cut: undefined,
    fail: undefined,
    failing: undefined,
    running: 0,
    expire: () => void (given = ''),
    query: (sql) =>
      alone(
        async () => (await connection.runAndReadAll(sql)).getRowObjectsJson() as unknown as Record<string, unknown>[],
      ),
    stop: async () => {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
      await s3.stop()
      connection.closeSync()
      duck.closeSync()
    },
  }
  return fake
}

const failed = (id: string, { sql_state, ...error }: NonNullable<FakeDatabricks['fail']>): object => ({
  statement_id: id,
  status: { state: 'FAILED', error, ...(sql_state === undefined ? {} : { sql_state }) },
})

function problemOf(body: StatementRequest['body']): Refusal | undefined {
  const wrong = (message: string): Refusal => ({
    status: 400,
    body: { error_code: 'INVALID_PARAMETER_VALUE', message },
  })
  if (body['warehouse_id'] !== warehouseId)
    return { status: 404, body: { error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'No such SQL warehouse.' } }
  if (!/^(?:0|[5-9]|[1-4]\d|50)s$/.test(String(body['wait_timeout']))) return wrong('wait_timeout is out of range')
  if (body['on_wait_timeout'] !== 'CONTINUE' || body['format'] !== 'JSON_ARRAY' || body['disposition'] !== 'INLINE')
    return wrong('a setting is not known')
  if (Buffer.byteLength(JSON.stringify(body)) > mostStatementBytes) return wrong('the statement is too large')
  return undefined
}

const textOf = (value: unknown): string | null =>
  value === null || value === undefined ? null : typeof value === 'string' ? value : JSON.stringify(value)
