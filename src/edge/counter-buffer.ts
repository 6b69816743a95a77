import { perIsolate } from '../core/per-isolate.ts'
import type { ResolvedConfig } from '../core/resolved-config.ts'
import { Pace } from './pace.ts'

/** Milliseconds between two sums that an isolate sends: each is a call of one object, and a write of it. */
const pauseMs = 1_000

/** What one isolate has counted and not sent yet; sent as a Pace of one second says. */
export class CounterBuffer {
  #counters: Record<string, number> = {}
  readonly #pace = new Pace(pauseMs)

  /**
   * Adds counters.
   *
   * @param now milliseconds since the epoch
   * @returns milliseconds after which the caller must send what `take` gives; undefined when another request will
   */
  add(counters: Readonly<Record<string, number>>, now: number): number | undefined {
    for (const [name, by] of Object.entries(counters)) this.#counters[name] = (this.#counters[name] ?? 0) + by
    return this.#pace.next(now)
  }

  /** Gives what has come together. */
  take(now: number): Readonly<Record<string, number>> {
    const counters = this.#counters
    this.#counters = {}
    this.#pace.sent(now)
    return counters
  }
}

/** The counters that this isolate has gathered. */
export const counterBufferOf = perIsolate((_resolved: ResolvedConfig) => new CounterBuffer())
