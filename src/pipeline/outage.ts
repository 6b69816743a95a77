import type { Resolved } from '../core/resolve.ts'

/** Milliseconds between two requests that try a store which has failed. */
const pauseMs = 1_000

/**
 * What this isolate knows of a store that does not work: without it, each of hundreds of requests a second would wait for
 * the whole deadline.
 *
 * From a failure on until a success, one request a second tries the store first; all others go where it is not needed.
 */
export class Outage {
  #failed = false
  #nextTry = 0

  /** Whether the last thing that is known of the store is a failure. */
  get lasts(): boolean {
    return this.#failed
  }

  /** Whether a request shall try the store first; during an outage, true for one request a second. */
  admits(now: number): boolean {
    if (!this.#failed) return true
    if (now < this.#nextTry) return false
    this.#nextTry = now + pauseMs
    return true
  }

  /** Notes that the store failed or did not answer in time. */
  begin(now: number): void {
    this.#failed = true
    this.#nextTry = now + pauseMs
  }

  /** Notes that the store works. */
  end(): void {
    this.#failed = false
  }
}

interface Outages {
  /** Of the stream. */
  readonly stream: Outage
  /** Of the lane that keeps the edge's dead letters. */
  readonly letters: Outage
}

/** By config, of which an isolate has one. */
const known = new WeakMap<Resolved, Outages>()

/** What this isolate knows of the stores that requests need. */
export function outagesOf(resolved: Resolved): Outages {
  let own = known.get(resolved)
  if (own === undefined) known.set(resolved, (own = { stream: new Outage(), letters: new Outage() }))
  return own
}
