import { createHash, createPublicKey, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { jwtVerify } from 'jose'
import { gunzipSync } from 'node:zlib'
import { type S3Server, startS3 } from './s3-server.ts'
import { type FakeResult, objectIn, openSnowflakeOnDuckDb, StatementError } from './snowflake-on-duckdb.ts'

/** What happens to a request in place of the usual. */
export type Fault =
  /** An answer, before anything runs. */
  | { readonly status: number; readonly body?: object }
  /** The connection is cut, before or after the statement ran. */
  | 'cut before'
  | 'cut after'
  /** The statement goes on for so many questions. */
  | { readonly polls: number }

/** A request as it came. */
export interface SeenRequest {
  readonly method: string
  /** Path and query; ids of requests and statements are `<id>`. */
  readonly path: string
  /** Of the query; the same in a repeat. */
  readonly requestId: string | null
  readonly body: Readonly<Record<string, unknown>> | undefined
}

/** A Snowflake account on this machine. */
export interface FakeSnowflake {
  readonly url: string
  /** Takes the key `stagingSecret`. */
  readonly s3: S3Server
  /** The external stage, and the path in the store that is its URL. */
  stage: { readonly name: string; readonly path: string }
  readonly seen: SeenRequest[]
  /** Statements that ran. */
  readonly ran: string[]
  /** Asked for each request, in their order. */
  fault: ((request: SeenRequest) => Fault | undefined) | undefined
  /** Runs a statement past the API. */
  readonly query: (statement: string) => Promise<FakeResult['rows']>
  readonly stop: () => Promise<void>
}

/** Who may ask, and what is there. */
export interface FakeAccount {
  readonly account: string
  readonly user: string
  /** PEM. */
  readonly publicKey: string
  /** A programmatic access token. */
  readonly accessToken: string
  readonly roles: readonly string[]
  readonly warehouse: string
  readonly database: string
}

export const stagingSecret = 'bucket key of Ada'

interface Statement {
  readonly result: FakeResult
  /** Questions that are still answered with "in progress". */
  polls: number
}

/** Rows of the first and of each further part of an answer. */
const partitionRows = 100

/**
 * Starts a server that speaks the SQL API as Snowflake documents it, and runs the statements on DuckDB.
 *
 * It checks tokens with the public key, roles, warehouses and databases; answers in partitions; keeps the results of statements
 * by handle and by request id, so that a repeat with `retry=true` does not run a statement again, and one without does.
 * https://docs.snowflake.com/en/developer-guide/sql-api/reference, /submitting-requests, /handling-responses, /authenticating
 * (stored copies); codes of failures as users recorded them
 */
export async function startFakeSnowflake(account: FakeAccount): Promise<FakeSnowflake> {
  const duck = await openSnowflakeOnDuckDb(account.database)
  const s3 = await startS3(stagingSecret)
  const statements = new Map<string, Statement>()
  const requests = new Map<string, string>()

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams, search } = new URL(request.url ?? '', 'http://127.0.0.1')
    const raw = await text(request)
    const body = raw === '' ? undefined : (JSON.parse(raw) as Record<string, unknown>)
    const path = `${pathname}${search}`.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>')
    const one: SeenRequest = { method: request.method ?? '', path, requestId: searchParams.get('requestId'), body }
    fake.seen.push(one)
    const reply = (status: number, object: object): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(object))
    const fault = fake.fault?.(one)
    if (fault === 'cut before') return void request.socket.destroy()
    if (typeof fault === 'object' && 'status' in fault) return reply(fault.status, fault.body ?? {})
    const refused = await refusalOf(request, account)
    if (refused !== undefined) return reply(401, refused)
    if (request.headers['content-type'] !== 'application/json' && request.method === 'POST')
      return reply(422, { code: '391902', message: 'Unsupported content type' })
    const [, handle] = /^\/api\/v2\/statements\/([^/]+)$/.exec(pathname) ?? []
    if (handle !== undefined && request.method === 'GET')
      return answerHandle(reply, { handle, partition: Number(searchParams.get('partition') ?? 0) })
    if (pathname !== '/api/v2/statements' || request.method !== 'POST' || body === undefined) return reply(404, {})
    const id = searchParams.get('requestId') ?? ''
    const known = searchParams.get('retry') === 'true' ? requests.get(id) : undefined
    const made = known ?? randomUUID()
    if (known === undefined)
      try {
        const polls = typeof fault === 'object' && 'polls' in fault ? fault.polls + 1 : 0
        statements.set(made, { result: await run(body), polls })
        // Only what ran well is known by its request.
        requests.set(id, made)
      } catch (thrown) {
        if (!(thrown instanceof StatementError)) throw thrown
        const { code, sqlState, message } = thrown
        return reply(code === '390186' ? 400 : 422, { code, sqlState, message, statementHandle: made })
      }
    if (fault === 'cut after') return void request.socket.destroy()
    answerHandle(reply, { handle: made, partition: 0 })
  }

  const run = (body: Record<string, unknown>): Promise<FakeResult> => {
    const { statement, warehouse, database, role, bindings = {} } = body
    if (typeof statement !== 'string') throw new StatementError('000900', '42601', 'Empty SQL statement')
    if (role !== undefined && !account.roles.includes(role as string))
      throw new StatementError(
        '390186',
        '08001',
        `Role '${String(role)}' specified in the connect string is not granted to this user.`,
      )
    if (/;/.test(statement.replaceAll(/"(?:[^"]|"")*"/g, '')))
      throw new StatementError(
        '000008',
        '0A000',
        'Actual statement count 2 did not match the desired statement count 1.',
      )
    if (!statement.includes(`"${account.database}".`) || database !== account.database)
      throw new StatementError(
        '002003',
        '02000',
        `SQL compilation error:\nDatabase '${String(database)}' does not exist or not authorized.`,
      )
    if (warehouse !== account.warehouse && /^(?:SELECT|INSERT|MERGE)/.test(statement))
      throw new StatementError(
        '000606',
        '57P03',
        "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' command.\n",
      )
    fake.ran.push(statement)
    const binds = Object.entries(bindings as Record<string, { type: string; value: string }>)
    if (
      binds.some(([name, { type, value }], i) => name !== String(i + 1) || type !== 'TEXT' || typeof value !== 'string')
    )
      throw new StatementError('002086', '22000', 'Invalid bind value')
    return duck.run(statement, [...binds.map(([, { value }]) => value), ...stagedLines(statement)])
  }

  /**
   * The lines of the objects that a statement reads, as a bind: of all whose names begin with the path. Where there is none, there
   * are no lines. https://docs.snowflake.com/en/sql-reference/sql/list (stored copy, read 2026-11-30)
   */
  const stagedLines = (statement: string): readonly string[] => {
    const object = objectIn(statement)
    if (object === undefined) return []
    if (object.stage !== fake.stage.name)
      throw new StatementError(
        '002003',
        '02000',
        `SQL compilation error:\nStage '${object.stage.replaceAll('"', '')}' does not exist or not authorized.`,
      )
    const lines = Array.from(s3.stored)
      .filter(([path]) => path.startsWith(`${fake.stage.path}${object.name}`))
      .flatMap(([, bytes]) => gunzipSync(bytes).toString().trimEnd().split('\n'))
    return [`[${lines.join(',')}]`]
  }

  const answerHandle = (
    reply: (status: number, object: object) => void,
    { handle, partition }: { readonly handle: string; readonly partition: number },
  ): void => {
    const statement = statements.get(handle)
    const statementStatusUrl = `/api/v2/statements/${handle}`
    if (statement === undefined)
      return reply(422, { code: '000709', message: `Statement ${handle} not found`, sqlState: '02000' })
    if (statement.polls > 0) {
      statement.polls--
      return reply(202, {
        code: '333334',
        message:
          'Asynchronous execution in progress. Use provided query id to perform query monitoring and management.',
        statementHandle: handle,
        statementStatusUrl,
      })
    }
    const { rowType, rows } = statement.result
    const data = rows.slice(partition * partitionRows, (partition + 1) * partitionRows)
    if (partition > 0) return reply(200, { data })
    const partitionInfo = Array.from({ length: Math.max(1, Math.ceil(rows.length / partitionRows)) }, (_, i) => ({
      rowCount: Math.min(partitionRows, rows.length - i * partitionRows),
      uncompressedSize: 1,
    }))
    reply(200, {
      resultSetMetaData: { numRows: rows.length, format: 'jsonv2', partitionInfo, rowType },
      data,
      code: '090001',
      statementStatusUrl,
      sqlState: '00000',
      statementHandle: handle,
      message: 'Statement executed successfully.',
    })
  }

  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done))
  const fake: FakeSnowflake = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    s3,
    stage: {
      name: `"${account.database}"."PUBLIC"."EVENTS_ON_THEIR_WAY"`,
      path: '/analytics-staging/sluiceway-snowflake/',
    },
    seen: [],
    ran: [],
    fault: undefined,
    query: async (statement) => (await duck.run(statement, [])).rows,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
      await s3.stop()
      duck.stop()
    },
  }
  return fake
}

/** Checks the token as Snowflake does; undefined for one that is right. */
async function refusalOf(
  { headers }: IncomingMessage,
  { account, user, publicKey, accessToken }: FakeAccount,
): Promise<{ readonly code: string; readonly message: string } | undefined> {
  const token = (headers.authorization ?? '').replace(/^Bearer /, '')
  if (headers['x-snowflake-authorization-token-type'] === 'PROGRAMMATIC_ACCESS_TOKEN')
    return token === accessToken ? undefined : { code: '390303', message: 'Programmatic access token is invalid.' }
  const invalid = { code: '390144', message: `JWT token is invalid. [${randomUUID()}]` }
  const key = createPublicKey(publicKey)
  const fingerprint = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64')
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: ['RS256'],
      issuer: `${account}.${user}.SHA256:${fingerprint}`,
      subject: `${account}.${user}`,
      requiredClaims: ['iat', 'exp'],
    })
    return (payload.exp ?? 0) - (payload.iat ?? 0) <= 3_600 ? undefined : invalid
  } catch {
    return invalid
  }
}
