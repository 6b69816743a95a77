/** Milliseconds beyond the pause after which whoever was to send is believed to be gone. */
const lostMs = 9_000

/**
 * Says when what gathers in an isolate is to be sent.
 *
 * The first is sent at once, what comes within a pause of it together at its end, by the request that brought the first of that.
 */
export class Pace {
  readonly #pauseMs: number
  #sentAt = -Infinity
  #dueAt: number | undefined

  /** @param pauseMs milliseconds between two that are sent */
  constructor(pauseMs: number) {
    this.#pauseMs = pauseMs
  }

  /**
   * Notes that something is there to be sent.
   *
   * @param now milliseconds since the epoch
   * @returns milliseconds after which the caller must send it; undefined when another request will
   */
  next(now: number): number | undefined {
    if (this.#dueAt !== undefined && Math.abs(now - this.#dueAt) < this.#pauseMs + lostMs) return undefined
    const wait = Math.min(this.#pauseMs, Math.max(0, this.#sentAt + this.#pauseMs - now))
    this.#dueAt = now + wait
    return wait
  }

  /** Notes that everything is sent. */
  sent(now: number): void {
    this.#sentAt = now
    this.#dueAt = undefined
  }
}
