import type { HttpResponse } from '../core/destination.ts'
import { retryAfterSeconds } from '../core/retry.ts'
import { done, type Verdict } from '../core/verdict.ts'

/**
 * Decides by the status of a response.
 *
 * 2xx done · 408, 425, 429 and 5xx retry (with `Retry-After`) · 401, 403 (credential), 410 (endpoint gone) and 3xx (moved:
 * redirects are not followed) pause the lane · every other status is dead for this event.
 *
 * @param response its status and headers
 * @param now milliseconds since the epoch, for a `Retry-After` that is a date
 * @returns one verdict for all events of the request
 */
export function verdictOf(response: HttpResponse, now: number): Verdict {
  const { status } = response
  if (status >= 200 && status < 300) return done
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    const afterSeconds = retryAfterSeconds(response.headers['retry-after'], now)
    return { kind: 'retry', reason: `HTTP ${status}`, ...(afterSeconds === undefined ? {} : { afterSeconds }) }
  }
  if (status === 401 || status === 403) return { kind: 'pause', reason: `HTTP ${status}: the credential is refused` }
  if (status === 410) return { kind: 'pause', reason: 'HTTP 410: the endpoint says that it is gone' }
  if (status < 400) return { kind: 'pause', reason: `HTTP ${status}: the endpoint has moved; change its URL` }
  return { kind: 'dead', reason: `HTTP ${status}` }
}
