import { reasonOf, SluicewayError } from '../../core/errors.ts'
import { isRecord } from '../../core/json.ts'
import { isPlatformError } from '../../platform/platform-error.ts'
import type { Credentials } from './credentials.ts'
import { hintOf, type SnowflakeAddress } from './failure-hint.ts'
import { meaningOf, type SnowflakeFailure } from './failure-scope.ts'

/** How to reach the SQL API of an account. */
export interface SnowflakeAccess {
  /** `https://<organization>-<account>.snowflakecomputing.com` */
  readonly url: string
  readonly address: SnowflakeAddress
  readonly credentials: Credentials
}

/** The rows of an answer. Every value is text, whatever its type is. */
export interface ResultSet {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly rows: readonly (readonly (string | null)[])[]
}

/** An answer: its status, and the object in its body. */
interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** Seconds after which Snowflake stops a statement. */
const statementSeconds = 120
/** Snowflake answers after 45 seconds at the latest, when it says that it goes on. */
const longestCallMs = 60_000
/** Between a call and its repeat, in milliseconds; up to a half more, so that many do not come at once. */
const repeatAfterMs = [500, 2_000]
/** The first wait for a statement that goes on; each is twice the one before: 7 calls for two minutes. */
const firstPollMs = 1_000
const longestReason = 600

/**
 * Speaks with Snowflake's SQL API, one statement at a time; each is a session of its own.
 *
 * A call that has no answer, or is told to come later, is repeated under its request id: what ran already does not run again.
 * https://docs.snowflake.com/en/developer-guide/sql-api/reference,
 * https://docs.snowflake.com/en/developer-guide/sql-api/submitting-requests (stored copies)
 */
export class SqlApi {
  readonly #access: SnowflakeAccess

  constructor(access: SnowflakeAccess) {
    this.#access = access
  }

  /**
   * Runs a statement and waits for its end.
   *
   * @param statement one statement
   * @param binds the texts of its question marks
   * @returns its rows
   * @throws {SluicewayError} warehouse_failed, with `scope` and `lasting` as the code says, and `code` and `message` of Snowflake
   */
  async run(statement: string, binds: readonly string[] = []): Promise<ResultSet> {
    const { warehouse, database, role } = this.#access.address
    const body = JSON.stringify({
      statement,
      timeout: statementSeconds,
      warehouse,
      database,
      ...(role === '' ? {} : { role }),
      ...(binds.length === 0
        ? {}
        : { bindings: Object.fromEntries(binds.map((value, i) => [i + 1, { type: 'TEXT', value }])) }),
      parameters: { query_tag: 'sluiceway' },
    })
    const id = crypto.randomUUID()
    let answer = await this.#call((attempt) => ({
      path: `/api/v2/statements?requestId=${id}${attempt === 0 ? '' : '&retry=true'}`,
      body,
    }))
    const handle = encodeURIComponent(textOf(answer.body['statementHandle']))
    for (let wait = firstPollMs; answer.status === 202; wait *= 2) {
      if (wait > statementSeconds * 1000)
        throw this.#failed({ status: 202, message: `the statement ${handle} does not end` })
      await sleep(wait)
      answer = await this.#call(() => ({ path: `/api/v2/statements/${handle}` }))
    }
    return this.#resultOf(answer, handle)
  }

  async #resultOf({ body }: Answer, handle: string): Promise<ResultSet> {
    const meta = isRecord(body['resultSetMetaData']) ? body['resultSetMetaData'] : {}
    const rows = [...rowsIn(body)]
    const partitions = Array.isArray(meta['partitionInfo']) ? meta['partitionInfo'].length : 1
    for (let number = 1; number < partitions; number++) {
      const next = await this.#call(() => ({ path: `/api/v2/statements/${handle}?partition=${number}` }))
      rows.push(...rowsIn(next.body))
    }
    return { columns: (meta['rowType'] ?? []) as ResultSet['columns'], rows }
  }

  /** Calls, and calls again when there is no answer, the answer is to come later, or a token is refused that may be too old. */
  async #call(request: (attempt: number) => { readonly path: string; readonly body?: string }): Promise<Answer> {
    let isRenewed = false
    for (let attempt = 0; ; attempt++) {
      const pause = repeatAfterMs[attempt]
      try {
        const answer = await this.#ask(request(attempt))
        const { status } = answer
        if (status === 200 || status === 202) return answer
        if (status === 401 && !isRenewed && this.#access.credentials.renew()) isRenewed = true
        else if (!isPassing(status) || pause === undefined) throw this.#failed(failureOf(answer))
      } catch (thrown) {
        if (thrown instanceof SluicewayError) throw thrown
        if (isPlatformError(thrown))
          throw new SluicewayError('warehouse_failed', `Snowflake: ${reasonOf(thrown)}`, {
            cause: thrown,
            details: { scope: 'invocation' },
          })
        if (pause === undefined) throw this.#failed({ message: reasonOf(thrown) || 'no answer' }, thrown)
      }
      await sleep((pause ?? 0) * (1 + Math.random() / 2))
    }
  }

  async #ask({ path, body }: { readonly path: string; readonly body?: string }): Promise<Answer> {
    const { url, credentials } = this.#access
    const response = await fetch(new URL(path, url), {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${await credentials.token()}`,
        'x-snowflake-authorization-token-type': credentials.type,
        'content-type': 'application/json',
        accept: 'application/json',
        'user-agent': 'sluiceway/1.0',
      },
      ...(body === undefined ? {} : { body }),
      redirect: 'manual',
      signal: AbortSignal.timeout(longestCallMs),
    })
    return { status: response.status, body: objectIn(await response.text()) }
  }

  #failed(failure: SnowflakeFailure, cause?: unknown): SluicewayError {
    const { code, message } = failure
    const { scope, lasting } = meaningOf(failure)
    const hint = hintOf(failure, this.#access.address)
    const reason = message.length > longestReason ? `${message.slice(0, longestReason)}…` : message
    return new SluicewayError(
      'warehouse_failed',
      `Snowflake: ${reason.trim().replace(/\.$/, '')}${code === undefined ? '' : ` (${code})`}${hint && `. ${hint}`}`,
      {
        ...(cause === undefined ? {} : { cause }),
        details: {
          scope,
          ...(code === undefined ? {} : { code, message }),
          ...(lasting ? { lasting } : {}),
          // A statement that failed, or took too long, runs no more.
          ...(failure.status === 422 || failure.status === 408 ? { ended: true } : {}),
        },
      },
    )
  }
}

const isPassing = (status: number): boolean => status === 429 || (status >= 500 && status !== 501)

function failureOf({ status, body }: Answer): SnowflakeFailure {
  const code = textOf(body['code'])
  return {
    status,
    code: code === '' ? undefined : code,
    message: textOf(body['message']) || `status ${status}`,
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

const rowsIn = (body: Answer['body']): ResultSet['rows'] =>
  Array.isArray(body['data']) ? (body['data'] as ResultSet['rows']) : []

function objectIn(text: string): Answer['body'] {
  try {
    const parsed: unknown = JSON.parse(text)
    return isRecord(parsed) ? parsed : {}
  } catch {
    return {}
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
