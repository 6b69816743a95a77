/** Slots of a generation when it starts; each slot takes 8 bytes. */
const firstSlots = 1 << 14

/** One open-addressing table of 64-bit fingerprints. */
class FingerprintTable {
  slots = firstSlots
  table = new Uint32Array(firstSlots * 2)
  count = 0

  has(a: number, b: number): boolean {
    const { table, slots } = this
    for (let i = a & (slots - 1); ; i = (i + 1) & (slots - 1)) {
      const x = table[i * 2] as number
      const y = table[i * 2 + 1] as number
      if (x === a && y === b) return true
      if (x === 0 && y === 0) return false
    }
  }

  add(a: number, b: number): void {
    if ((this.count + 1) * 10 > this.slots * 7) this.#grow()
    this.#put(a, b)
    this.count++
  }

  #put(a: number, b: number): void {
    const { table, slots } = this
    let i = a & (slots - 1)
    while (table[i * 2] !== 0 || table[i * 2 + 1] !== 0) i = (i + 1) & (slots - 1)
    table[i * 2] = a
    table[i * 2 + 1] = b
  }

  #grow(): void {
    const old = this.table
    this.slots *= 2
    this.table = new Uint32Array(this.slots * 2)
    for (let i = 0; i < old.length; i += 2)
      if (old[i] !== 0 || old[i + 1] !== 0) this.#put(old[i] as number, old[i + 1] as number)
  }
}

/**
 * Remembers fingerprints of events for a dedup window, in at most about 32 MB.
 *
 * Two generations: when the young one is as old as the window, or full (1.4 million events), it becomes the old one and the
 * old one is forgotten. So an event is remembered for at least one window and at most two, or, above 1.4 million events per
 * window, for the last 1.4 million events at least.
 */
export class DedupWindow {
  readonly #windowMs: number
  /** Fingerprints of a generation: so many events are remembered at least. */
  readonly capacity: number
  #young = new FingerprintTable()
  #old = new FingerprintTable()
  #youngSince: number

  constructor(windowMs: number, now: number, capacity = 1_400_000) {
    this.#windowMs = windowMs
    this.capacity = capacity
    this.#youngSince = now
  }

  /** Adds a fingerprint seen at `now`; returns false when it was there already. */
  add(a: number, b: number, now: number): boolean {
    // The all-zero pair marks an empty slot.
    if (a === 0 && b === 0) b = 1
    const age = now - this.#youngSince
    if (age >= this.#windowMs) this.#turn(now)
    // Nothing came for as long as the old generation must be remembered.
    if (age >= 2 * this.#windowMs) this.#old = new FingerprintTable()
    if (this.has(a, b)) return false
    if (this.#young.count >= this.capacity) this.#turn(now)
    this.#young.add(a, b)
    return true
  }

  /** Says whether a fingerprint was added, within the window at least. */
  has(a: number, b: number): boolean {
    if (a === 0 && b === 0) b = 1
    return this.#young.has(a, b) || this.#old.has(a, b)
  }

  #turn(now: number): void {
    this.#old = this.#young
    this.#young = new FingerprintTable()
    this.#youngSince = now
  }
}
