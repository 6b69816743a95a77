/**
 * Remembers values by text, up to a weight: of two halves, the older is forgotten as a whole when the younger is full. What is
 * asked for again stays.
 */
export class WeightedMap<T> {
  readonly #half: number
  #young = new Map<string, { readonly value: T; readonly weight: number }>()
  #old = this.#young
  #weight = 0

  /** @param most weight of all values together */
  constructor(most: number) {
    this.#half = most / 2
  }

  get(key: string): T | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young.value
    const old = this.#old.get(key)
    if (old === undefined) return undefined
    this.#put(key, old.value, old.weight)
    return old.value
  }

  set(key: string, value: T, weight: number): void {
    // Longer than a half: it would push out all others, and itself.
    if (weight <= this.#half) this.#put(key, value, weight)
  }

  #put(key: string, value: T, weight: number): void {
    if (this.#weight + weight > this.#half) {
      this.#old = this.#young
      this.#young = new Map()
      this.#weight = 0
    }
    this.#young.set(key, { value, weight })
    this.#weight += weight
  }
}
