import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { exportPKCS8, generateKeyPair, jwtVerify } from 'jose'
import { type Answer, errorOf, type SeenRequest } from './bigquery/answer.ts'
import { Duck } from './bigquery/duck.ts'
import { Project, type Resource } from './bigquery/project.ts'
import { isUploadCall, Uploads } from './bigquery/uploads.ts'

/** What a test does to a request instead of, or after, what BigQuery would do. */
export type Fault =
  | Answer
  /** The connection ends after the request was carried out. */
  | 'cut after'

/** A BigQuery of this machine. */
export interface FakeBigQuery {
  readonly url: string
  /** The key of the only service account. */
  readonly credentials: string
  readonly requests: SeenRequest[]
  /** How many tokens were given out. */
  readonly tokens: () => number
  /** Refuses tokens that were given out. */
  readonly revoke: () => void
  /** Says what becomes of a request; undefined for what BigQuery does. */
  fault: (request: SeenRequest) => Fault | undefined
  /** Polls after which a job is done; with 0 it is done when it is made. */
  polls: number
  /** Has each job take so many milliseconds, whatever it does. */
  readonly slowJobs: (ms: number) => void
  /** How many bytes of a piece of an upload are taken that could all be. */
  taken: (bytes: number) => number
  /** Ends all uploads that were begun, as BigQuery does after about a day. */
  readonly expireUploads: () => void
  /** What the API tells of the tables of a dataset, by their names. */
  readonly tables: (dataset: string) => Map<string, Resource>
  /** Ids of the jobs that were made, in their order. */
  readonly jobs: () => readonly string[]
  /** Forgets all jobs, as BigQuery does after half a year. */
  readonly forgetJobs: () => void
  /** Runs a statement past the API; each row is its texts. */
  readonly query: (googleSql: string) => Promise<readonly (readonly (string | null)[])[]>
  readonly stop: () => Promise<void>
}

export const fakeProject = 'acme-analytics'
const email = 'loader@acme-analytics.iam.gserviceaccount.com'
const scope = 'https://www.googleapis.com/auth/bigquery'

/**
 * Starts a server that speaks BigQuery's REST API v2, as far as the engine uses it, and runs its SQL on DuckDB.
 *
 * Tokens are given out for a JWT that the account's key signed, which is verified. Uploads are read as multipart/related, or come
 * in pieces (see bigquery/uploads.ts). A job
 * runs once for its id; a second one is answered with 409. Tables have etags, schemas, partitions and times at which they expire.
 * What it cannot show: how rows are billed, how long jobs wait, limits, and what differs between GoogleSQL and DuckDB.
 *
 * From https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs, …/v2/tables, …/v2/datasets,
 * https://cloud.google.com/bigquery/docs/reference/api-uploads, https://cloud.google.com/bigquery/docs/error-messages and
 * https://developers.google.com/identity/protocols/oauth2/service-account (stored copies, read 2026-11-29).
 */
