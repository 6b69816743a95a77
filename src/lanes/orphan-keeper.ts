import type { LaneState } from '../core/bindings.ts'
import type { Chunk, LaneRef } from '../core/inbox.ts'
import type { Port } from '../core/port.ts'
import { ChunkUnpacker } from './chunk-unpacker.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { LaneConsumer } from './lane-consumer.ts'
import type { LaneStore } from './lane-store.ts'

/** Days that events wait for a target which is gone from the config. */
export const orphanDays = 14
const dayMs = 86_400_000
/** Milliseconds for which isolates of an earlier config may still accept events for it. */
const settlesMs = 600_000

/** What is stored of an orphaned lane, as `orphaned` in `meta`. */
interface Mark {
  /** Milliseconds since the epoch at which the target was found to be gone. */
  readonly since: number
  /** Offset from which on the stream has nothing for it, once that is certain (`isSettled`). */
  readonly head: number
  readonly isSettled: boolean
  /** True once it was logged. */
  readonly told: boolean
}

interface OrphanKeeperOptions {
  readonly ref: LaneRef
  readonly store: LaneStore
  readonly letters: DeadLetters
  readonly port: Port
}

/**
 * Keeps what a target that is gone from the config has not got, for 14 days: everything stays where it is, and goes on from
 * there when the target is back under its name.
 *
 * It reads on in the stream as far as nothing is for its target, so that it knows whether anything waits, and stops at the first
 * event that is. After 14 days it passes over what waited, and counts it.
 */
export class OrphanKeeper implements LaneConsumer {
  readonly #options: OrphanKeeperOptions
  /** Offsets at or above the stored cursor that have a row or are dead. */
  readonly #settled: Set<number>
  #mark: Mark | undefined
  /** Milliseconds since the epoch at which the event at `position` became durable; undefined while nothing waits there. */
  #heldAt: number | undefined
  #dropped = 0
  readonly isBusy = false
  readonly state: LaneState = 'orphaned'
  /** It sends nothing, so that nothing fails. */
  readonly since = undefined
  readonly lastError = undefined
  position: number

  constructor(options: OrphanKeeperOptions) {
    this.#options = options
    const { store, letters } = options
    this.position = store.cursor
    this.#settled = letters.offsetsFrom(store.cursor)
    for (const place of store.waiting.origins(store.cursor)) this.#settled.add(place)
    const stored = store.get('orphaned')
    this.#mark = stored === undefined ? undefined : (JSON.parse(stored) as Mark)
  }

  get committed(): number {
    return this.position
  }

  get hasCapacity(): boolean {
    return this.#heldAt === undefined && (this.until === undefined || this.position < this.until)
  }

  /** When the target was found to be gone, milliseconds since the epoch; undefined until the first look. */
  get goneSince(): number | undefined {
    return this.#mark?.since
  }

  /** The offset from which on the stream need not keep anything for it; undefined while that is not certain. */
  get until(): number | undefined {
    return this.#mark?.isSettled === true ? this.#mark.head : undefined
  }

  get waiting(): number {
    return this.#options.store.waiting.count
  }

  get oldest(): number | undefined {
    const row = this.#options.store.waiting.oldest()
    return row === undefined || this.#heldAt === undefined ? (row ?? this.#heldAt) : Math.min(row, this.#heldAt)
  }

  get reason(): string {
    const { ref } = this.#options
    const ends = this.#mark === undefined ? undefined : new Date(this.#endsAt(this.#mark)).toISOString()
    return `"${ref.target}" is no longer in the config: put it back under this name to deliver what waits; it is kept ${
      ends === undefined ? `for ${orphanDays} days` : `until ${ends}`
    }`
  }

  /** Events of the stream that wait, at most: others may be among them. `head` is the offset after the newest event. */
  unread(head: number): number {
    return this.#heldAt === undefined ? 0 : Math.max(1, Math.min(head, this.#mark?.head ?? head) - this.position)
  }

  take(chunk: Chunk): void {
    const { target } = this.#options.ref
    // It may stop inside a frame, and then is given all of the chunk again: a new unpacker has passed over none of it.
    for (const { offset: first, envelopes } of new ChunkUnpacker().framesOf(chunk)) {
      for (const [i, { header }] of envelopes.entries()) {
        const offset = first + i
        if (offset < this.position || !header.to.includes(target) || this.#settled.has(offset)) continue
        if (this.#isOver) this.#dropped++
        else {
          this.position = offset
          this.#heldAt = chunk.at
          return
        }
      }
      this.position = Math.max(this.position, first + envelopes.length)
    }
    this.position = Math.max(this.position, chunk.offset + chunk.count)
  }

  /**
   * Notes that the target is gone, says it once when something waits, and gives up after 14 days. Called by the sweep.
   *
   * @param head the offset after the newest event of the stream
   * @param staged staging files that wait for the target
   */
  look(head: number, staged: number): void {
    const { letters, port, ref } = this.#options
    const now = port.now()
    const mark = this.#mark ?? { since: now, head, isSettled: false, told: false }
    const events = this.unread(head) + this.waiting
    const tells = !mark.told && events + letters.count + staged > 0
    const until = new Date(this.#endsAt(mark)).toISOString()
    if (tells)
      port.log('warn', 'a target is no longer in the config; what waits for it is kept', {
        ...ref,
        at: new Date(now).toISOString(),
        events,
        deadLetters: letters.count,
        stagedFiles: staged,
        until,
      })
    this.#keep({
      since: mark.since,
      head: mark.isSettled ? mark.head : head,
      isSettled: mark.isSettled || now - mark.since >= settlesMs,
      told: mark.told || tells,
    })
    if (this.#isOver) this.#giveUp()
  }

  // Nothing is sent while the target is gone.
  pump(): void {}
  resume(): void {}
  due(): undefined {
    return undefined
  }

  get #isOver(): boolean {
    return this.#mark !== undefined && this.#options.port.now() >= this.#endsAt(this.#mark)
  }

  #endsAt({ since }: Mark): number {
    return since + orphanDays * dayMs
  }

  #keep(mark: Mark): void {
    const text = JSON.stringify(mark)
    if (text === JSON.stringify(this.#mark)) return
    this.#mark = mark
    this.#options.store.set('orphaned', text)
  }

  #giveUp(): void {
    const { store, port, ref } = this.#options
    this.#heldAt = undefined
    const dropped = this.#dropped + store.dropWaiting()
    this.#dropped = 0
    if (dropped === 0) return
    store.count('dropped: the target is no longer in the config', dropped)
    port.log('error', 'events were dropped: their target was not in the config for 14 days', {
      ...ref,
      events: dropped,
    })
  }
}

/**
 * Notes that a target is in the config again, if it was gone.
 *
 * @param store of its lane
 * @param ref names the lane in what is logged
 * @param port where that is logged
 */
export function endOrphanage(store: LaneStore, ref: LaneRef, port: Port): void {
  if (store.get('orphaned') === undefined) return
  store.set('orphaned', undefined)
  port.log('info', 'a target is in the config again; its lane goes on where it was', { ...ref })
}
