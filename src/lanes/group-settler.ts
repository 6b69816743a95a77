import type { LaneRef } from '../core/inbox.ts'
import type { Port } from '../core/port.ts'
import type { Circuit } from './circuit.ts'
import type { Delivery, Outcome, SentRequest } from './deliver.ts'
import type { FailedEvents } from './failed-events.ts'
import type { InFlightEvent, InFlightEvents } from './in-flight-events.ts'
import type { Judge } from './judge.ts'
import type { KeyLocks } from './key-locks.ts'
import { type OutcomeRecorder, toAttempt } from './outcome-recorder.ts'
import type { PlatformWait } from './platform-wait.ts'
import type { Refusals } from './refusals.ts'
import type { RetryQueue } from './retry-queue.ts'

interface SettlerTools {
  readonly ref: LaneRef
  readonly port: Port
  readonly circuit: Circuit
  readonly refusals: Refusals
  readonly failed: FailedEvents
  readonly platform: PlatformWait
  readonly judge: Judge
  readonly recorder: OutcomeRecorder
  readonly locks: KeyLocks<InFlightEvent>
  readonly retries: RetryQueue
  readonly inFlight: InFlightEvents
}

/** A delivery that has ended. */
interface EndedDelivery extends Delivery {
  /** True when the destination was down when it began. */
  readonly down: boolean
  /** True when it was sent as a probe, because its time had come. */
  readonly isProbe: boolean
}

/** Carries out what became of groups that were sent: for the circuit, for each event, for the keys that they held. */
export class GroupSettler {
  readonly #tools: SettlerTools

  constructor(tools: SettlerTools) {
    this.#tools = tools
  }

  settle(group: readonly InFlightEvent[], delivery: EndedDelivery): void {
    if (this.#isPlainSuccess(group, delivery.outcomes)) this.#finishPlain(group, delivery.sent)
    else this.#apply(group, delivery)
  }

  /** Has a group of which nobody knows what became sent again; that is no attempt. */
  sendAgain(group: readonly InFlightEvent[]): void {
    this.#release(
      group,
      group.filter(({ row }) => row === undefined),
    )
  }

  /** True where all went as it should, and nothing was wrong before: the way of nearly all events, which each step makes longer. */
  #isPlainSuccess(group: readonly InFlightEvent[], outcomes: readonly Outcome[]): boolean {
    const { circuit, retries } = this.#tools
    if (circuit.state !== 'closed' || retries.size > 0 || !circuit.isUntroubled) return false
    return outcomes.every(({ verdict }) => verdict.kind === 'done') && group.every(({ row }) => row === undefined)
  }

  #finishPlain(group: readonly InFlightEvent[], sent: readonly SentRequest[]): void {
    const { refusals, failed, platform, recorder, port } = this.#tools
    refusals.succeed(port.now())
    failed.succeed()
    platform.succeed()
    recorder.finish(group)
    for (const request of sent) recorder.record(request, group)
    this.#release(group, [])
  }

  /** Lets the keys of a group go; what waited behind them, and what goes `back`, is looked at next. */
  #release(group: readonly InFlightEvent[], back: InFlightEvent[]): void {
    const { locks, inFlight } = this.#tools
    for (const { key } of group) {
      const parked = locks.release(key)
      if (parked !== undefined) back.push(...parked)
    }
    if (back.length > 0) inFlight.putBack(back)
    inFlight.settle(group)
  }

  #apply(group: readonly InFlightEvent[], { outcomes, sent, down, isProbe }: EndedDelivery): void {
    const { ref, port, circuit, refusals, failed, judge, platform, recorder } = this.#tools
    if (outcomes.some(({ verdict }) => verdict.kind === 'done')) refusals.succeed(port.now())
    judge.judge(sent, { group, isProbe })
    platform.note(outcomes, sent.length, { port, ref })
    const back: InFlightEvent[] = []
    group.forEach((inFlight, i) => {
      const outcome = outcomes[i] as Outcome
      if (outcome.code === 'suspended' || (outcome.code === 'platform' && platform.isPatient)) {
        // A row stays as it is, too: it is no attempt.
        if (inFlight.row === undefined) back.push(inFlight)
        return
      }
      const attempts =
        outcome.verdict.kind === 'done' ? [] : sent.filter(({ events }) => events.includes(i)).map(toAttempt)
      const strikes = this.#strike(inFlight, outcome)
      const { state, refused } = circuit
      const tried = {
        attempts,
        probe: down,
        down: state !== 'closed',
        alone: group.length === 1,
        strikes,
        ownReason: failed.hasOwnReason(inFlight.offset),
        longestWaitMs: circuit.isTroubled ? circuit.longestWaitMs(port.now()) : undefined,
        refused,
      }
      if (recorder.apply(inFlight, outcome, tried)) back.push(inFlight)
      if (inFlight.final && inFlight.row !== undefined) {
        refusals.forget(inFlight.offset)
        failed.forget(inFlight.offset)
      }
    })
    for (const request of sent) recorder.record(request, group)
    this.#release(group, back)
  }

  /** Counts a refusal against its event while others are delivered; returns how many there are. */
  #strike({ offset }: InFlightEvent, { verdict }: Outcome): number {
    const { circuit, refusals, port } = this.#tools
    if (verdict.kind !== 'pause' || circuit.state !== 'closed') return 0
    return refusals.strike(offset, port.now())
  }
}
