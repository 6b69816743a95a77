/** Milliseconds between two requests that try a store which has failed. */
const pauseMs = 1_000
/** Milliseconds for which a failure says something about now. */
const newsMs = 60_000

/**
 * What this isolate knows of a store that does not work: without it, each of hundreds of requests a second would wait for
 * the whole deadline.
 *
 * From a failure on until a success, one request a second tries the store first; all others go where it is not needed.
 */
export class Outage {
  #failed = false
  #failedAt = 0
  #nextTry = 0

  /** Whether the store has failed within the last minute, and has not worked since. */
  lasts(now: number): boolean {
    return this.#failed && now - this.#failedAt < newsMs
  }

  /** Whether a request shall try the store first; during an outage, true for one request a second. */
  admits(now: number): boolean {
    if (!this.#failed) return true
    // Further ahead than a pause it is only when the clock was set back.
    if (now < this.#nextTry && now >= this.#nextTry - pauseMs) return false
    this.#nextTry = now + pauseMs
    return true
  }

  /** Notes that the store failed or did not answer in time. */
  begin(now: number): void {
    this.#failed = true
    this.#failedAt = now
    this.#nextTry = now + pauseMs
  }

  /** Notes that the store works. */
  end(): void {
    this.#failed = false
  }
}
