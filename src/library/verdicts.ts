import type { Verdict } from '../core/verdict.ts'
import { retryAfterSeconds } from '../core/retry.ts'
import { AddressRefused } from './request-client.ts'

/** What the library throws, or says of an event of a batch: every part may be missing. */
interface Failure {
  readonly name?: string
  readonly message?: string
  readonly errormessage?: string
  readonly status?: number
  readonly body?: unknown
  readonly response?: { readonly status?: number; readonly headers?: Headers; readonly content?: string }
}

/** How much of a vendor's answer a reason quotes, in characters. */
const mostQuoted = 300

/** The status of what the library throws or says; undefined where there was no answer. */
export const statusOf = (failure: unknown): number | undefined => {
  const { status, response } = (failure ?? {}) as Failure
  return status ?? response?.status
}

/**
 * Decides by what the library threw, or said of one event of a batch.
 *
 * By Segment's rule, 408, 423, 429 and 5xx but 501 are tried again, and so is what has no status; everything else is dead. Only
 * 401 and 403 are left to the lane, which finds out whether they speak of the credential or of the event.
 *
 * https://github.com/segmentio/action-destinations/blob/main/docs/error-handling.md (checked 2026-11-29)
 *
 * @param failure what was thrown or said
 * @param now milliseconds since the epoch
 * @returns the verdict; its reason quotes the answer
 */
export function verdictOf(failure: unknown, now: number): Exclude<Verdict, { kind: 'done' | 'skip' }> {
  const { response } = (failure ?? {}) as Failure
  const status = statusOf(failure)
  const reason = reasonOf(failure, status)
  if (failure instanceof AddressRefused || status === 401 || status === 403) return { kind: 'pause', reason }
  const isTransient = status === undefined || [408, 423, 429].includes(status) || (status >= 500 && status !== 501)
  if (!isTransient) return { kind: 'dead', reason }
  const afterSeconds = retryAfterSeconds(response?.headers?.get?.('retry-after'), now)
  return { kind: 'retry', reason, ...(afterSeconds === undefined ? {} : { afterSeconds }) }
}

function reasonOf(failure: unknown, status: number | undefined): string {
  if (typeof failure !== 'object' || failure === null) return String(failure)
  const { message, errormessage, body, response } = failure as Failure
  const said = response?.content ?? (typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body))
  const text = message ?? errormessage ?? ''
  const parts = [status === undefined ? '' : `HTTP ${status}`, text, said === text ? '' : said.slice(0, mostQuoted)]
  return parts.filter((part) => part !== '').join(': ') || 'it failed without a reason'
}
