/** A set of 64-bit fingerprints (see fingerprint.ts), made once and then only asked: an open-addressing table. */
export class FingerprintSet {
  readonly #table: Uint32Array
  readonly #mask: number

  /** @param prints two 32-bit halves each */
  constructor(prints: Uint32Array) {
    // At most half full.
    const slots = 2 ** Math.ceil(Math.log2(Math.max(prints.length, 2)))
    this.#table = new Uint32Array(slots * 2)
    this.#mask = slots - 1
    for (let i = 0; i + 1 < prints.length; i += 2) {
      const [a, b] = toStoredPair(prints[i] as number, prints[i + 1] as number)
      const index = this.#slotOf(a, b)
      this.#table[index] = a
      this.#table[index + 1] = b
    }
  }

  has(first: number, second: number): boolean {
    const [a, b] = toStoredPair(first, second)
    const index = this.#slotOf(a, b)
    return this.#table[index] === a && this.#table[index + 1] === b
  }

  /** Where a fingerprint is, or would be. */
  #slotOf(a: number, b: number): number {
    const table = this.#table
    for (let slot = a & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const x = table[slot * 2]
      const y = table[slot * 2 + 1]
      if ((x === a && y === b) || (x === 0 && y === 0)) return slot * 2
    }
  }
}

/** The all-zero pair marks an empty slot. */
const toStoredPair = (a: number, b: number): readonly [number, number] => (a === 0 && b === 0 ? [0, 1] : [a, b])
