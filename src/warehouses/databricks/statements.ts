import { SluicewayError } from '../../core/errors.ts'
import { type AccessToken, parsed } from './access-token.ts'
import { type DatabricksAddress, failureOf, failureOfThrown } from './failure.ts'

/** Values of `:name` in a statement; all are texts. */
export type Parameters = Readonly<Record<string, string>>

/** A value of a result, as text. */
export type ResultValue = string | null

interface StatementAnswer {
  readonly statement_id?: string
  readonly status?: {
    readonly state?: string
    readonly sql_state?: string
    readonly error?: { readonly error_code?: string; readonly message?: string }
  }
  readonly result?: ResultChunk
}

interface ResultChunk {
  readonly data_array?: ResultValue[][]
  readonly next_chunk_internal_link?: string
}

/** Seconds that the API waits for the end of a statement before it answers; 50 at most. */
const waitSeconds = 30
const callMs = 60_000
/** A SQL warehouse that stands still takes minutes to start, unless it is serverless. */
const longestStatementMs = 240_000
const firstPauseMs = 1_000
const longestPauseMs = 10_000
/** Milliseconds before a request that was not taken is sent again. */
const againMs = [500, 2_000]
const longestRetryAfterSeconds = 10

/**
 * Runs statements by the SQL Statement Execution API.
 *
 * A statement whose request got no answer may have run, and is not sent again: whoever repeats it must do no harm by that.
 * https://docs.databricks.com/api/workspace/statementexecution (checked 2026-11-29)
 */
export class Statements {
  readonly #url: string
  readonly #token: AccessToken
  readonly #address: DatabricksAddress

  constructor(url: string, token: AccessToken, address: DatabricksAddress) {
    this.#url = url
    this.#token = token
    this.#address = address
  }

  /**
   * Runs a statement, and reads its rows.
   *
   * @throws {SluicewayError} warehouse_failed, with `scope` and `lasting` as the SQLSTATE or the answer says
   */
  async run(statement: string, parameters: Parameters = {}): Promise<ResultValue[][]> {
    const { warehouseId, catalog } = this.#address
    const given = Object.entries(parameters).map(([name, value]) => ({ name, value, type: 'STRING' }))
    const begun = await this.#call<StatementAnswer>('POST', '/api/2.0/sql/statements/', {
      statement,
      warehouse_id: warehouseId,
      catalog,
      wait_timeout: `${waitSeconds}s`,
      on_wait_timeout: 'CONTINUE',
      disposition: 'INLINE',
      format: 'JSON_ARRAY',
      ...(given.length === 0 ? {} : { parameters: given }),
    })
    const { result } = await this.#finished(begun)
    const rows = [...(result?.data_array ?? [])]
    for (let link = result?.next_chunk_internal_link; link !== undefined;) {
      const answer = await this.#call<{ readonly result?: ResultChunk } & ResultChunk>('GET', link)
      const chunk = answer.result ?? answer
      rows.push(...(chunk.data_array ?? []))
      link = chunk.next_chunk_internal_link
    }
    return rows
  }

  async #finished(begun: StatementAnswer): Promise<StatementAnswer> {
    const path = `/api/2.0/sql/statements/${begun.statement_id ?? ''}`
    const end = Date.now() + longestStatementMs
    let answer = begun
    for (let pause = firstPauseMs; ; pause = Math.min(2 * pause, longestPauseMs)) {
      const { state = '', error, sql_state } = answer.status ?? {}
      if (state === 'SUCCEEDED' || state === 'CLOSED') return answer
      if (state !== 'PENDING' && state !== 'RUNNING')
        throw failureOf(
          {
            code: error?.error_code ?? '',
            words: error?.message ?? `the statement was ${state.toLowerCase() || 'not understood'}`,
            sqlState: sql_state,
            hasEnded: state !== '',
          },
          this.#address,
        )
      if (Date.now() >= end) {
        await this.#call('POST', `${path}/cancel`, {}).catch(() => {})
        throw failureOf({ code: '', words: `no end within ${longestStatementMs / 1000} seconds` }, this.#address)
      }
      await sleep(pause)
      answer = await this.#call<StatementAnswer>('GET', path)
    }
  }

  async #call<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
    for (let attempt = 0, isRenewed = false; ; attempt++) {
      const { status, text, retryAfter } = await this.#send(method, path, body)
      if (status === 200) return parsed(text) as T
      if (status === 401 && !isRenewed && this.#token.forget()) {
        isRenewed = true
        continue
      }
      const pause = againMs[attempt]
      if ((status !== 429 && status !== 503) || pause === undefined || retryAfter > longestRetryAfterSeconds) {
        const { error_code = '', message = '' } = parsed(text)
        throw failureOf({ status, code: String(error_code), words: String(message) }, this.#address)
      }
      await sleep(Math.max(pause, 1_000 * retryAfter))
    }
  }

  async #send(
    method: string,
    path: string,
    body: object | undefined,
  ): Promise<{ readonly status: number; readonly text: string; readonly retryAfter: number }> {
    const token = await this.#token.text()
    try {
      const response = await fetch(`${this.#url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          'user-agent': 'Sluiceway',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        redirect: 'manual',
        signal: AbortSignal.timeout(callMs),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const retryAfter = Number(response.headers.get('retry-after') ?? 0) || 0
      return { status: response.status, text: await response.text(), retryAfter }
    } catch (thrown) {
      if (thrown instanceof SluicewayError) throw thrown
      throw failureOfThrown(thrown, this.#address)
    }
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
