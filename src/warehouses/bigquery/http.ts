import { isRecord } from '../../core/json.ts'
import { SluicewayError } from '../../core/errors.ts'
import { SUBREQUESTS_PER_INVOCATION } from '../../platform/limits.ts'
import { isPlatformError } from '../../platform/platform-error.ts'
import type { AccessToken } from './access-token.ts'
import { type BigQueryFailures, errorIn } from './failure.ts'
import { isPassing } from './failure-scope.ts'

/** One call of the API. */
export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Behind `/bigquery/v2/projects/<project>`, with a query where there is one. */
  readonly path: string
  readonly body?: Readonly<Record<string, unknown>>
  /** Lines of JSON: the call is then an upload. */
  readonly lines?: string
  /** True for a call that begins an upload, whose rows come later. */
  readonly beginsUpload?: true
  readonly ifMatch?: string
  /** Statuses of errors that are answers to the caller. */
  readonly expected?: readonly number[]
}

/** What was answered; of an expected error, its reason and words. */
export interface ApiAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
  readonly headers: Headers
}

/** Bytes for an upload that was begun, or none to ask how far it is. */
export interface UploadPiece {
  /** As the header `content-range` has it. */
  readonly range: string
  readonly bytes?: Uint8Array<ArrayBuffer>
}

/** Calls of one invocation; the rest is for staging files, lanes and whatever else the invocation asks. */
const mostCalls = SUBREQUESTS_PER_INVOCATION - 2_000
const longestCallMs = 120_000
/** Waits before a call is repeated that fails for a moment. */
const pausesMs = [1_000, 3_000] as const

/**
 * Calls BigQuery's REST API v2 for one invocation, with the token of a service account.
 *
 * A call that fails for a moment is repeated: every call may be, since jobs have ids of ours and tables are made once.
 * https://cloud.google.com/bigquery/docs/reference/rest (stored copy, read 2026-11-29)
 */
export class BigQueryHttp {
  readonly #endpoint: string
  readonly #project: string
  readonly #token: AccessToken
  readonly #failures: BigQueryFailures
  #calls = 0

  constructor(
    place: { readonly endpoint: string; readonly project: string },
    token: AccessToken,
    failures: BigQueryFailures,
  ) {
    this.#endpoint = place.endpoint.replace(/\/+$/, '')
    this.#project = place.project
    this.#token = token
    this.#failures = failures
  }

  /**
   * Makes a call.
   *
   * @param call what is asked
   * @returns the answer: of status 2xx, or of one of those that are expected
   * @throws {SluicewayError} warehouse_failed, with `scope`, `lasting` and the `reason` that BigQuery gives
   */
  async call(call: ApiCall): Promise<ApiAnswer> {
    let hasNewToken = false
    for (let attempt = 0; ; attempt++) {
      const pause = pausesMs[attempt]
      try {
        const token = await this.#token.get()
        const answer = await this.#send(call, token)
        if (answer.status < 300 || call.expected?.includes(answer.status) === true) return answer
        if (answer.status === 401 && !hasNewToken) {
          // It may have been revoked before its end.
          this.#token.refused(token)
          hasNewToken = true
          continue
        }
        const error = errorIn(answer.body, answer.status)
        if (pause === undefined || !isPassing(error)) throw this.#failures.of(error)
      } catch (thrown) {
        if (thrown instanceof SluicewayError) throw thrown
        if (pause === undefined || isPlatformError(thrown) || isTimeout(thrown))
          throw this.#failures.unanswered(thrown, this.host)
      }
      await sleep(pause)
    }
  }

