import type { LaneDrain, LaneError, LaneState } from '../core/bindings.ts'
import type { Envelope, Header } from '../core/envelope.ts'
import type { Port } from '../core/port.ts'
import { ChunkUnpacker } from './chunk-unpacker.ts'
import { Circuit } from './circuit.ts'
import type { DeadLetters } from './dead-letters.ts'
import { FailedEvents } from './failed-events.ts'
import { GroupPicker } from './group-picker.ts'
import { GroupSender, type RemoteSenders } from './group-sender.ts'
import { GroupSettler } from './group-settler.ts'
import { Hold } from './hold.ts'
import { Judge } from './judge.ts'
import { KeyLocks } from './key-locks.ts'
import { OutcomeRecorder } from './outcome-recorder.ts'
import { PlatformWait } from './platform-wait.ts'
import { Refusals } from './refusals.ts'
import { SenderHealth } from './sender-health.ts'
import { shareOf, Throttle } from './throttle.ts'
import type { LaneStore } from './lane-store.ts'
import { bytesInHand, bytesInMemory, type LaneMemory, laneMemory } from './lane-memory.ts'
import type { WaitingRow } from './waiting-rows.ts'
import { RetryQueue } from './retry-queue.ts'
import { type InFlightEvent, InFlightEvents } from './in-flight-events.ts'
import type { LaneConsumer } from './lane-consumer.ts'
import type { Target } from '../core/resolved-config.ts'
import type { Chunk, LaneRef } from '../core/inbox.ts'

/** Places from the oldest event without a verdict on; what is behind them stays in the stream. */
const holdEvents = 20_000

interface SenderOptions {
  readonly ref: LaneRef
  readonly store: LaneStore
  readonly letters: DeadLetters
  readonly port: Port
  /** Milliseconds that the destination's own code may take for one call. */
  readonly userCodeMs: number
  /** Lanes that the destination has, one for each partition. */
  readonly lanes: number
  /** Other invocations that send for the lane; left out where it sends everything by itself. */
  readonly remote?: RemoteSenders | undefined
  /** What the lanes of the isolate share; that of this isolate when left out. */
  readonly memory?: LaneMemory
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
  readonly #locks = new KeyLocks<InFlightEvent>()
  readonly #retries: RetryQueue
  readonly #inFlight = new InFlightEvents()
  readonly #unpacker = new ChunkUnpacker()
  readonly #memory: LaneMemory
  /** Bytes of memory of events that are yet to be sent, above which no more are unpacked. */
  readonly #inHand: number
  readonly #recorder: OutcomeRecorder
  readonly #picker: GroupPicker
  /** Offsets at or above the stored cursor that have a row or are dead: passed over when they are read again. */
  readonly #settled: Set<number>
  readonly #platform = new PlatformWait()
  readonly #throttle: Throttle
  readonly #hold: Hold
  readonly #groups: GroupSender
  readonly #settler: GroupSettler
  readonly #health: SenderHealth
  position: number