export async function startFakeBigQuery(): Promise<FakeBigQuery> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
  const duck = await Duck.open()
  const project = new Project(duck)
  const uploads = new Uploads((bytes) => fake.taken(bytes))
  let turn: Promise<unknown> = Promise.resolve()
  const tokens = new Set<string>()
  let given = 0
  const server = createServer((request, response) => {
    void answer(request, response).catch((thrown: unknown) => {
      send(response, { status: 500, body: { error: { code: 500, message: String(thrown) } } })
    })
  })
  const giveToken = async (request: IncomingMessage, response: ServerResponse) => {
    const form = new URLSearchParams(await text(request))
    const refused = (words: string) =>
      send(response, { status: 400, body: { error: 'invalid_grant', error_description: words } })
    if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') return refused('Bad grant')
    try {
      const { payload, protectedHeader } = await jwtVerify(form.get('assertion') ?? '', publicKey, {
        algorithms: ['RS256'],
        issuer: email,
        audience: `${fake.url}/token`,
        maxTokenAge: '1h',
      })
      if (payload['scope'] !== scope || protectedHeader.kid !== 'key-1') return refused('Invalid scope or key')
    } catch {
      return refused('Invalid JWT Signature.')
    }
    const token = `ya29.${++given}`
    tokens.add(token)
    return send(response, { status: 200, body: { access_token: token, expires_in: 3_599, token_type: 'Bearer' } })
  }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.url === '/token') return giveToken(request, response)
    const raw = await buffer(request)
    const seen = readRequest(request, raw)
    fake.requests.push(seen)
    if (!tokens.has(request.headers.authorization?.replace('Bearer ', '') ?? ''))
      return send(response, errorOf(401, 'authError', 'Invalid Credentials'))
    const fault = fake.fault(seen)
    if (fault !== undefined && fault !== 'cut after') return send(response, fault)
    // One after the other: there is one connection to DuckDB.
    const carryOut = (carried: SeenRequest) =>
      project.answer(carried, { ifMatch: request.headers['if-match'], polls: fake.polls })
    const done = turn.then(() => (isUploadCall(seen) ? uploads.answer(seen, raw, url, carryOut) : carryOut(seen)))
    turn = done.catch(() => {})
    const body = await done
    if (fault === 'cut after') return void request.socket.destroy()
    return send(response, body)
  }
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const fake: FakeBigQuery = {
    url,
    credentials: JSON.stringify({
      type: 'service_account',
      project_id: fakeProject,
      private_key_id: 'key-1',
      private_key: await exportPKCS8(privateKey),
      client_email: email,
      token_uri: `${url}/token`,
    }),
    requests: [],
    tokens: () => given,
    revoke: () => tokens.clear(),
    fault: () => undefined,
    polls: 0,
    slowJobs: (ms) => void (project.jobMs = ms),
    taken: (bytes) => bytes,
    expireUploads: () => uploads.expire(),
    tables: (dataset) => project.datasets.get(dataset)?.tables ?? new Map<string, Resource>(),
    forgetJobs: () => project.jobs.clear(),
    query: async (googleSql) => {
      const { rows, error } = await duck.run(googleSql)
      if (error !== undefined) throw new Error(error.message)
      const found = (rows?.['rows'] ?? []) as readonly { readonly f: readonly { readonly v: string | null }[] }[]
      return found.map(({ f }) => f.map(({ v }) => v))
    },
    jobs: () => [...project.jobs.keys()],
    stop: async () => {
      duck.close()
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
  return fake
}

function readRequest({ method = '', url = '', headers }: IncomingMessage, raw: Buffer): SeenRequest {
  const match = /^(\/upload)?\/bigquery\/v2\/projects\/([^/]+)(\/.*)$/.exec(url)
  if (match?.[2] !== fakeProject) throw new Error(`no project in ${url}`)
  const [, upload, , path = ''] = match
  const { 'content-range': range, 'content-type': type = '' } = headers
  if (range !== undefined)
    return { method, path, range, ...(raw.length === 0 ? {} : { piece: raw.toString('latin1') }) }
  const sent = raw.toString()
  const isBegun = path.includes('uploadType=resumable')
  if (isBegun !== (headers['x-upload-content-type'] !== undefined)) throw new Error('a type of an upload that is none')
  if (upload === undefined || isBegun)
    return { method, path, ...(sent === '' ? {} : { body: JSON.parse(sent) as unknown }) }
  const boundary = /^multipart\/related; boundary=(\S+)$/.exec(type)?.[1]
  if (boundary === undefined) throw new Error(`no multipart: ${type}`)
  const [preamble, about = '', media = '', end] = `\r\n${sent}`.split(`\r\n--${boundary}`)
  if (preamble !== '' || end !== '--\r\n') throw new Error('no two parts')
  const contentOf = (part: string) => part.slice(part.indexOf('\r\n\r\n') + 4)
  if (!/^\r\ncontent-type: application\/json/i.test(about)) throw new Error('the first part is no JSON')
  return { method, path, body: JSON.parse(contentOf(about)) as unknown, lines: contentOf(media).split('\n') }
}

function send(response: ServerResponse, { status, body, headers = {} }: Answer): void {
  response.writeHead(status, { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers })
  response.end(status === 204 || body === undefined ? undefined : JSON.stringify(body))
}
