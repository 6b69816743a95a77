import type { LaneError, LaneState } from '../core/bindings.ts'
import type { Header } from '../core/envelope.ts'
import type { Port } from '../core/port.ts'
import { ISOLATE_BYTES } from '../platform/limits.ts'
import { ChunkUnpacker } from './chunk-unpacker.ts'
import { Circuit } from './circuit.ts'
import { Deadlines } from './deadlines.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { Delivery, Outcome, SentRequest } from './deliver.ts'
import { FailedEvents } from './failed-events.ts'
import { GroupPicker } from './group-picker.ts'
import { forwardGroup } from './forward-group.ts'
import { Hold } from './hold.ts'
import { Judge } from './judge.ts'
import { KeyLocks } from './key-locks.ts'
import { OutcomeRecorder, toAttempt } from './outcome-recorder.ts'
import { PlatformWait } from './platform-wait.ts'
import { Refusals } from './refusals.ts'
import { shareOf, Throttle } from './throttle.ts'
import type { LaneStore, WaitingRow } from './lane-store.ts'
import { RetryQueue } from './retry-queue.ts'
import { type InFlightEvent, InFlightEvents } from './in-flight-events.ts'
import type { LaneConsumer } from './lane-consumer.ts'
import type { Target } from '../core/resolved-config.ts'
import type { Chunk, LaneRef } from '../core/inbox.ts'

/** What a lane holds in memory at most; above it, the rest stays in the stream. */
const holdEvents = 20_000
/** In UTF-16 code units of unpacked text: with two bytes for each, a quarter of the memory. */
const holdLength = ISOLATE_BYTES / 8

interface SenderOptions {
  readonly ref: LaneRef
  readonly store: LaneStore
  readonly letters: DeadLetters
  readonly port: Port
  /** Milliseconds that the destination's own code may take for one call. */
  readonly userCodeMs: number
  /** Lanes that the destination has, one for each partition. */
  readonly lanes: number
  /** Called after every change that the lane should store or act upon. */
  readonly changed: () => void
}

type DestinationTarget = Extract<Target, { kind: 'destination' }>

/**
 * Sends one partition's events to one destination: in order per key, several requests at once, with retries, a circuit
 * and dead letters.
 *
 * A healthy event lives in memory only, above the cursor. An event that must be retried gets a row, and so does every later
 * one of its key; other keys go on. While the destination is down as a whole, events stay as they are and no rows are made,
 * but for those that it was probed with.
 */
export class Sender implements LaneConsumer {
  readonly #target: DestinationTarget
  readonly #options: SenderOptions
  readonly #circuit: Circuit
  readonly #refusals = new Refusals()
  readonly #failed = new FailedEvents()
  readonly #judge: Judge
  readonly #locks = new KeyLocks<InFlightEvent>()
  readonly #retries: RetryQueue
  readonly #inFlight = new InFlightEvents()
  readonly #unpacker = new ChunkUnpacker()
  readonly #deadlines = new Deadlines()
  readonly #recorder: OutcomeRecorder
  readonly #picker: GroupPicker
  /** Offsets at or above the stored cursor that have a row or are dead: passed over when they are read again. */
  readonly #settled: Set<number>
  #active = 0
  readonly #platform = new PlatformWait()
  readonly #throttle: Throttle
  readonly #hold: Hold
  /** Requests under way at once. */
  readonly #parallel: number
  position: number

