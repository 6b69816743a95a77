import { isRecord } from '../../core/json.ts'
import { reasonOf, SluicewayError } from '../../core/errors.ts'
import type { FailureScope } from '../../core/warehouse.ts'
import { isPlatformError } from '../../platform/platform-error.ts'
import { type BigQueryPlace, hintOf } from './failure-hint.ts'
import { type ErrorFound, scopeOfError } from './failure-scope.ts'

/** UTF-16 units of an error that are told; the text of a load job's error quotes rows. */
const longestReason = 600

/** Makes the errors of one warehouse: what happened, what to do, and what the loader needs to know. */
export class BigQueryFailures {
  readonly #place: BigQueryPlace

  constructor(place: BigQueryPlace) {
    this.#place = place
  }

  /** Of an error that BigQuery told. */
  of(error: ErrorFound): SluicewayError {
    const { reason, status } = error
    const words = error.message.length > longestReason ? `${error.message.slice(0, longestReason)}…` : error.message
    const told = words || `status ${status ?? 'unknown'}`
    return this.#failure(`${told}${reason === undefined ? '' : ` (${reason})`}`, {
      hint: hintOf(error, this.#place),
      ...scopeOfError(error),
      ...(reason === undefined ? {} : { reason }),
    })
  }

  /** Of a call that had no answer. */
  unanswered(thrown: unknown, host: string): SluicewayError {
    if (isPlatformError(thrown)) return this.#failure(reasonOf(thrown), { cause: thrown, scope: 'invocation' })
    return this.#failure(reasonOf(thrown) || 'no answer', { cause: thrown, hint: `No answer from ${host}.` })
  }

  /** Of an answer without a token: what refuses the key says so with 400 or 401. */
  ofToken(status: number, body: Readonly<Record<string, unknown>>): SluicewayError {
    const words = [body['error'], body['error_description']].filter((one) => typeof one === 'string').join(': ')
    const isRefused = status >= 400 && status < 500 && status !== 408 && status !== 429
    return this.#failure(`no access token: ${words.slice(0, longestReason) || `status ${status}`}`, {
      lasting: isRefused,
      hint: isRefused ? `Check \`credentials\`: the key of ${this.#place.email} may be deleted or disabled.` : '',
    })
  }

  /** Of a private key that cannot be read. */
  ofKey(): SluicewayError {
    return this.#failure('the private key of `credentials` cannot be read', {
      lasting: true,
      hint: 'Give the JSON of the key as Google made it.',
    })
  }

  /** Of a table, in words of ours. */
  ofTable(words: string): SluicewayError {
    return this.#failure(words, { scope: 'table' })
  }

  /** Of rows, in words of ours. */
  ofRows(words: string): SluicewayError {
    return this.#failure(words, { scope: 'rows' })
  }

  /** Of the invocation, which has made its share of calls. */
  ofInvocation(words: string): SluicewayError {
    return this.#failure(words, { scope: 'invocation' })
  }

  /** Of the warehouse, in words of ours; time mends it. */
  ofWarehouse(words: string): SluicewayError {
    return this.#failure(words, {})
  }

  #failure(
    words: string,
    {
      hint = '',
      scope = 'warehouse',
      lasting = false,
      reason,
      cause,
    }: {
      readonly hint?: string
      readonly scope?: FailureScope
      readonly lasting?: boolean
      readonly reason?: string
      readonly cause?: unknown
    },
  ): SluicewayError {
    const details = { scope, ...(reason === undefined ? {} : { reason }), ...(lasting ? { lasting } : {}) }
    return new SluicewayError(
      'warehouse_failed',
      `BigQuery: ${words}${hint && `. ${hint}`}`,
      cause === undefined ? { details } : { cause, details },
    )
  }
}

/**
 * Finds the error in an answer: BigQuery's own list of errors, or the form that all of Google's APIs have.
 * https://cloud.google.com/bigquery/docs/error-messages (stored copy, read 2026-11-29)
 */
export function errorIn(body: Readonly<Record<string, unknown>>, status: number): ErrorFound {
  const error = isRecord(body['error']) ? body['error'] : {}
  const [first] = [error['errors'], error['details']].flatMap((list) => (Array.isArray(list) ? list : []))
  const reason = isRecord(first) && typeof first['reason'] === 'string' ? first['reason'] : undefined
  return { reason, message: typeof error['message'] === 'string' ? error['message'] : '', status }
}
