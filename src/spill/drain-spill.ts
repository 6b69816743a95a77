import { cutLetters } from '../core/cut-letters.ts'
import { type NewDeadLetter } from '../core/dead-letter.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import { Slots } from '../core/slots.ts'
import { NoAnswer, withTimeout } from '../core/with-timeout.ts'
import type { AppContext } from '../core/app-context.ts'
import {
  listSpills,
  partOf,
  readSpill,
  setAside,
  type Spilled,
  spillPrefix,
  type SpillRef,
  UnreadableSpill,
} from './spill.ts'
import { SpillParts, type SpillPart, takeRound } from './spill-parts.ts'
import { cutBatch } from '../core/batch.ts'
import { laneOf, edgeLane } from '../core/lanes.ts'

/** What one run does at most. What is left goes on in the next. */
export interface DrainLimits {
  readonly events: number
  /** UTF-16 code units of text. */
  readonly length: number
  /** Calls of R2, the stream and the lane of the edge. */
  readonly calls: number
  readonly ms: number
  /** Milliseconds that one call may take. */
  readonly callMs: number
  /** Partitions that are known to be unavailable: what is for them is left alone. */
  readonly unavailable?: readonly number[]
}

/**
 * What a run of the sweep may do. An invocation has 10,000 subrequests (Workers limits, checked 2026-11-28), and the sweep and
 * the loads belong to it, too.
 */
export const usualLimits: DrainLimits = {
  events: 200_000,
  length: 200_000_000,
  calls: 5_000,
  ms: 20_000,
  callMs: 5_000,
}

/** What one run did. */
export interface DrainReport {
  /** Objects that are gone now, because what they held is where it belongs. */
  readonly objects: number
  readonly events: number
  /** Of these, events that were there already. */
  readonly duplicates: number
  /** Objects that were set aside, one sentence each. */
  readonly setAside: readonly string[]
  /** True when there may be more. */
  readonly left: boolean
  /** Why it ended early, or gave up what is for one partition or for the lane of the edge. */
  readonly error?: string
}

/** Rounds that are in memory at once, of different parts. */
const roundsAtOnce = 4
/** Calls of R2 at once: an invocation may wait for six answers (Workers limits, checked 2026-11-25). Calls to objects are not among them. */
const bucketCallsAtOnce = 6
/** Objects that are known of and wait: the listing goes on when fewer do. */
const mostWaiting = 20_000
/**
 * Reads after which a run waits for a moment. The local runtime serves R2 from the process that takes requests too, which
 * get no turn as long as there is an answer to go on with.
 */
const readsInARow = 30
/** Reads that fail in a row after which R2 is believed to be unavailable. */
const readPatience = 12

/**
 * Stores what was spilled, oldest first, and deletes its objects.
 *
 * A repeat is harmless: the append looks for duplicates back to a dedup window before the object was written, so neither an
 * append that was late but went through, nor a run that ended between append and delete, nor two runs at once double an
 * event. That is so with the log. With queues, it is the inboxes of the lanes that know duplicates, for ten minutes from the
 * first incoming; a longer outage can double what a late append had stored, under the same messageId.
 *
 * Each partition, and the lane of the edge, has its own order, and they are stored side by side. The first object of each goes
 * alone; only who has taken something gets a round. So one that does not answer keeps nothing back that is for others. Within a
 * partition, later objects wait behind one that fails, for an hour at most: then it is passed over, and tried again in each run.
 *
 * @param app config, bindings, clock
 * @param limits of this run
 * @returns what it did; an object that cannot be read, or that the stream can never take, is set aside and keeps no other back
 */
export async function drainSpill(app: AppContext, limits: DrainLimits = usualLimits): Promise<DrainReport> {
  const run = new SpillDrain(app, limits)
  let left = true
  try {
    left = await run.all()
  } catch (thrown) {
    run.error = reasonOf(thrown)
  }
  const { objects, events, duplicates, error } = run
  if (error !== undefined) app.port.log('error', 'what was spilled could not be stored', { reason: error })
  if (objects > 0) app.port.log('info', 'what was spilled is stored now', { objects, events, duplicates })
  return {
    objects,
    events,
    duplicates,
    setAside: run.setAside,
    left,
    ...(error === undefined ? {} : { error }),
  }
}

interface LoadedSpill {
  readonly ref: SpillRef
  readonly spilled: Spilled
}

