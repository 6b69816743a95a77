import { cutLetters } from '../core/cut-letters.ts'
import { type NewDeadLetter } from '../core/dead-letter.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import { withTimeout } from '../core/with-timeout.ts'
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
import { cutBatch } from '../core/batch.ts'
import { laneOf, edgeLane } from '../core/lanes.ts'

/** What one run does at most. What is left goes on in the next. */
export interface DrainLimits {
  readonly events: number
  /** UTF-16 code units of text. */
  readonly length: number
  readonly ms: number
  /** Milliseconds that one call may take. */
  readonly callMs: number
  /** Partitions that are known to be unavailable: what is for them is left alone. */
  readonly unavailable?: readonly number[]
}

/** What a run of the sweep may do. */
export const usualLimits: DrainLimits = { events: 200_000, length: 200_000_000, ms: 20_000, callMs: 5_000 }

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

/** Objects that are appended together: so many, or so much text. The memory of an isolate is 128 MB. */
const roundObjects = 200
const roundLength = 4_000_000
/** Objects that are read at once: an invocation may wait for six answers (Workers limits, checked 2026-11-25). */
const parallelReads = 6
/**
 * Reads after which a run waits for a moment. The local runtime serves R2 from the process that takes requests too, which
 * get no turn as long as there is an answer to go on with.
 */
const readsInARow = 30
/** Failures in a row after which the place that objects are for is believed to be unavailable. */
const patience = 3
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
 * What is for a partition that is unavailable, or for the lane of the edge, waits and keeps nothing back that is for others.
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
  /** Objects that R2 did not give. */
  #unread = 0
  #unreadInARow = 0
  /** Failures in a row, by part. */
  readonly #failures = new Map<string, number>()
  /** Parts that are believed to be unavailable. */
  readonly #unavailable: Set<string>

  constructor(app: AppContext, limits: DrainLimits) {
    this.#app = app
    this.#limits = limits
    this.#windowMs = Math.max(300_000, app.resolved.stream.dedupMs)
    this.#ends = app.port.now() + limits.ms
    this.#unavailable = new Set(limits.unavailable?.map((partition) => partOf(partition, app.resolved.stream)))
  }

  /** Returns whether anything is left. */
  async all(): Promise<boolean> {
    let failed = false
    for (let after: string | undefined; ;) {
      const listing = listSpills(spillPrefix, this.#app, { after })
      const { refs, more } = await this.#within(listing, 'R2')
      for (const round of cutIntoRounds(refs)) {
        if (this.#isSpent()) return true
        if (!(await this.#round(round))) failed = true
      }
      after = refs.at(-1)?.key
      if (!more) return failed || this.#unread > 0
    }
  }

  #isSpent(): boolean {
    const { events, length } = this.#limits
    return this.events >= events || this.#length >= length || this.#app.port.now() >= this.#ends
  }

  /** Stores a round of objects, part by part. Returns whether all that could be read are done with. */
  async #round(refs: readonly SpillRef[]): Promise<boolean> {
    const open = refs.filter(({ part }) => !this.#unavailable.has(part))
    let all = open.length === refs.length
    for (const loaded of Map.groupBy(await this.#loadAll(open), ({ ref }) => ref.part).values())
      if (!(await this.#together(loaded))) all = false
    return all
  }

  /** Stores objects of one part at once; one by one when that fails. Returns whether all of them are done with. */
  async #together(loaded: readonly LoadedSpill[]): Promise<boolean> {
    try {
      await this.#store(loaded)
      return true
    } catch (error) {
      if (loaded.length === 1) return await this.#failed(loaded[0] as LoadedSpill, error)
      this.#app.port.log('warn', 'spilled objects are stored one by one', { reason: reasonOf(error) })
    }
    let all = true
    for (const one of loaded) {
      if (this.#unavailable.has(one.ref.part) || this.#isSpent()) return false
      try {
        await this.#store([one])
      } catch (error) {
        if (!(await this.#failed(one, error))) all = false
      }
    }
    return all
  }

  /** Reads objects; in the order of their keys, as far as they are still there. */
  async #loadAll(refs: readonly SpillRef[]): Promise<LoadedSpill[]> {
    const loaded: (LoadedSpill | undefined)[] = []
    let next = 0
    let pause = Promise.resolve()
    const readOn = async () => {
      for (let i = next++; i < refs.length; i = next++) {
        if (i % readsInARow === 0) pause = new Promise((resolve) => setTimeout(resolve, 1))
        await pause
        loaded[i] = await this.#load(refs[i] as SpillRef)
      }
    }
    await Promise.all(Array.from({ length: parallelReads }, readOn))
    return loaded.filter((one) => one !== undefined)
  }

  /** Reads an object; undefined when it is gone or was set aside. */
  async #load(ref: SpillRef): Promise<LoadedSpill | undefined> {
    try {
      const spilled = await this.#within(readSpill(ref.key, this.#app), 'R2')
      this.#unreadInARow = 0
      return spilled === null ? undefined : { ref, spilled }
    } catch (error) {
      if (error instanceof UnreadableSpill) {
        await this.#setAside(ref, error)
        return undefined
      }
      this.#unread++
      if (++this.#unreadInARow >= readPatience) throw error
      this.#app.port.log('warn', 'a spilled object was not read; it is tried again', {
        key: ref.key,
        reason: reasonOf(error),
      })
      return undefined
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
    await this.#within(this.#app.bindings.BUCKET.delete(keys), 'R2')
    for (const { ref } of loaded) this.#failures.delete(ref.part)
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

  /** Returns whether the object is done with. Gives its part up when that seems to be unavailable. */
  async #failed({ ref }: LoadedSpill, error: unknown): Promise<boolean> {
    if (error instanceof SluicewayError && error.code === 'stream_limit') {
      await this.#setAside(ref, error)
      return true
    }
    const failures = (this.#failures.get(ref.part) ?? 0) + 1
    this.#failures.set(ref.part, failures)
    if (failures >= patience) {
      this.#unavailable.add(ref.part)
      this.error = reasonOf(error)
    }
    this.#app.port.log('warn', 'a spilled object was not stored; it is tried again', {
      key: ref.key,
      reason: reasonOf(error),
    })
    return false
  }

  async #setAside({ key }: SpillRef, error: unknown): Promise<void> {
    const reason = reasonOf(error)
    await this.#within(setAside(key, reason, this.#app), 'R2')
    this.setAside.push(`${key}: ${reason}`)
    this.#app.port.log('error', 'a spilled object was set aside', { key, reason })
  }

  #within<T>(work: Promise<T>, what: string): Promise<T> {
    return withTimeout(work, this.#limits.callMs, what)
  }
}

/** Cuts a listing into what is stored together. */
function* cutIntoRounds(refs: readonly SpillRef[]): Generator<readonly SpillRef[]> {
  let round: SpillRef[] = []
  let length = 0
  for (const ref of refs) {
    if (round.length > 0 && (round.length >= roundObjects || length + ref.length > roundLength)) {
      yield round
      round = []
      length = 0
    }
    round.push(ref)
    length += ref.length
  }
  if (round.length > 0) yield round
}
