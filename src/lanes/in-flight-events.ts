import type { Envelope } from '../core/envelope.ts'
import type { StoredRow } from './waiting-rows.ts'

/** One event on its way to the destination. */
export interface InFlightEvent {
  readonly offset: number
  /** When it became durable in the stream, milliseconds since the epoch. */
  readonly at: number
  readonly key: string
  readonly envelope: Envelope
  /** Of memory. */
  readonly bytes: number
  /** Set when the event comes from a row of the lane's own, not from the stream. */
  readonly row: StoredRow | undefined
  /** True once the event has its verdict or a row. */
  final: boolean
}

/**
 * What a lane holds in memory of its stream: a stretch of events in order, of which some are yet to be looked at.
 *
 * Events that are put back are looked at again before all others, in the order in which they were put. An event that is final
 * is let go at once, also while one before it is not.
 */
export class InFlightEvents {
  /** In order; of an event that is final, its offset. */
  #events: (InFlightEvent | number)[] = []
  #low = 0
  #bytes = 0
  /** Those that nobody has looked at; undefined once somebody has. */
  #fresh: (InFlightEvent | undefined)[] = []
  #freshAt = 0
  #freshBytes = 0
  /** What was put back, last first. */
  readonly #back: InFlightEvent[] = []

  /** The oldest event that is not final. */
  get lowest(): InFlightEvent | undefined {
    const lowest = this.#events[this.#low]
    return typeof lowest === 'number' ? undefined : lowest
  }

  /** Events from the oldest that is not final on. */
  get size(): number {
    return this.#events.length - this.#low
  }

  /** Events that are not final. */
  get open(): number {
    return this.#events.reduce<number>((sum, one) => sum + (typeof one === 'number' || one.final ? 0 : 1), 0)
  }

  /** Bytes of memory of the events that are not final. */
  get bytes(): number {
    return this.#bytes
  }

  /** Bytes of memory of the events that nobody has looked at. */
  get freshBytes(): number {
    return this.#freshBytes
  }

  add(inFlight: InFlightEvent): void {
    this.#events.push(inFlight)
    this.#fresh.push(inFlight)
    this.#bytes += inFlight.bytes
    this.#freshBytes += inFlight.bytes
  }

  /** Takes the event that is to be looked at next. */
  next(): InFlightEvent | undefined {
    const back = this.#back.pop()
    if (back !== undefined) return back
    const inFlight = this.#fresh[this.#freshAt]
    if (inFlight !== undefined) {
      this.#fresh[this.#freshAt++] = undefined
      this.#freshBytes -= inFlight.bytes
    }
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
    return this.#back.some(condition) || this.#fresh.some((inFlight) => inFlight !== undefined && condition(inFlight))
  }

  /** The event at `offset`, while it is not final. */
  at(offset: number): InFlightEvent | undefined {
    const found = this.#events[this.#indexOf(offset)]
    return typeof found === 'number' || found?.offset !== offset ? undefined : found
  }

  /** Lets go of all; returns those that are not final. */
  clear(): InFlightEvent[] {
    const open = this.#events.filter((one): one is InFlightEvent => typeof one !== 'number' && !one.final)
    this.#events = []
    this.#low = 0
    this.#bytes = 0
    this.#fresh = []
    this.#freshAt = 0
    this.#freshBytes = 0
    this.#back.length = 0
    return open
  }

  /** Lets go of those that are final among events that were looked at. */
  settle(looked: readonly InFlightEvent[]): void {
    for (const inFlight of looked) {
      if (!inFlight.final) continue
      const index = this.#indexOf(inFlight.offset)
      // One that has a row is not among them.
      if (this.#events[index] !== inFlight) continue
      this.#events[index] = inFlight.offset
      this.#bytes -= inFlight.bytes
    }
    while (typeof this.#events[this.#low] === 'number') this.#low++
    if (this.#low > 4096 || this.#low === this.#events.length) {
      this.#events = this.#events.slice(this.#low)
      this.#low = 0
    }
  }

  /** The index of the first event at `offset` or behind it. */
  #indexOf(offset: number): number {
    let low = this.#low
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >> 1
      const one = this.#events[middle] as InFlightEvent | number
      if ((typeof one === 'number' ? one : one.offset) < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