/** An object that R2 did not give. */
interface UnreadSpill {
  readonly ref: SpillRef
  readonly error: unknown
}

class SpillDrain {
  objects = 0
  events = 0
  duplicates = 0
  readonly setAside: string[] = []
  error: string | undefined
  readonly #app: AppContext
  readonly #limits: DrainLimits
  readonly #windowMs: number
  readonly #ends: number
  #length = 0
  #calls = 0
  #reads = 0
  #pause = Promise.resolve()
  #unreadInARow = 0
  /** Rounds under way, and all that is: beside the rounds, first objects of parts. */
  #rounds = 0
  readonly #working = new Set<Promise<void>>()
  /** Whether something was left behind that this run knows of. */
  #left = false
  /** Why nothing more is begun. */
  #broken: { readonly by: unknown } | undefined
  readonly #parts: SpillParts
  readonly #bucketSlots = new Slots(bucketCallsAtOnce)

  constructor(app: AppContext, limits: DrainLimits) {
    this.#app = app
    this.#limits = limits
    this.#windowMs = Math.max(300_000, app.resolved.stream.dedupMs)
    this.#ends = app.port.now() + limits.ms
    this.#parts = new SpillParts(limits.unavailable?.map((partition) => partOf(partition, app.resolved.stream)) ?? [])
  }

