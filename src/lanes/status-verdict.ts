import type { HttpResponse } from '../core/destination.ts'
import { retryAfterSeconds } from '../core/retry.ts'
import { done, type Verdict } from '../core/verdict.ts'

/**
 * Decides by the status of a response.
 *
 * 2xx done · 408, 425, 429 and 5xx retry (with `Retry-After`) · 401, 402, 403, 404, 405, 407, 410, 421 and 3xx (redirects
 * are not followed) refuse: they may speak of the event (a firewall, a record that is gone) or of the destination (a
 * credential, an address), and the lane finds out by what other events get · every other status is dead for this event.
 *
 * @param response its status and headers
 * @param now milliseconds since the epoch, for a `Retry-After` that is a date
 * @returns one verdict for all events of the request
 */
export function verdictOfStatus(response: HttpResponse, now: number): Verdict {
  const { status } = response
  if (status >= 200 && status < 300) return done
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    const afterSeconds = retryAfterSeconds(response.headers['retry-after'], now)
    return { kind: 'retry', reason: `HTTP ${status}`, ...(afterSeconds === undefined ? {} : { afterSeconds }) }
  }
  const refusal = refusals[status]
  if (refusal !== undefined) return { kind: 'pause', reason: `HTTP ${status}: ${refusal}` }
  if (status < 400) return { kind: 'pause', reason: `HTTP ${status}: the endpoint has moved; change its URL` }
  return { kind: 'dead', reason: `HTTP ${status}` }
}

/** What a status may say of a destination, when all events get it. */
const refusals: Readonly<Record<number, string>> = {
  401: 'the credential is refused',
  402: 'the account must be paid for',
  403: 'the credential, or a firewall, refuses it',
  404: 'there is nothing at this address',
  405: 'the address does not take this method',
  407: 'a proxy wants a credential',
  410: 'the endpoint says that it is gone',
  421: 'this is not the server for it',
}
