/** How long failed attempts wait: exponential with full jitter, never longer than `capSeconds`. */
export interface Backoff {
  readonly baseSeconds: number
  readonly capSeconds: number
}

/** How lanes repeat: from a second up to ten minutes. */
export const defaultBackoff: Backoff = { baseSeconds: 1, capSeconds: 600 }

/**
 * Says how many milliseconds to wait before the next attempt.
 *
 * @param attempts how many attempts have failed so far, at least 1
 * @param random a number in [0, 1)
 * @param backoff base and cap, in seconds
 * @returns milliseconds, spread evenly from 0 to the exponential limit (full jitter)
 */
export function backoffMs(attempts: number, random: number, backoff: Backoff = defaultBackoff): number {
  const limit = Math.min(backoff.capSeconds, backoff.baseSeconds * 2 ** Math.min(attempts - 1, 30))
  return Math.floor(random * limit * 1000)
}

/**
 * Reads a `Retry-After` header (RFC 9110 §10.2.3): seconds or an HTTP date. Some send fractions of a second, or the header twice.
 *
 * @returns seconds from `now` (milliseconds since the epoch), 0 or more, or undefined when there is none that can be read
 */
export function retryAfterSeconds(header: string | null | undefined, now: number): number | undefined {
  if (header === null || header === undefined) return undefined
  const text = header.trim()
  if (/^\d+(\.\d+)?( *, *\d+(\.\d+)?)*$/.test(text)) return Math.ceil(Math.max(...text.split(',').map(Number)))
  // Without a name of a month, it is none: "-5" would be a day in May.
  const at = /[a-z]{3}/i.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now) / 1000))
}
