import type { DeletionAnswer } from './destination.ts'
import { retryAfterSeconds } from './retry.ts'

/** Statuses of a limit, of an outage, or of a credential that may be corrected. */
const passing: ReadonlySet<number> = new Set([401, 402, 403, 407, 408, 409, 425, 429])

/**
 * Decides by the status what became of deleting a user. Whoever is not known there (404, 410) has nothing to be deleted.
 *
 * @param response status, and headers with `retry-after`
 * @param now milliseconds since the epoch
 */
export function deletionAnswerOf(
  { status, headers }: Pick<Response, 'status' | 'headers'>,
  now: number,
): DeletionAnswer {
  if (status >= 200 && status < 300) return { state: 'done' }
  if (status === 404 || status === 410) return { state: 'done', reason: `HTTP ${status}: not known there` }
  if (!passing.has(status) && status < 500) return { state: 'failed', reason: `HTTP ${status}` }
  const afterSeconds = retryAfterSeconds(headers.get('retry-after'), now)
  return { state: 'waiting', reason: `HTTP ${status}`, ...(afterSeconds === undefined ? {} : { afterSeconds }) }
}
