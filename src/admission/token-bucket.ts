import type { RateAnswer, RateLimit } from '../core/rate-limit.ts'

/**
 * Counts events against a rate: a bucket that holds `burst` tokens and gets `eventsPerSecond` new ones each second.
 *
 * A request passes when there is a token for each of its events, or, where it has more events than the bucket holds, when the
 * bucket is full; it then leaves the bucket in debt, so that the rate holds over time. A refused request takes nothing.
 */
export class TokenBucket {
  /** Undefined until the first request: a new bucket is full. */
  #tokens: number | undefined
  #at = 0

  /**
   * @param events of one request
   * @param rate may change from call to call, as a new version of the config does
   * @param now milliseconds since the epoch; a clock that goes back adds nothing
   */
  take(events: number, { eventsPerSecond, burst }: Required<RateLimit>, now: number): RateAnswer {
    const gained = (Math.max(0, now - this.#at) / 1000) * eventsPerSecond
    const tokens = Math.min(burst, (this.#tokens ?? burst) + gained)
    this.#at = now
    const needed = Math.min(events, burst)
    const allowed = tokens >= needed
    const left = allowed ? tokens - events : tokens
    this.#tokens = left
    return {
      allowed,
      remaining: Math.max(0, Math.floor(left)),
      retryAfter: allowed ? 0 : Math.max(1, Math.ceil((needed - tokens) / eventsPerSecond)),
    }
  }
}
