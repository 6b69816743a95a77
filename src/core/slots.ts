/** Lets so many works be under way at once; the others wait, and begin in the order in which they came. */
export class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  /** @param count works that are under way at once */
  constructor(count: number) {
    this.#free = count
  }

  /** Does some work once there is a slot for it; gives what it gives, and rejects as it does. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}