  constructor(target: DestinationTarget, tools: SenderOptions) {
    this.#target = target
    this.#options = tools
    const { store, letters } = tools
    this.position = store.cursor
    this.#settled = letters.offsetsFrom(store.cursor)
    this.#retries = new RetryQueue(store)
    for (const place of store.waiting.origins(store.cursor)) this.#settled.add(place)
    const { retryDays = 14, rate, use } = target.route
    const share = shareOf(rate, tools.lanes)
    this.#throttle = new Throttle(share.perSecond)
    this.#hold = new Hold(store)
    this.#groups = new GroupSender({ ...tools, remote: tools.remote, target, share: share.parallel })
    this.#recorder = new OutcomeRecorder({ ...tools, waiting: this.#retries, retryDays })
    this.#circuit = Circuit.restore(store.get('circuit'))
    this.#memory = tools.memory ?? laneMemory
    this.#memory.register(this.#inFlight)
    this.#inHand = bytesInHand(use.limits.bytes)
    const parts = {
      ref: tools.ref,
      store,
      port: tools.port,
      circuit: this.#circuit,
      failed: this.#failed,
      refusals: this.#refusals,
      platform: this.#platform,
      recorder: this.#recorder,
      locks: this.#locks,
      retries: this.#retries,
      inFlight: this.#inFlight,
      groups: this.#groups,
      hold: this.#hold,
    }
    this.#picker = new GroupPicker({ ...parts, limits: use.limits })
    const judge = new Judge({ ...parts, onBack: () => this.#retries.endWaits() })
    this.#settler = new GroupSettler({ ...parts, judge })
    this.#health = new SenderHealth({ ...parts, judge })
  }

  get committed(): number {
    return this.#inFlight.lowest?.offset ?? this.position
  }

  get isBusy(): boolean {
    return this.#groups.active > 0
  }

  get hasCapacity(): boolean {
    if (!this.#hold.takes(this.position)) return false
    const { size, freshBytes } = this.#inFlight
    // A destination that is down gets a few events to probe with, no more.
    if (this.#circuit.state !== 'closed' || this.#hold.isOn) return size === 0
    return size < holdEvents && freshBytes < this.#inHand && this.#memory.hasRoom(this.#inFlight)
  }

  get state(): LaneState {
    return this.#health.state
  }

  get reason(): string | undefined {
    return this.#health.reason
  }

  get since(): number | undefined {
    return this.#health.since
  }

  get lastError(): LaneError | undefined {
    return this.#health.lastError
  }

  /** Events in memory that have neither a verdict nor a row. */
  get held(): number {
    return this.#inFlight.open
  }

  get waiting(): number {
    return this.#retries.size
  }

  /** Events at or behind `position` that have a row or are dead: they are read again, and passed over. */
  get settled(): number {
    return this.#settled.size
  }

  get oldest(): number | undefined {
    return this.#health.oldest
  }

  take(chunk: Chunk): void {
    const { name } = this.#target
    for (const { offset: first, envelopes, ...frame } of this.#unpacker.framesOf(chunk)) {
      envelopes.forEach(({ header, text }, i) => {
        const offset = first + i
        if (offset < this.position || !header.to.includes(name) || this.#settled.delete(offset)) return
        const key = this.#keyOf(header, offset)
        const bytes = bytesInMemory(text, frame)
        const envelope = (envelopes[i] as Envelope).detach()
        this.#inFlight.add({ offset, at: chunk.at, key, envelope, bytes, row: undefined, final: false })
      })
      this.position = Math.max(this.position, first + envelopes.length)
      if (this.position < chunk.offset + chunk.count && !this.hasCapacity) return
    }
    this.position = Math.max(this.position, chunk.offset + chunk.count)
  }

  pump(): void {
    const now = this.#options.port.now()
    this.#finishDrain(now)
    if (this.#hold.isOn || now < this.#platform.until) return
    while (this.#groups.hasRoom(now) && this.#circuit.admits(now) && this.#throttle.readyAt(now) <= now) {
      const group = this.#picker.next()
      if (group.length === 0) break
      this.#throttle.spend(1, now)
      void this.#send(group)
    }
  }

  due(): number | undefined {
    if (this.#hold.isOn) return undefined
    const down = this.#circuit.state !== 'closed'
    const now = this.#options.port.now()
    if ((down && this.#circuit.probing) || !this.#groups.hasRoom(now)) return undefined
    const isFree = (key: string) => !this.#locks.isBusy(key)
    let due = down ? this.#retries.soonestProbe(isFree) : this.#retries.soonest(isFree)
    const readyAt = this.#throttle.readyAt(now)
    if (down || this.#platform.until > 0 || readyAt > now) {
      const isFreshLeft = this.#inFlight.someLeft(({ key }) => !this.#retries.has(key))
      if (isFreshLeft) due = 0
      const probeAt = isFreshLeft && this.#circuit.isDoubtful ? 0 : this.#circuit.probeAt
      if (due !== undefined) due = Math.max(due, probeAt, this.#platform.until, readyAt)
    }
    // What could not start just now starts when something that is under way ends.
    return due !== undefined && due <= now && this.isBusy ? undefined : due
  }

  /** Sends nothing more until `resume`; what is under way comes to its end. */
  pause(by: string): void {
    this.#hold.begin({ by, at: this.#options.port.now() })
  }

  /** Delivers what lies below the place `until`, takes nothing beyond, and stops when that is done. A pause ends. */
  drain(by: string, until: number): void {
    this.#hold.drain({ by, at: this.#options.port.now(), until })
  }

  /** How far a drain is; events of other targets count until they are read. */
  get draining(): LaneDrain | undefined {
    return this.#hold.progress((until) => Math.max(0, until - this.position) + this.held + this.waiting)
  }

  #finishDrain(now: number): void {
    const { size } = this.#inFlight
    if (this.#hold.takes(this.position) || this.isBusy || size > 0 || this.#retries.size > 0) return
    const { ref, store, port } = this.#options
    const by = this.#hold.finishDrain(now)
    if (by === undefined) return
    // A lane that takes nothing more does not find out again what it has delivered.
    store.checkpoint(this.committed, now)
    port.log('info', 'a lane is drained: it takes nothing until it is resumed', { ...ref, by })
  }

  /** What stops it while all that waits is given up. */
  get hold(): Pick<Hold, 'beginPassing' | 'keepPassing' | 'endPassing'> {
    return this.#hold
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
    this.#hold.endDrain()
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
    const { ref, port } = this.#options
    const down = this.#circuit.state !== 'closed'
    const isProbe = down && port.now() >= this.#circuit.probeAt
    if (down) {
      this.#circuit.probing = true
      this.#groups.reset()
    }
    const delivery = await this.#groups.send(group, !down && this.#refusals.isProven(port.now()))
    if (down) this.#circuit.probing = false
    if (delivery === undefined) this.#settler.sendAgain(group)
    else {
      const { sent } = delivery
      if (sent.length > 1) this.#throttle.spend(sent.length - 1, port.now())
      if (sent.some(({ status }) => status === 429) && this.#throttle.slow(port.now()))
        port.log('warn', 'a destination wants fewer requests; its lane goes slower', { ...ref })
      this.#settler.settle(group, { ...delivery, down, isProbe })
    }
    this.#options.changed()
  }
}