  /**
   * Begins an upload of rows that come in pieces.
   *
   * @param path of the upload
   * @param body description of its job
   * @returns the address of the upload, on the host of the endpoint; who knows it may write, so it is told to nobody
   * @throws {SluicewayError} warehouse_failed, also where the address is on another host
   */
  async beginUpload(path: string, body: Readonly<Record<string, unknown>>): Promise<string> {
    const { headers } = await this.call({ method: 'POST', path, body, beginsUpload: true })
    const location = headers.get('location') ?? ''
    const url = URL.canParse(location) ? new URL(location) : undefined
    if (url === undefined) throw this.#failures.ofWarehouse('an upload has no address')
    if (!mayReceive(new URL(this.#endpoint), url))
      throw this.#failures.ofWarehouse(`an upload would go to ${url.host}, which is not the host of \`endpoint\``)
    return url.href
  }

  /**
   * Sends a piece to an upload, once, except where the token is renewed.
   *
   * @param upload its address
   * @returns the answer, whatever its status; of status 0 where none came
   * @throws {SluicewayError} warehouse_failed where no token is given out, or the invocation has made its calls
   */
  async sendPiece(upload: string, { range, bytes }: UploadPiece): Promise<ApiAnswer> {
    for (let attempt = 0; ; attempt++) {
      const token = await this.#token.get()
      try {
        const answer = await this.#fetch(upload, {
          method: 'PUT',
          headers: {
            authorization: `Bearer ${token}`,
            'content-range': range,
            ...(bytes === undefined ? {} : { 'content-type': 'application/octet-stream' }),
          },
          ...(bytes === undefined ? {} : { body: bytes }),
        })
        if (answer.status !== 401 || attempt > 0) return answer
        this.#token.refused(token)
      } catch (thrown) {
        if (thrown instanceof SluicewayError) throw thrown
        if (isPlatformError(thrown)) throw this.#failures.unanswered(thrown, this.host)
        // What was thrown may quote the address.
        return { status: 0, body: {}, headers: new Headers() }
      }
    }
  }

  /** The host of the endpoint. */
  get host(): string {
    return new URL(this.#endpoint).host
  }

  #send({ method, path, body, lines, beginsUpload, ifMatch }: ApiCall, token: string): Promise<ApiAnswer> {
    const isUpload = lines !== undefined || beginsUpload === true
    const url = `${this.#endpoint}${isUpload ? '/upload' : ''}/bigquery/v2/projects/${this.#project}${path}`
    const content = lines === undefined ? jsonContent(body) : multipartContent(body, lines)
    return this.#fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
        ...(beginsUpload === true ? { 'x-upload-content-type': 'application/octet-stream' } : {}),
        ...(content === undefined ? {} : { 'content-type': content.type }),
      },
      ...(content === undefined ? {} : { body: content.text }),
    })
  }

  async #fetch(url: string, init: RequestInit): Promise<ApiAnswer> {
    if (++this.#calls > mostCalls)
      throw this.#failures.ofInvocation(`${mostCalls} calls are made; the next run goes on`)
    const signal = AbortSignal.timeout(longestCallMs)
    const response = await fetch(url, { ...init, redirect: 'manual', signal })
    const text = await response.text()
    return { status: response.status, body: recordOf(text), headers: response.headers }
  }
}

/** Whether rows may go to an address that an endpoint gave: on its own origin, or from one of Google's hosts to another. */
export const mayReceive = (endpoint: URL, to: URL): boolean =>
  to.origin === endpoint.origin || (isGoogle(endpoint) && isGoogle(to))

const isGoogle = ({ protocol, host }: URL): boolean =>
  protocol === 'https:' && /^[a-z0-9-]+\.googleapis\.com$/.test(host)

interface Content {
  readonly type: string
  readonly text: string
}

const jsonContent = (body: ApiCall['body']): Content | undefined =>
  body === undefined ? undefined : { type: 'application/json', text: JSON.stringify(body) }

/**
 * The description of a job, and behind it the rows. No line of JSON begins as the boundary does.
 * https://cloud.google.com/bigquery/docs/reference/api-uploads#multipart (stored copy, read 2026-11-29)
 */
function multipartContent(body: ApiCall['body'], lines: string): Content {
  const boundary = 'sluiceway_rows'
  const text = [
    `--${boundary}`,
    'content-type: application/json; charset=UTF-8',
    '',
    JSON.stringify(body),
    `--${boundary}`,
    'content-type: application/octet-stream',
    '',
    lines,
    `--${boundary}--`,
    '',
  ].join('\r\n')
  return { type: `multipart/related; boundary=${boundary}`, text }
}

function recordOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const body: unknown = JSON.parse(text)
    return isRecord(body) ? body : {}
  } catch {
    return {}
  }
}

const isTimeout = (thrown: unknown): boolean =>
  typeof thrown === 'object' && thrown !== null && 'name' in thrown && thrown.name === 'TimeoutError'

const sleep = (ms: number | undefined): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