  constructor(target: DestinationTarget, tools: SenderOptions) {
    this.#target = target
    this.#options = tools
    const { store, letters } = tools
    this.position = store.cursor
    this.#settled = letters.offsetsFrom(store.cursor)
    this.#retries = new RetryQueue(store)
    for (const place of store.waitingOrigins(store.cursor)) this.#settled.add(place)
    const { retryDays = 14, rate, use } = target.route
    const share = shareOf(rate, tools.lanes)
    this.#throttle = new Throttle(share.perSecond)
    this.#hold = new Hold(store)
    this.#parallel = Math.min(use.limits.parallel, share.parallel)
    this.#recorder = new OutcomeRecorder({ ...tools, waiting: this.#retries, retryDays })
    this.#circuit = Circuit.restore(store.get('circuit'))
    this.#picker = new GroupPicker({
      port: tools.port,
      limits: use.limits,
      circuit: this.#circuit,
      refusals: this.#refusals,
      locks: this.#locks,
      retries: this.#retries,
      inFlight: this.#inFlight,
      recorder: this.#recorder,
    })
    this.#judge = new Judge({
      ...tools,
      circuit: this.#circuit,
      failed: this.#failed,
      refusals: this.#refusals,
      onBack: () => this.#retries.endWaits(),
    })
  }

  get committed(): number {
    return this.#inFlight.lowest?.offset ?? this.position
  }

  get isBusy(): boolean {
    return this.#active > 0
  }

  get hasCapacity(): boolean {
    const { size, length } = this.#inFlight
    // A destination that is down gets a few events to probe with, no more.
    if (this.#circuit.state !== 'closed' || this.#hold.isOn) return size === 0
    return size < holdEvents && length < holdLength
  }

  get state(): LaneState {
    const { state } = this.#circuit
    if (this.#hold.isOn) return 'paused'
    if (state !== 'closed') return state === 'open' ? 'down' : state
    if (this.#active === 0 && this.#inFlight.size === 0 && this.#retries.size === 0) return 'idle'
    return this.#circuit.isFailing ? 'failing' : 'running'
  }

  get reason(): string | undefined {
    return this.#hold.reason ?? this.#circuit.reason ?? this.#platform.reason ?? this.#circuit.trouble
  }

  get since(): number | undefined {
    return this.#hold.since ?? (this.#circuit.isTroubled ? this.#circuit.since : undefined)
  }

  get lastError(): LaneError | undefined {
    const { status, at, reason = `HTTP ${status}` } = this.#retries.lastAttempt() ?? {}
    if (at === undefined && !this.#circuit.isTroubled) return undefined
    return this.#judge.lastError ?? (at === undefined ? undefined : { at, reason })
  }

  /** Events in memory that have neither a verdict nor a row. */
  get held(): number {
    return this.#inFlight.open
  }

  get waiting(): number {
    return this.#retries.size
  }

  get oldest(): number | undefined {
    const row = this.#retries.oldest()
    const inFlight = this.#inFlight.lowest?.at
    return row === undefined || inFlight === undefined ? (row ?? inFlight) : Math.min(row, inFlight)
  }

  take(chunk: Chunk): void {
    const { name } = this.#target
    for (const { offset: first, envelopes } of this.#unpacker.framesOf(chunk)) {
      envelopes.forEach((envelope, i) => {
        const offset = first + i
        if (offset < this.position || !envelope.header.to.includes(name) || this.#settled.delete(offset)) return
        const key = this.#keyOf(envelope.header, offset)
        this.#inFlight.add({ offset, at: chunk.at, key, envelope, row: undefined, final: false })
      })
      this.position = Math.max(this.position, first + envelopes.length)
      if (this.position < chunk.offset + chunk.count && !this.hasCapacity) return
    }
    this.position = Math.max(this.position, chunk.offset + chunk.count)
  }

  pump(): void {
    const now = this.#options.port.now()
    if (this.#hold.isOn || now < this.#platform.until) return
    while (this.#active < this.#parallel && this.#circuit.admits(now) && this.#throttle.readyAt(now) <= now) {
      const group = this.#picker.next()
      if (group.length === 0) break
      this.#throttle.spend(1, now)
      void this.#send(group)
    }
  }

  due(): number | undefined {
    if (this.#hold.isOn) return undefined
    const down = this.#circuit.state !== 'closed'
    if ((down && this.#circuit.probing) || this.#active >= this.#parallel) return undefined
    const isFree = (key: string) => !this.#locks.isBusy(key)
    let due = down ? this.#retries.soonestProbe(isFree) : this.#retries.soonest(isFree)
    const now = this.#options.port.now()
    const readyAt = this.#throttle.readyAt(now)
    if (down || this.#platform.until > 0 || readyAt > now) {
      const isFreshLeft = this.#inFlight.someLeft(({ key }) => !this.#retries.has(key))
      if (isFreshLeft) due = 0
      const probeAt = isFreshLeft && this.#circuit.isDoubtful ? 0 : this.#circuit.probeAt
      if (due !== undefined) due = Math.max(due, probeAt, this.#platform.until, readyAt)
    }
    // What could not start just now starts when something that is under way ends.
    return due !== undefined && due <= now && this.#active > 0 ? undefined : due
  }

  /** Sends nothing more until `resume`; what is under way comes to its end. */
  pause(by: string): void {
    this.#hold.begin({ by, at: this.#options.port.now() })
  }

  /** True while a person has stopped it. */
  get isStopped(): boolean {
    return this.#hold.isOn
  }

  /**
   * Gives up every event that it holds, in memory or as a row. Each is counted as skipped, and its trace says so. To be called
   * while nothing is under way.
   *
   * @returns how many there were
   */
  giveUp(reason: string): number {
    const { store, port } = this.#options
    const now = port.now()
    const places = [...this.#inFlight.clear().map(({ offset }) => offset), ...this.#retries.clear()]
    for (const place of places) if (place >= 0) store.recordSkip(place, now, reason)
    if (places.length > 0) store.count(`skip: ${reason}`, places.length)
    return places.length
  }

  resume(): void {
    this.#hold.end()
    this.#retries.retryNow()
    this.#circuit.resume(this.#options.port.now())
    this.#platform.end()
    this.#throttle.reset()
  }

  /** Queues an event again, behind everything of its key that has failed. `origin` is where the stream holds it, or -1. */
  replay(offset: number, origin: number, header: Header, event: string): void {
    const at = this.#options.port.now()
    const key = this.#keyOf(header, offset)
    this.#retries.add(
      { offset, origin, key, id: header.id, due: null, attempts: 0, first: 0, at, history: [] },
      { header: JSON.stringify(header), event },
    )
  }

  rowOf(id: string): WaitingRow | undefined {
    return this.#retries.find(id)
  }

  /** False when the event at `offset` is in memory and has no verdict yet. */
  isFinal(offset: number): boolean {
    return offset < this.position && (this.#inFlight.at(offset)?.final ?? true)
  }

  #keyOf(header: Header, offset: number): string {
    return this.#target.route.ordered === false ? `#${offset}` : header.key
  }

  async #send(group: readonly InFlightEvent[]): Promise<void> {
    const { port } = this.#options
    this.#active++
    const down = this.#circuit.state !== 'closed'
    const isProbe = down && port.now() >= this.#circuit.probeAt
    if (down) this.#circuit.probing = true
    const { ref, store, userCodeMs } = this.#options
    const { outcomes, sent } = await forwardGroup(group, this.#target, {
      ref,
      store,
      port,
      userCodeMs,
      deadlines: this.#deadlines,
      isProven: this.#circuit.state === 'closed' && this.#refusals.isProven(port.now()),
    })
    this.#active--
    if (down) this.#circuit.probing = false
    if (sent.length > 1) this.#throttle.spend(sent.length - 1, port.now())
    if (sent.some(({ status }) => status === 429) && this.#throttle.slow(port.now()))
      port.log('warn', 'a destination wants fewer requests; its lane goes slower', { ...ref })
    if (this.#isPlainSuccess(group, outcomes)) this.#finishPlain(group, sent)
    else this.#settle(group, { outcomes, sent, down, isProbe })
    this.#options.changed()
  }

  /** True where all went as it should, and nothing was wrong before: the way of nearly all events, which each step makes longer. */
  #isPlainSuccess(group: readonly InFlightEvent[], outcomes: readonly Outcome[]): boolean {
    if (this.#circuit.state !== 'closed' || this.#retries.size > 0 || !this.#circuit.isUntroubled) return false
    return outcomes.every(({ verdict }) => verdict.kind === 'done') && group.every(({ row }) => row === undefined)
  }

  #finishPlain(group: readonly InFlightEvent[], sent: readonly SentRequest[]): void {
    this.#refusals.succeed(this.#options.port.now())
    this.#failed.succeed()
    this.#platform.succeed()
    this.#recorder.finish(group)
    for (const request of sent) this.#recorder.record(request, group)
    this.#release(group, [])
  }

  /** Lets the keys of a group go; what waited behind them, and what goes `back`, is looked at next. */
  #release(group: readonly InFlightEvent[], back: InFlightEvent[]): void {
    for (const { key } of group) {
      const parked = this.#locks.release(key)
      if (parked !== undefined) back.push(...parked)
    }
    if (back.length > 0) this.#inFlight.putBack(back)
    this.#inFlight.settle()
  }

  #settle(
    group: readonly InFlightEvent[],
    { outcomes, sent, down, isProbe }: Delivery & { readonly down: boolean; readonly isProbe: boolean },
  ): void {
    const { port } = this.#options
    if (outcomes.some(({ verdict }) => verdict.kind === 'done')) this.#refusals.succeed(port.now())
    this.#judge.judge(sent, { group, isProbe })
    this.#platform.note(outcomes, sent.length, { port, ref: this.#options.ref })
    const back: InFlightEvent[] = []
    group.forEach((inFlight, i) => {
      const outcome = outcomes[i] as Outcome
      if (outcome.code === 'suspended' || (outcome.code === 'platform' && this.#platform.isPatient)) {
        // A row stays as it is, too: it is no attempt.
        if (inFlight.row === undefined) back.push(inFlight)
        return
      }
      const attempts =
        outcome.verdict.kind === 'done' ? [] : sent.filter(({ events }) => events.includes(i)).map(toAttempt)
      const strikes = this.#strike(inFlight, outcome)
      const { state, refused } = this.#circuit
      const tried = {
        attempts,
        probe: down,
        down: state !== 'closed',
        alone: group.length === 1,
        strikes,
        ownReason: this.#failed.hasOwnReason(inFlight.offset),
        longestWaitMs: this.#circuit.isTroubled ? this.#circuit.longestWaitMs(port.now()) : undefined,
        refused,
      }
      if (this.#recorder.apply(inFlight, outcome, tried)) back.push(inFlight)
      if (inFlight.final && inFlight.row !== undefined) {
        this.#refusals.forget(inFlight.offset)
        this.#failed.forget(inFlight.offset)
      }
    })
    for (const request of sent) this.#recorder.record(request, group)
    this.#release(group, back)
  }

  /** Counts a refusal against its event while others are delivered; returns how many there are. */
  #strike({ offset }: InFlightEvent, { verdict }: Outcome): number {
    if (verdict.kind !== 'pause' || this.#circuit.state !== 'closed') return 0
    return this.#refusals.strike(offset, this.#options.port.now())
  }
}
