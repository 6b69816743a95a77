import type { Port } from '../core/port.ts'
import type { Circuit } from './circuit.ts'
import type { SentRequest } from './deliver.ts'
import type { LaneError } from '../core/bindings.ts'
import type { LaneRef } from '../core/inbox.ts'
import type { FailedEvents } from './failed-events.ts'
import type { InFlightEvent } from './in-flight-events.ts'
import type { LaneStore } from './lane-store.ts'
import { longestWaitSeconds } from './outcome-recorder.ts'
import type { Refusals } from './refusals.ts'

interface JudgeTools {
  readonly ref: LaneRef
  readonly circuit: Circuit
  readonly failed: FailedEvents
  readonly refusals: Refusals
  readonly store: LaneStore
  readonly port: Port
  /** Called when an answer shows that the destination is there again. */
  readonly onBack: () => void
}

/** The requests of one delivery. */
interface JudgedDelivery {
  readonly group: readonly InFlightEvent[]
  /** True when it was sent as a probe, because its time had come. */
  readonly isProbe: boolean
}

/** Tells the circuit of a lane what requests say of the destination as a whole. */
export class Judge {
  readonly #tools: JudgeTools
  /** Of the last request that failed or was refused. */
  lastError: LaneError | undefined

  constructor(tools: JudgeTools) {
    this.#tools = tools
  }

  /** Judges requests in their order, and stores the circuit when it has changed. */
  judge(sent: readonly SentRequest[], delivery: JudgedDelivery): void {
    const { circuit, store } = this.#tools
    const before = circuit.save()
    for (const request of sent) {
      // Its halves say more.
      if (request.isHalved === true) continue
      if (request.verdict === 'pause' || request.verdict === 'retry')
        this.lastError = { at: request.at, reason: request.reason ?? '' }
      if (request.verdict === 'pause') this.#refuse(request, delivery)
      else if (request.verdict === 'retry') this.#fail(request, delivery)
      else this.#succeed()
    }
    const after = circuit.save()
    if (before !== after) store.set('circuit', after)
  }

  #refuse({ reason = '', events }: SentRequest, { group, isProbe }: JudgedDelivery): void {
    const { ref, circuit, refusals, port } = this.#tools
    const now = port.now()
    const members = events.flatMap((i) => group[i] ?? [])
    // One event of a batch may be to blame for all of it.
    const fresh = members.some(({ row }) => row === undefined) ? 1 : 0
    const isContradicted = members.some(({ offset, row }) => {
      if (row === undefined) return refusals.isProven(now)
      return refusals.isContradicted(offset, row.history.at(-1)?.at ?? row.first)
    })
    const was = circuit.state
    const isPaused = circuit.refuse(reason, { now, random: port.random(), probe: isProbe, fresh, isContradicted })
    if (!isPaused) return
    if (!circuit.isDoubtful) refusals.clear()
    if (was === 'paused') return
    port.log('error', 'a lane is paused: its destination refuses what it is sent', { ...ref, reason })
  }

  #fail({ reason = '', afterSeconds = 0, events }: SentRequest, { group, isProbe }: JudgedDelivery): void {
    const { ref, circuit, failed, refusals, store, port } = this.#tools
    const members = events.flatMap((i) => group[i] ?? [])
    let isNews = false
    for (const { offset, row } of members) {
      const isContradicted = row !== undefined && refusals.isContradicted(offset, row.history.at(-1)?.at ?? row.first)
      if (failed.fail(offset, isContradicted)) isNews = true
    }
    port.log('warn', 'a delivery failed; its events are tried again', { ...ref, reason, events: members.length })
    const { state, isFailing } = circuit
    // What fails for a reason of its own says nothing of the destination, but for its outcome as a probe.
    if (state === 'closed' && members.every(({ offset }) => failed.hasOwnReason(offset))) return
    const isOpen = circuit.fail(reason, {
      now: port.now(),
      random: port.random(),
      probe: isProbe,
      repeat: !isNews,
      different: failed.different,
      afterSeconds: Math.min(afterSeconds, longestWaitSeconds),
    })
    if (isOpen && state === 'closed') {
      store.count('circuit opened')
      port.log('error', 'a destination is down: its lane waits and probes', { ...ref, reason })
    } else if (circuit.isFailing && !isFailing)
      port.log('warn', 'a destination fails: all that its lane sends is tried again', { ...ref, reason })
  }

  #succeed(): void {
    const { ref, circuit, failed, port, onBack } = this.#tools
    const { isTroubled, since, reason = circuit.trouble } = circuit
    failed.succeed()
    circuit.succeed()
    if (!isTroubled) return
    const seconds = since === undefined ? undefined : Math.round((port.now() - since) / 1000)
    port.log('info', 'a destination is back: all that waited is sent', { ...ref, seconds, reason })
    onBack()
  }
}
