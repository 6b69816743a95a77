/** Failures of an event although others were delivered since it was tried last, after which it fails for a reason of its own. */
const failuresToBlame = 3
/** Different events that are told apart; more say no more. */
const mostEvents = 1_000

/**
 * Tells failures that speak of the destination from those of single events: what fails again and again while others are
 * delivered fails for a reason of its own. In memory only: a lane that restarts counts anew.
 */
export class FailedEvents {
  /** Offsets of events that failed since the destination last answered well. */
  readonly #sinceSuccess = new Set<number>()
  /** By offset: how often it failed although others were delivered. */
  readonly #contradicted = new Map<number, number>()

  /** Notes that an event failed; returns true when that says something new of the destination. */
  fail(offset: number, isContradicted: boolean): boolean {
    if (isContradicted) this.#contradicted.set(offset, (this.#contradicted.get(offset) ?? 0) + 1)
    if (this.hasOwnReason(offset) || this.#sinceSuccess.has(offset)) return false
    if (this.#sinceSuccess.size >= mostEvents) return false
    this.#sinceSuccess.add(offset)
    return true
  }

  /** Different events that failed since the last success, but for those that fail for a reason of their own. */
  get different(): number {
    return this.#sinceSuccess.size
  }

  hasOwnReason(offset: number): boolean {
    return (this.#contradicted.get(offset) ?? 0) >= failuresToBlame
  }

  /** Forgets an event that has its final verdict. */
  forget(offset: number): void {
    this.#contradicted.delete(offset)
  }

  /** Notes that the destination answered well. */
  succeed(): void {
    this.#sinceSuccess.clear()
  }
}
