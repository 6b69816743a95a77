import { DurableObject } from 'cloudflare:workers'
import type { Bindings, RateLimiterRpc } from '../core/bindings.ts'
import type { RateAnswer, RateLimit } from '../core/rate-limit.ts'

/**
 * Counts the events of one source against its limit: a token bucket in memory. A restart begins with a full bucket.
 *
 * A request passes while at least one token is there, or as many as it has events where the bucket can hold them; it may
 * leave the bucket in debt, so that a batch larger than the burst passes as well, once.
 */
export class RateLimiterObject extends DurableObject<Bindings> implements RateLimiterRpc {
  #tokens: number | undefined
  #at = 0

  async take(events: number, { eventsPerSecond, burst }: Required<RateLimit>): Promise<RateAnswer> {
    const now = Date.now()
    const filled = (this.#tokens ?? burst) + ((now - this.#at) / 1000) * eventsPerSecond
    const tokens = Math.min(burst, filled)
    this.#at = now
    const needed = Math.min(events, burst)
    const allowed = tokens >= needed
    this.#tokens = allowed ? tokens - events : tokens
    return {
      allowed,
      remaining: Math.max(0, Math.floor(this.#tokens)),
      retryAfter: allowed ? 0 : Math.max(1, Math.ceil((needed - tokens) / eventsPerSecond)),
    }
  }
}
