import type { LaneState } from '../core/bindings.ts'
import { Envelope, type Header, unpack } from '../core/envelope.ts'
import { reasonOf } from '../core/errors.ts'
import { unframe } from '../storage/frame.ts'
import type { Port } from '../core/port.ts'
import { backoffMs } from '../core/retry.ts'
import { Circuit } from './circuit.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { Delivery, Outcome, SentRequest } from './deliver.ts'
import { forward } from './forward.ts'
import { KeyLocks } from './key-locks.ts'
import { OutcomeRecorder, longestWaitSeconds, toAttempt } from './outcome-recorder.ts'
import type { LaneStore, WaitingRow } from './lane-store.ts'
import { RetryQueue } from './retry-queue.ts'
import { type InFlightEvent, InFlightEvents } from './in-flight-events.ts'
import type { LaneConsumer } from './lane-consumer.ts'
import type { Target } from '../core/resolved-config.ts'
import type { Chunk } from '../core/inbox.ts'

/** What a lane holds in memory at most; above it, the rest stays in the stream. */
const holdEvents = 20_000
const holdLength = 16_000_000
/**
 * What a lane waits after a limit of the platform, in seconds: long enough that the alarm wakes it, in an invocation with
 * limits of its own.
 */
const platformWait = { leastSeconds: 15, baseSeconds: 5, capSeconds: 300 }
/** Failures by limits of the platform, with no request between them, after which no longer the lane waits, but each event. */
const platformPatience = 5

interface SenderOptions {
  readonly store: LaneStore
  readonly letters: DeadLetters
  readonly port: Port
  /** Milliseconds that the destination's own code may take for one call. */
  readonly userCodeMs: number
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
  readonly #locks = new KeyLocks<InFlightEvent>()
  readonly #retries: RetryQueue
  readonly #inFlight = new InFlightEvents()
  readonly #recorder: OutcomeRecorder
  /** Offsets at or above the stored cursor that have a row or are dead: passed over when they are read again. */
  readonly #settled: Set<number>
  #active = 0
  /** Since the last request that was sent. */
  #platformFailures = 0
  /** Nothing is sent before, milliseconds since the epoch. */
  #platformWaitUntil = 0
  #platformReason: string | undefined
  position: number

  constructor(target: DestinationTarget, tools: SenderOptions) {
    this.#target = target
    this.#options = tools
    const { store, letters } = tools
    this.position = store.cursor
    this.#settled = letters.offsetsFrom(store.cursor)
    this.#retries = new RetryQueue(store)
    for (const place of store.waitingOrigins(store.cursor)) this.#settled.add(place)
    const { retryDays = 14 } = target.route
    this.#recorder = new OutcomeRecorder({ ...tools, waiting: this.#retries, retryDays })
    this.#circuit = Circuit.restore(store.get('circuit'))
  }

  get committed(): number {
    return this.#inFlight.lowest?.offset ?? this.position
  }

  get hasCapacity(): boolean {
    const { size, length } = this.#inFlight
    // A destination that is down gets a few events to probe with, no more.
    if (this.#circuit.state !== 'closed') return size === 0
    return size < holdEvents && length < holdLength
  }

  get state(): LaneState {
    const { state } = this.#circuit
    if (state !== 'closed') return state === 'open' ? 'down' : state
    return this.#active > 0 || this.#inFlight.size > 0 ? 'running' : 'idle'
  }

  get reason(): string | undefined {
    return this.#circuit.reason ?? this.#platformReason
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
    unpack(unframe(chunk.data)).forEach((envelope, i) => {
      const offset = chunk.offset + i
      if (offset < this.position || !envelope.header.to.includes(name) || this.#settled.delete(offset)) return
      this.#inFlight.add({
        offset,
        at: chunk.at,
        key: this.#keyOf(envelope.header, offset),
        envelope,
        row: undefined,
        final: false,
      })
    })
    this.position = Math.max(this.position, chunk.offset + chunk.count)
  }