  /** Returns whether anything is left. */
  async all(): Promise<boolean> {
    let after: string | undefined
    let more = true
    for (;;) {
      this.#beginAll()
      if (more && !this.#isOver() && this.#rounds < roundsAtOnce && this.#parts.waiting < mostWaiting) {
        const page = await this.#inBucket(() => listSpills(spillPrefix, this.#app, { after }))
        if (!this.#parts.add(page.refs)) this.#left = true
        after = page.refs.at(-1)?.key
        ;({ more } = page)
      } else if (this.#working.size > 0) await Promise.race(this.#working)
      else break
    }
    if (this.#broken !== undefined) throw this.#broken.by
    return more || this.#left || this.#parts.waiting > 0
  }

  /** Begins what may begin: a part that has not taken anything yet is tried with one object, and holds up no round. */
  #beginAll(): void {
    if (this.#isOver()) return
    for (let part = this.#parts.next(true); part !== undefined; part = this.#parts.next(true))
      this.#begin(part, part.refs.splice(0, 1))
    while (this.#rounds < roundsAtOnce) {
      const part = this.#parts.next(false)
      if (part === undefined) return
      this.#rounds++
      this.#begin(part, takeRound(part), () => this.#rounds--)
    }
  }

  #begin(part: SpillPart, refs: readonly SpillRef[], then: () => void = () => {}): void {
    part.isBusy = true
    const work = this.#round(part, refs)
      .catch((error: unknown) => {
        this.#broken ??= { by: error }
      })
      .finally(() => {
        part.isBusy = false
        this.#working.delete(work)
        then()
      })
    this.#working.add(work)
  }

  #isOver(): boolean {
    return this.#broken !== undefined || this.#isSpent()
  }

  #isSpent(): boolean {
    const { events, length, calls } = this.#limits
    const isUsedUp = this.events >= events || this.#length >= length || this.#calls >= calls
    return isUsedUp || this.#app.port.now() >= this.#ends
  }

  /** Stores objects of one part at once; one by one when that fails. What comes behind one that fails waits behind it. */
  async #round(part: SpillPart, refs: readonly SpillRef[]): Promise<void> {
    const found = await this.#loadAll(refs)
    const unread = found.findIndex((one) => 'error' in one)
    const loaded = (unread < 0 ? found : found.slice(0, unread)) as readonly LoadedSpill[]
    let stored = 0
    if (loaded.length > 1)
      try {
        await this.#store(loaded)
        stored = loaded.length
      } catch (error) {
        this.#app.port.log('warn', 'spilled objects are stored one by one', { reason: reasonOf(error) })
      }
    for (const one of found.slice(stored)) {
      if (!this.#isOver() && (await this.#isDone(one))) continue
      if (!this.#parts.isUnavailable(part.name)) part.refs.unshift(...refs.slice(refs.indexOf(one.ref)))
      return
    }
  }

  /** Reads objects; in the order of their keys, as far as they are still there. */
  async #loadAll(refs: readonly SpillRef[]): Promise<(LoadedSpill | UnreadSpill)[]> {
    const found = await Promise.all(refs.map((ref) => this.#load(ref)))
    return found.filter((one) => one !== undefined)
  }

  /** Reads an object; undefined when it is gone or was set aside. */
  async #load(ref: SpillRef): Promise<LoadedSpill | UnreadSpill | undefined> {
    try {
      const spilled = await this.#inBucket(async () => {
        if (this.#broken !== undefined) throw this.#broken.by
        if (this.#reads++ % readsInARow === 0) this.#pause = new Promise((resolve) => setTimeout(resolve, 1))
        await this.#pause
        return readSpill(ref.key, this.#app)
      })
      this.#unreadInARow = 0
      return spilled === null ? undefined : { ref, spilled }
    } catch (error) {
      if (error instanceof UnreadableSpill) {
        await this.#setAside(ref, error)
        return undefined
      }
      if (++this.#unreadInARow >= readPatience) {
        this.#broken ??= { by: error }
        throw error
      }
      return { ref, error }
    }
  }

  /** Stores an object. Returns whether the next one may come, because it is stored, or set aside, or passed over in this run. */
  async #isDone(one: LoadedSpill | UnreadSpill): Promise<boolean> {
    try {
      if ('error' in one) throw one.error
      await this.#store([one])
      return true
    } catch (error) {
      if (error instanceof SluicewayError && error.code === 'stream_limit') {
        await this.#setAside(one.ref, error)
        return true
      }
      return this.#isPassedOver(one.ref, error)
    }
  }

  /** Stores what objects hold, and deletes them. */
  async #store(loaded: readonly LoadedSpill[]): Promise<void> {
    const packed = loaded.flatMap(({ spilled }) => (spilled.kind === 'events' ? spilled.packed : []))
    const { stream } = this.#app.resolved
    const since = Math.min(...loaded.map(({ ref }) => ref.at)) - this.#windowMs
    const { bindings } = this.#app
    let duplicates = 0
    for (const piece of cutBatch(packed, stream.limits))
      duplicates += (await this.#within(stream.append(piece, bindings, { since }), 'the stream')).duplicates
    let events = packed.length
    for (const { spilled } of loaded)
      if (spilled.kind === 'letters') {
        await this.#within(this.#addDeadLetters(spilled.deadLetters), 'the lane of the edge')
        events += spilled.deadLetters.length
      }
    const keys = loaded.map(({ ref }) => ref.key)
    await this.#inBucket(() => bindings.BUCKET.delete(keys))
    for (const { ref } of loaded) this.#parts.took(ref.part)
    this.objects += loaded.length
    this.events += events
    this.duplicates += duplicates
    this.#length += loaded.reduce((sum, { ref }) => sum + ref.length, 0)
  }

  /** The letters of one piece are stored in one go, so the first one tells whether that was done before. */
  async #addDeadLetters(deadLetters: readonly NewDeadLetter[]): Promise<void> {
    const lane = laneOf(this.#app.bindings, edgeLane)
    for (const piece of cutLetters(deadLetters)) {
      const { messageId, receivedAt } = piece[0] as NewDeadLetter
      const known = await lane.letters(edgeLane, { limit: 20, messageId })
      if (!known.some((letter) => letter.receivedAt === receivedAt)) await lane.addDeadLetters(edgeLane, piece)
    }
  }

  /** Notes that an object was not stored. Returns whether it is passed over; else it is tried again before any other of its part. */
  #isPassedOver(ref: SpillRef, error: unknown): boolean {
    const { port } = this.#app
    const reason = reasonOf(error)
    port.log('warn', 'a spilled object was not stored; it is tried again', { key: ref.key, reason })
    const next = this.#parts.failed({ ref, wasLate: error instanceof NoAnswer, now: port.now() })
    if (next !== 'again') this.#left = true
    if (next === 'given up') this.error = reason
    return next === 'passed over'
  }

  async #setAside({ key }: SpillRef, error: unknown): Promise<void> {
    const reason = reasonOf(error)
    await this.#inBucket(() => setAside(key, reason, this.#app))
    this.setAside.push(`${key}: ${reason}`)
    this.#app.port.log('error', 'a spilled object was set aside', { key, reason })
  }

  #inBucket<T>(work: () => Promise<T>): Promise<T> {
    return this.#bucketSlots.run(() => this.#within(work(), 'R2'))
  }

  #within<T>(work: Promise<T>, what: string): Promise<T> {
    this.#calls++
    return withTimeout(work, this.#limits.callMs, what)
  }
}
