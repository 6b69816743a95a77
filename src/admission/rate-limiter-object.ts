import { DurableObject } from 'cloudflare:workers'
import type { Bindings, RateLimiterRpc } from '../core/bindings.ts'
import type { RateAnswer, RateLimit } from '../core/rate-limit.ts'
import { TokenBucket } from './token-bucket.ts'

/** Counts the events of one source against its limit, in memory: a restart begins with a full bucket. */
export class RateLimiterObject extends DurableObject<Bindings> implements RateLimiterRpc {
  readonly #bucket = new TokenBucket()

  async take(events: number, rate: Required<RateLimit>): Promise<RateAnswer> {
    return this.#bucket.take(events, rate, Date.now())
  }
}