  pump(): void {
    const { parallel } = this.#target.route.use.limits
    if (this.#options.port.now() < this.#platformWaitUntil) return
    while (this.#active < parallel && this.#circuit.admits(this.#options.port.now())) {
      const down = this.#circuit.state !== 'closed'
      // A probe prefers an event that has not failed yet: one bad event must not keep the circuit open.
      const first = down ? this.#pickFresh() : this.#pickRows()
      const group = first.length > 0 ? first : down ? this.#pickRows() : this.#pickFresh()
      if (group.length === 0) break
      void this.#send(group)
    }
  }

  due(): number | undefined {
    const down = this.#circuit.state !== 'closed'
    if ((down && this.#circuit.probing) || this.#active >= this.#target.route.use.limits.parallel) return undefined
    let due = this.#retries.soonest((key) => !this.#locks.isBusy(key))
    if (down || this.#platformWaitUntil > 0) {
      if (this.#inFlight.someLeft(({ key }) => !this.#retries.has(key))) due = 0
      if (due !== undefined) due = Math.max(due, this.#circuit.probeAt, this.#platformWaitUntil)
    }
    // What could not start just now starts when something that is under way ends.
    return due !== undefined && due <= this.#options.port.now() && this.#active > 0 ? undefined : due
  }

  resume(): void {
    if (this.#circuit.state !== 'closed') this.#retries.retryNow()
    this.#circuit.resume(this.#options.port.now())
    this.#platformWaitUntil = 0
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

  #pickRows(): InFlightEvent[] {
    const { events, bytes } = this.#target.route.use.limits
    const most = this.#circuit.state === 'closed' ? events : 1
    const group: InFlightEvent[] = []
    let length = 0
    for (const row of this.#retries.due(this.#options.port.now(), (key) => !this.#locks.isBusy(key))) {
      const envelope = new Envelope(JSON.parse(row.header) as Header, row.event)
      const inFlight: InFlightEvent = { offset: row.offset, at: row.at, key: row.key, envelope, row, final: false }
      this.#locks.take(row.key, inFlight, group)
      group.push(inFlight)
      length += row.event.length
      if (group.length >= most || length >= bytes) break
    }
    return group
  }

  #pickFresh(): InFlightEvent[] {
    const { events, bytes } = this.#target.route.use.limits
    const down = this.#circuit.state !== 'closed'
    const most = down ? 1 : events
    const group: InFlightEvent[] = []
    const aside: InFlightEvent[] = []
    let length = 0
    while (group.length < most) {
      const inFlight = this.#inFlight.next()
      if (inFlight === undefined) break
      if (this.#retries.has(inFlight.key)) {
        if (down) aside.push(inFlight)
        else this.#recorder.wait(inFlight)
        continue
      }
      if (group.length > 0 && length + inFlight.envelope.text.length > bytes) {
        this.#inFlight.putBack([inFlight])
        break
      }
      if (!this.#locks.take(inFlight.key, inFlight, group)) continue
      group.push(inFlight)
      length += inFlight.envelope.text.length
    }
    this.#inFlight.putBack(aside)
    this.#inFlight.settle()
    return group
  }

  async #send(group: readonly InFlightEvent[]): Promise<void> {
    this.#active++
    const probe = this.#circuit.state !== 'closed'
    if (probe) this.#circuit.probing = true
    const { outcomes, sent } = await this.#forward(group)
    this.#active--
    if (probe) this.#circuit.probing = false
    const before = this.#circuit.save()
    this.#judge(sent, { group, probe })
    const after = this.#circuit.save()
    if (before !== after) this.#options.store.set('circuit', after)
    this.#noteLimits(outcomes, sent.length)
    const back: InFlightEvent[] = []
    group.forEach((inFlight, i) => {
      const outcome = outcomes[i] as Outcome
      if (outcome.code === 'platform' && this.#platformFailures <= platformPatience) {
        // A row stays as it is, too: it is no attempt.
        if (inFlight.row === undefined) back.push(inFlight)
        return
      }
      const attempts =
        outcome.verdict.kind === 'done' ? [] : sent.filter(({ events }) => events.includes(i)).map(toAttempt)
      if (this.#recorder.apply(inFlight, outcome, { attempts, probe, down: after !== undefined })) back.push(inFlight)
    })
    for (const request of sent) this.#recorder.record(request, group)
    const freed = [...new Set(group.map(({ key }) => key))].flatMap((key) => this.#locks.release(key))
    this.#inFlight.putBack([...back, ...freed])
    this.#inFlight.settle()
    this.#options.changed()
  }

  async #forward(group: readonly InFlightEvent[]): Promise<Delivery> {
    try {
      return await forward(
        group.map(({ envelope }) => envelope),
        this.#target,
        { port: this.#options.port, userCodeMs: this.#options.userCodeMs },
      )
    } catch (error) {
      const verdict = { kind: 'retry', reason: `internal: ${reasonOf(error)}` } as const
      this.#options.port.log('error', 'a delivery broke', { target: this.#target.name, reason: reasonOf(error) })
      return { outcomes: group.map(() => ({ verdict, code: 'internal' })), sent: [] }
    }
  }

  /** Makes the lane wait where a limit of the platform kept events from being sent. */
  #noteLimits(outcomes: readonly Outcome[], sent: number): void {
    const { port } = this.#options
    if (sent > 0) {
      this.#platformFailures = 0
      this.#platformWaitUntil = 0
      this.#platformReason = undefined
    }
    const limited = outcomes.find(({ code }) => code === 'platform')
    if (limited === undefined || !('reason' in limited.verdict)) return
    const { leastSeconds, ...backoff } = platformWait
    this.#platformFailures++
    if (this.#platformFailures > platformPatience) return
    this.#platformReason = limited.verdict.reason
    this.#platformWaitUntil =
      port.now() + leastSeconds * 1000 + backoffMs(this.#platformFailures, port.random(), backoff)
    port.log('warn', 'a lane waits: a limit of the platform was reached', {
      target: this.#target.name,
      reason: limited.verdict.reason,
    })
  }

  /** Tells the circuit what the requests say of the destination as a whole. */
  #judge(
    sent: readonly SentRequest[],
    { group, probe }: { readonly group: readonly InFlightEvent[]; readonly probe: boolean },
  ): void {
    const { port, store } = this.#options
    for (const { verdict, reason = '', afterSeconds = 0, events } of sent) {
      const at = { now: port.now(), random: port.random(), probe }
      const repeat = events.every((i) => group[i]?.row !== undefined)
      // One event that is refused again and again, while others go through, says nothing of the credential.
      if (verdict === 'pause' && repeat && this.#circuit.state === 'closed') continue
      if (verdict === 'pause') {
        if (this.#circuit.state !== 'paused')
          port.log('error', 'a lane is paused: its destination refuses everything', {
            target: this.#target.name,
            reason,
          })
        this.#circuit.pause(reason, at)
      } else if (verdict === 'retry') {
        const was = this.#circuit.state
        const asked = Math.min(afterSeconds, longestWaitSeconds)
        const open = this.#circuit.fail(reason, { ...at, repeat, afterSeconds: asked })
        if (open && was === 'closed') {
          store.count('circuit opened')
          port.log('warn', 'a destination is down: its lane waits and probes', { target: this.#target.name, reason })
        }
      } else if (this.#circuit.succeed()) port.log('info', 'a destination is back', { target: this.#target.name })
    }
  }
}
