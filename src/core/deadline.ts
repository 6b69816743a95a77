/** Milliseconds that code of users may take for one call, where the config says nothing (`limits.userCodeMs`). */
export const defaultUserCodeMs = 5_000

/**
 * One end for many pieces of work that begin together, with one timer, however many there are: the platform allows 10,000.
 *
 * The timer also keeps a request alive whose work waits for nothing: the runtime would cancel it as one that can never answer.
 * What does not let go of the thread (`while (true)`) cannot be ended from inside: `cpu_ms` of wrangler.toml ends it.
 */
export class Deadline {
  readonly #late: Promise<never>
  /** True once it is too late. */
  isOver = false
  #timer: ReturnType<typeof setTimeout> | undefined

  /**
   * @param ms milliseconds from now on
   * @param what names the work in the error, e.g. `transformEvent`
   */
  constructor(ms: number, what: string) {
    this.#late = new Promise<never>((_resolve, reject) => {
      const message = `${what} did not settle within ${ms} ms (limits.userCodeMs)`
      this.#timer = setTimeout(() => {
        this.isOver = true
        reject(new Error(message))
      }, ms)
    })
    this.#late.catch(() => undefined)
  }

  /** Gives what the work gives, or rejects with what it rejects with, or once it is too late. The work itself goes on. */
  race<T>(work: PromiseLike<T> | T): Promise<T> {
    return Promise.race([work, this.#late])
  }

  /** Ends the timer; to be called once all of the work is through. */
  end(): void {
    clearTimeout(this.#timer)
  }
}

/**
 * Runs one call of users' code, which may take so long and no longer.
 *
 * @param call begins the work; what it throws is thrown
 * @param ms milliseconds that it may take
 * @param what names it in the error, e.g. `map`
 * @returns what the work gave; rejects with an Error that names `limits.userCodeMs` once it is too late
 */
export async function withDeadline<T>(call: () => PromiseLike<T> | T, ms: number, what: string): Promise<T> {
  const work = call()
  if (!isPromise(work)) return work
  const deadline = new Deadline(ms, what)
  try {
    return await deadline.race(work)
  } finally {
    deadline.end()
  }
}

/** True for what must be waited for. */
export const isPromise = (value: unknown): value is PromiseLike<unknown> => {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  return typeof (value as { then?: unknown }).then === 'function'
}
