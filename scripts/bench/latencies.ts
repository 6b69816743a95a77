/** Times of many requests, in milliseconds. */
export class Latencies {
  readonly #values: number[] = []
  #sorted = true

  add(milliseconds: number): void {
    this.#values.push(milliseconds)
    this.#sorted = false
  }

  get count(): number {
    return this.#values.length
  }

  /** The time that a share of the requests (0 to 1) stayed within; NaN when there were none. */
  quantile(share: number): number {
    if (!this.#sorted) this.#values.sort((a, b) => a - b)
    this.#sorted = true
    return this.#values[Math.min(this.#values.length - 1, Math.floor(this.#values.length * share))] ?? Number.NaN
  }
}
