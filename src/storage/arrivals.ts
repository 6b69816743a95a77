/** More callers are not kept waiting: each is a call that the platform holds open. */
const mostWaiting = 1_000
/** Milliseconds that a caller waits at most. */
const mostMs = 30_000

interface Waiter {
  readonly from: number
  readonly resolve: () => void
  readonly timer: ReturnType<typeof setTimeout>
}

/** Callers that wait for what comes next (a long poll). */
export class Arrivals {
  readonly #head: () => number
  readonly #waiters = new Set<Waiter>()

  /** `head` gives the offset after the newest record. */
  constructor(head: () => number) {
    this.#head = head
  }

  /**
   * Waits until there is something at `from`.
   *
   * @param ms milliseconds, at most 30,000; with 1,000 callers waiting, another one is answered at once
   * @returns the head
   */
  async wait(from: number, ms: number): Promise<number> {
    if (from >= this.#head() && ms > 0 && this.#waiters.size < mostWaiting)
      await new Promise<void>((resolve) => {
        const waiter: Waiter = {
          from,
          resolve,
          timer: setTimeout(() => this.#end(waiter), Math.min(ms, mostMs)),
        }
        this.#waiters.add(waiter)
      })
    return this.#head()
  }

  /** Answers those for whom something is there now. */
  notify(): void {
    if (this.#waiters.size === 0) return
    const head = this.#head()
    for (const waiter of this.#waiters) if (waiter.from < head) this.#end(waiter)
  }

  #end(waiter: Waiter): void {
    clearTimeout(waiter.timer)
    this.#waiters.delete(waiter)
    waiter.resolve()
  }
}
