import { perIsolate } from '../core/per-isolate.ts'
import type { ResolvedConfig } from '../core/resolved-config.ts'

/** Milliseconds between two sums that an isolate sends: each is a call of one object, and a write of it. */
const pauseMs = 1_000
/** Milliseconds after which whoever was to send a sum is believed to be gone. */
const lostMs = 10_000

/**
 * What one isolate has counted and not sent yet.
 *
 * The first count after a pause is sent at once, those that come within a second of it together at its end, by the request
 * that brought the first of them.
 */
export class CounterBuffer {
  #counters: Record<string, number> = {}
  #sentAt = -Infinity
  #dueAt: number | undefined

  /**
   * Adds counters.
   *
   * @param now milliseconds since the epoch
   * @returns milliseconds after which the caller must send what `take` gives; undefined when another request will
   */
  add(counters: Readonly<Record<string, number>>, now: number): number | undefined {
    for (const [name, by] of Object.entries(counters)) this.#counters[name] = (this.#counters[name] ?? 0) + by
    if (this.#dueAt !== undefined && Math.abs(now - this.#dueAt) < lostMs) return undefined
    const wait = Math.min(pauseMs, Math.max(0, this.#sentAt + pauseMs - now))
    this.#dueAt = now + wait
    return wait
  }

  /** Gives what has come together. */
  take(now: number): Readonly<Record<string, number>> {
    const counters = this.#counters
    this.#counters = {}
    this.#sentAt = now
    this.#dueAt = undefined
    return counters
  }
}

/** The counters that this isolate has gathered. */
export const counterBufferOf = perIsolate((_resolved: ResolvedConfig) => new CounterBuffer())
