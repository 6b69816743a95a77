/**
 * How many events a source may send. Enforced for the whole deployment by one Durable Object per source; a request waits for
 * its answer. When the object is unavailable, requests pass.
 *
 * Not by Cloudflare's rate-limit binding: that counts each location by itself and cannot tell what is left
 * (https://developers.cloudflare.com/workers/runtime-apis/bindings/rate-limit/, checked 2026-11-25). An object answers some
 * hundred requests a second; a source that sends more is better off without a limit.
 */
export interface RateLimit {
  readonly eventsPerSecond: number
  /** Events that may come at once after a pause; default ten seconds' worth. A larger batch passes after a pause as well. */
  readonly burst?: number
}

/** What became of a request at a rate limit. */
export interface RateAnswer {
  readonly allowed: boolean
  /** Events that could come now. */
  readonly remaining: number
  /** Seconds, rounded up, until the refused request would pass; 0 when it was allowed. */
  readonly retryAfter: number
}
