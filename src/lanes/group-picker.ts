import { Envelope, type Header } from '../core/envelope.ts'
import type { Limits } from '../core/destination.ts'
import type { Port } from '../core/port.ts'
import type { Circuit } from './circuit.ts'
import type { InFlightEvent, InFlightEvents } from './in-flight-events.ts'
import type { KeyLocks } from './key-locks.ts'
import type { StoredRow } from './waiting-rows.ts'
import type { OutcomeRecorder } from './outcome-recorder.ts'
import type { Refusals } from './refusals.ts'
import type { RetryQueue } from './retry-queue.ts'

/** Rows that are made for events behind one that may be to blame itself, while the lane is paused because of it. */
const doubtfulRows = 1_000
/** Rows from which on a destination that is down is probed with one of them, so that a long outage makes no more of them. */
const probeRows = 100

interface PickerTools {
  readonly port: Port
  readonly limits: Limits
  readonly circuit: Circuit
  readonly refusals: Refusals
  readonly locks: KeyLocks<InFlightEvent>
  readonly retries: RetryQueue
  readonly inFlight: InFlightEvents
  readonly recorder: OutcomeRecorder
}

/** Picks what a lane sends next: events of keys of which nothing is under way, rows that are due before all others. */
export class GroupPicker {
  readonly #tools: PickerTools

  constructor(tools: PickerTools) {
    this.#tools = tools
  }

  /** Takes the events of the next delivery, and locks their keys; empty while there are none. */
  next(): InFlightEvent[] {
    return this.#tools.circuit.state === 'closed' ? this.#pickHealthy() : this.#pickWhileDown()
  }

  #pickHealthy(): InFlightEvent[] {
    if (this.#tools.retries.size === 0) return this.#pickFresh()
    const rows = this.#pickRows()
    return rows.length > 0 ? rows : this.#pickFresh()
  }

  /** A probe prefers an event that has not failed yet: one bad event must not keep the circuit open. */
  #pickWhileDown(): InFlightEvent[] {
    const isRowNext = this.#tools.retries.size >= probeRows && !this.#tools.circuit.isDoubtful
    const first = isRowNext ? this.#pickProbe() : this.#pickFresh()
    if (first.length > 0) return first
    return isRowNext ? this.#pickFresh() : this.#pickProbe()
  }

  #pickRows(): InFlightEvent[] {
    const { events, bytes } = this.#tools.limits
    const group: InFlightEvent[] = []
    let length = 0
    for (const row of this.#tools.retries.due(this.#tools.port.now(), (key) => !this.#tools.locks.isBusy(key))) {
      // One that is found out about goes alone.
      const isSuspect = this.#tools.refusals.isSuspect(row.offset)
      if (isSuspect && group.length > 0) break
      this.#pick(row, group)
      length += row.event.length
      if (isSuspect || group.length >= events || length >= bytes) break
    }
    return group
  }

  /** The row whose turn it is to find out whether the destination is back, once the time has come. */
  #pickProbe(): InFlightEvent[] {
    const now = this.#tools.port.now()
    const row =
      now < this.#tools.circuit.probeAt
        ? undefined
        : this.#tools.retries.nextProbe(now, (key) => !this.#tools.locks.isBusy(key))
    const group: InFlightEvent[] = []
    if (row !== undefined) this.#pick(row, group)
    return group
  }

  #pick(row: StoredRow, group: InFlightEvent[]): void {
    const envelope = new Envelope(JSON.parse(row.header) as Header, row.event)
    const { offset, at, key } = row
    const inFlight: InFlightEvent = { offset, at, key, envelope, bytes: 0, row, final: false }
    this.#tools.locks.take(row.key, inFlight, group)
    group.push(inFlight)
  }

  #pickFresh(): InFlightEvent[] {
    const { events, bytes } = this.#tools.limits
    const down = this.#tools.circuit.state !== 'closed'
    const most = down ? 1 : events
    const group: InFlightEvent[] = []
    const aside: InFlightEvent[] = []
    const waiting: InFlightEvent[] = []
    let length = 0
    while (group.length < most) {
      const inFlight = this.#tools.inFlight.next()
      if (inFlight === undefined) break
      if (this.#tools.retries.has(inFlight.key)) {
        // What waits behind an event that may be to blame makes room for events of others.
        const isBehindOne = this.#tools.circuit.isDoubtful && this.#tools.retries.size < doubtfulRows
        if (down && !isBehindOne) aside.push(inFlight)
        else {
          this.#tools.recorder.wait(inFlight)
          waiting.push(inFlight)
        }
        continue
      }
      if (group.length > 0 && length + inFlight.envelope.text.length > bytes) {
        this.#tools.inFlight.putBack([inFlight])
        break
      }
      if (!this.#tools.locks.take(inFlight.key, inFlight, group)) continue
      group.push(inFlight)
      length += inFlight.envelope.text.length
    }
    this.#tools.inFlight.putBack(aside)
    this.#tools.inFlight.settle(waiting)
    return group
  }
}
