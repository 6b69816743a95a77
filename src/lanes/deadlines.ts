/** Milliseconds after which a timer looks whether anything is still under way: it keeps an object in memory no longer. */
const lookMs = 1_000

/** Something under way that must end in time. */
export interface Running {
  /** Milliseconds since the epoch. */
  due: number
  readonly abort: AbortController
  /** Called when it is too late. */
  onLate: (() => void) | undefined
}

/**
 * Ends what takes too long, for all the requests of a lane with one timer: a timer for each request costs as much as a tenth of
 * the request, and the platform allows an object 10,000.
 *
 * Signals that did not abort are used again.
 */
export class Deadlines {
  readonly #running = new Set<Running>()
  readonly #free: Running[] = []
  #timer: ReturnType<typeof setTimeout> | undefined
  #timerAt = 0

  /**
   * Waits for work of users, but not for ever. The work itself goes on.
   *
   * @param work what is waited for
   * @param ms milliseconds that it may take
   * @param what names it in the error, e.g. `request`
   * @returns what the work gives; rejects with what it rejects with, or with an Error that names `limits.userCodeMs`
   */
  race<T>(work: PromiseLike<T>, ms: number, what: string): Promise<T> {
    const running = this.begin(ms)
    return new Promise<T>((resolve, reject) => {
      running.onLate = () => reject(new Error(`${what} did not settle within ${ms} ms (limits.userCodeMs)`))
      const end = () => this.end(running)
      work.then(
        (value) => {
          end()
          resolve(value)
        },
        (error: unknown) => {
          end()
          reject(error)
        },
      )
    })
  }

  /**
   * Runs work with a signal that aborts after so many milliseconds, unless the work ends before.
   *
   * @returns what the work gives; rejects with what it rejects with
   */
  async withSignal<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const running = this.begin(ms)
    try {
      return await work(running.abort.signal)
    } finally {
      this.end(running)
    }
  }

  /** Begins what its signal aborts after so many milliseconds, unless `end` is called before. */
  begin(ms: number): Running {
    const due = Date.now() + ms
    const running = this.#free.pop() ?? { due, abort: new AbortController(), onLate: undefined }
    running.due = due
    // First: the platform may refuse a timer.
    if (this.#timer === undefined || due < this.#timerAt) this.#arm(due)
    this.#running.add(running)
    return running
  }

  /** Ends what was begun. */
  end(running: Running): void {
    running.onLate = undefined
    if (this.#running.delete(running) && !running.abort.signal.aborted) this.#free.push(running)
  }

  #arm(due: number): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const now = Date.now()
    this.#timerAt = Math.min(due, now + lookMs)
    this.#timer = setTimeout(() => this.#look(), Math.max(0, this.#timerAt - now))
  }

  #look(): void {
    this.#timer = undefined
    const now = Date.now()
    let next = Number.POSITIVE_INFINITY
    for (const running of this.#running) {
      if (running.due > now) next = Math.min(next, running.due)
      else {
        this.#running.delete(running)
        running.onLate?.()
        running.abort.abort()
      }
    }
    if (this.#running.size > 0) this.#arm(next)
  }
}
