/** Milliseconds for which a delivered event says that the destination takes events. */
const provenMs = 60_000
/** Times that an event is refused while others are delivered, until it is a dead letter. */
export const mostStrikes = 5

/** An event that was refused while others were delivered. */
interface Suspect {
  strikes: number
  /** When it was refused last, milliseconds since the epoch. */
  at: number
}

/**
 * Tells refusals that speak of one event from those that speak of the destination, by what other events get.
 *
 * A refusal is an answer whose status does not say which of both it means: a firewall's 403, a 404, 410 or 401 for one
 * record, a redirect. An event gets a strike when it is refused although another one was delivered since it was tried last;
 * after five it is a dead letter. In memory only: a lane that restarts counts anew.
 */
export class Refusals {
  #deliveredAt = -Infinity
  readonly #suspects = new Map<number, Suspect>()

  /** Notes that an event was delivered. */
  succeed(now: number): void {
    this.#deliveredAt = now
  }

  /** True while the destination is known to take events. */
  isProven(now: number): boolean {
    return now - this.#deliveredAt < provenMs
  }

  /** True when an event was delivered since `offset` was refused; `triedAt` is when it was tried last, if that is not known here. */
  isContradicted(offset: number, triedAt: number): boolean {
    return this.#deliveredAt > (this.#suspects.get(offset)?.at ?? triedAt)
  }

  /** Counts a refusal of the event at `offset` against it; returns how many there are. */
  strike(offset: number, now: number): number {
    const strikes = (this.#suspects.get(offset)?.strikes ?? 0) + 1
    this.#suspects.set(offset, { strikes, at: now })
    return strikes
  }

  isSuspect(offset: number): boolean {
    return this.#suspects.has(offset)
  }

  forget(offset: number): void {
    this.#suspects.delete(offset)
  }

  /** The destination refuses everything: what was counted says nothing of events. */
  clear(): void {
    this.#suspects.clear()
  }
}
