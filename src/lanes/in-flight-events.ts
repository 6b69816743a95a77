import type { Envelope } from '../core/envelope.ts'
import type { StoredRow } from './waiting-rows.ts'

/** One event on its way to the destination. */
export interface InFlightEvent {
  readonly offset: number
  /** When it became durable in the stream, milliseconds since the epoch. */
  readonly at: number
  readonly key: string
  readonly envelope: Envelope
  /** Set when the event comes from a row of the lane's own, not from the stream. */
  readonly row: StoredRow | undefined
  /** True once the event has its verdict or a row. */
  final: boolean
}

/**
 * What a lane holds in memory of its stream: a stretch of events in order, of which some are yet to be looked at.
 *
 * Events that are put back are looked at again before all others, in the order in which they were put.
 */
export class InFlightEvents {
  #events: InFlightEvent[] = []
  #low = 0
  #length = 0
  #fresh: InFlightEvent[] = []
  #freshAt = 0
  /** What was put back, last first. */
  readonly #back: InFlightEvent[] = []

  /** The oldest event that is not final. */
  get lowest(): InFlightEvent | undefined {
    return this.#events[this.#low]
  }

  /** Events from the oldest that is not final on. */
  get size(): number {
    return this.#events.length - this.#low
  }

  /** Events that are not final. */
  get open(): number {
    return this.#events.reduce((sum, { final }, i) => sum + (i >= this.#low && !final ? 1 : 0), 0)
  }

  /** UTF-16 code units of their text. */
  get length(): number {
    return this.#length
  }

  add(inFlight: InFlightEvent): void {
    this.#events.push(inFlight)
    this.#fresh.push(inFlight)
    this.#length += inFlight.envelope.text.length
  }

  /** Takes the event that is to be looked at next. */
  next(): InFlightEvent | undefined {
    const back = this.#back.pop()
    if (back !== undefined) return back
    const inFlight = this.#fresh[this.#freshAt]
    if (inFlight !== undefined) this.#freshAt++
    if (this.#freshAt > 4096 || this.#freshAt === this.#fresh.length) {
      this.#fresh = this.#fresh.slice(this.#freshAt)
      this.#freshAt = 0
    }
    return inFlight
  }

  putBack(inFlights: readonly InFlightEvent[]): void {
    for (let i = inFlights.length - 1; i >= 0; i--) this.#back.push(inFlights[i] as InFlightEvent)
  }

  /** True when an event that is yet to be looked at meets the condition. */
  someLeft(condition: (inFlight: InFlightEvent) => boolean): boolean {
    return this.#back.some(condition) || this.#fresh.some((inFlight, i) => i >= this.#freshAt && condition(inFlight))
  }

  /** The event at `offset`, when it is at or above the oldest that is not final. */
  at(offset: number): InFlightEvent | undefined {
    return this.#events.find((inFlight, i) => i >= this.#low && inFlight.offset === offset)
  }

  /** Lets go of all; returns those that are not final. */
  clear(): InFlightEvent[] {
    const open = this.#events.filter(({ final }, i) => i >= this.#low && !final)
    this.#events = []
    this.#low = 0
    this.#length = 0
    this.#fresh = []
    this.#freshAt = 0
    this.#back.length = 0
    return open
  }

  /** Lets go of the final events at the low end. */
  settle(): void {
    while (this.#events[this.#low]?.final === true) {
      this.#length -= (this.#events[this.#low] as InFlightEvent).envelope.text.length
      this.#low++
    }
    if (this.#low > 4096 || this.#low === this.#events.length) {
      this.#events = this.#events.slice(this.#low)
      this.#low = 0
    }
  }
}
