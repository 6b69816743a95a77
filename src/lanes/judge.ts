import type { Port } from '../core/port.ts'
import type { Circuit } from './circuit.ts'
import type { SentRequest } from './deliver.ts'
import type { InFlightEvent } from './in-flight-events.ts'
import type { LaneStore } from './lane-store.ts'
import { longestWaitSeconds } from './outcome-recorder.ts'
import type { Refusals } from './refusals.ts'

interface JudgeTools {
  readonly target: string
  readonly circuit: Circuit
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
      if (request.verdict === 'pause') this.#refuse(request, delivery)
      else if (request.verdict === 'retry') this.#fail(request, delivery)
      else this.#succeed()
    }
    const after = circuit.save()
    if (before !== after) store.set('circuit', after)
  }

  #refuse({ reason = '', events }: SentRequest, { group, isProbe }: JudgedDelivery): void {
    const { target, circuit, refusals, port } = this.#tools
    const now = port.now()
    const members = events.flatMap((i) => group[i] ?? [])
    const fresh = members.filter(({ row }) => row === undefined).length
    const isContradicted = members.some(({ offset, row }) => {
      if (row === undefined) return refusals.isProven(now)
      return refusals.isContradicted(offset, row.history.at(-1)?.at ?? row.first)
    })
    const was = circuit.state
    const isPaused = circuit.refuse(reason, { now, random: port.random(), probe: isProbe, fresh, isContradicted })
    if (!isPaused) return
    if (!circuit.isDoubtful) refusals.clear()
    if (was === 'paused') return
    port.log('error', 'a lane is paused: its destination refuses what it is sent', { target, reason })
  }

  #fail({ reason = '', afterSeconds = 0, events }: SentRequest, { group, isProbe }: JudgedDelivery): void {
    const { target, circuit, store, port } = this.#tools
    const was = circuit.state
    const isOpen = circuit.fail(reason, {
      now: port.now(),
      random: port.random(),
      probe: isProbe,
      repeat: events.every((i) => group[i]?.row !== undefined),
      afterSeconds: Math.min(afterSeconds, longestWaitSeconds),
    })
    if (!isOpen || was !== 'closed') return
    store.count('circuit opened')
    port.log('warn', 'a destination is down: its lane waits and probes', { target, reason })
  }

  #succeed(): void {
    const { target, circuit, port, onBack } = this.#tools
    const { isTroubled } = circuit
    if (circuit.succeed()) port.log('info', 'a destination is back', { target })
    if (isTroubled) onBack()
  }
}
