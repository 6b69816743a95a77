import { type Bindings } from '../../core/bindings.ts'
import { reasonOf } from '../../core/errors.ts'
import type { Port } from '../../core/port.ts'
import { backoffMs } from '../../core/retry.ts'
import { laneOf } from '../../core/lanes.ts'
import type { Chunk, LaneRef } from '../../core/inbox.ts'

/** Bytes of frames kept in memory for lanes that keep up. */
const keepBytes = 8_000_000
/** Bytes of frames in one offer. */
const offerBytes = 2_000_000
/** Milliseconds between two offers to one lane under load; an idle lane is offered at once. */
const gatherMs = 50

interface LaneCursor {
  readonly ref: LaneRef
  /** The offset that the lane wants next; unknown until its first answer. */
  next: number | undefined
  committed: number
  /** The offset from which on it needs nothing. */
  until: number
  busy: boolean
  lastOffer: number
  /** Milliseconds since the epoch until which nothing is offered. */
  quietUntil: number
  failures: number
  /** How often the lane has read by itself; an answer to an offer made before such a read is out of date. */
  reads: number
  timer: ReturnType<typeof setTimeout> | undefined
}

/** Offsets, the first and the one after the last, of which a lane still needs some. */
export interface NeededRange {
  readonly from: number
  readonly until: number
}

/** The targets that the config has, and the partition. */
interface LanesOfPartition {
  readonly targets: readonly string[]
  readonly partition: number
}

const cursorOf = (ref: LaneRef): LaneCursor => ({
  ref,
  next: undefined,
  committed: 0,
  until: Number.POSITIVE_INFINITY,
  busy: false,
  lastOffer: 0,
  quietUntil: 0,
  failures: 0,
  reads: 0,
  timer: undefined,
})

/**
 * Offers what was appended to the lanes of one partition: with its bytes while a lane keeps up, as a mere hint when it
 * lags (it then reads by itself). Nothing here is durable: a lost offer is made good by the sweep.
 */
export class LaneFanout {
  readonly #cursors: readonly LaneCursor[]
  readonly #bindings: Bindings
  readonly #port: Port
  readonly #head: () => number
  readonly #partition: number
  #recent: Chunk[] = []
  #recentBytes = 0

  /** `head` gives the offset after the newest event of the partition. */
  constructor({ targets, partition }: LanesOfPartition, bindings: Bindings, port: Port, head: () => number) {
    this.#bindings = bindings
    this.#port = port
    this.#head = head
    this.#partition = partition
    this.#cursors = targets.map((target) => cursorOf({ target, partition }))
  }

  /** Takes a new chunk; `kickAll` offers it. */
  add(chunk: Chunk): void {
    this.#recent.push(chunk)
    this.#recentBytes += chunk.data.byteLength
    while (this.#recentBytes > keepBytes && this.#recent.length > 1)
      this.#recentBytes -= (this.#recent.shift() as Chunk).data.byteLength
  }

  kickAll(): void {
    for (const cursor of this.#cursors) this.#kick(cursor)
  }

  /** Notes that a lane has read up to `next` by itself. */
  wants(ref: LaneRef, next: number): void {
    const cursor = this.#cursors.find((one) => one.ref.target === ref.target && one.ref.partition === ref.partition)
    if (cursor === undefined) return
    cursor.next = next
    cursor.reads++
    cursor.quietUntil = 0
    clearTimeout(cursor.timer)
    cursor.timer = undefined
    if (next < this.#head()) this.#kick(cursor)
  }

  /**
   * Asks all lanes what they still need, also those of targets that are gone from the config.
   *
   * @param orphans names of these targets
   * @returns a range of offsets for each lane
   */
  async needs(orphans: readonly string[]): Promise<NeededRange[]> {
    const partition = this.#partition
    const gone = orphans.map((target) => cursorOf({ target, partition }))
    const cursors = [...this.#cursors, ...gone]
    await Promise.all(cursors.map((cursor) => this.#offer(cursor, [])))
    return cursors.map(({ committed, until }) => ({ from: committed, until }))
  }

  #kick(cursor: LaneCursor): void {
    if (cursor.busy || cursor.timer !== undefined) return
    const now = this.#port.now()
    const wait = Math.max(cursor.lastOffer + gatherMs, cursor.quietUntil) - now
    if (wait <= 0) void this.#send(cursor)
    else
      cursor.timer = setTimeout(() => {
        cursor.timer = undefined
        void this.#send(cursor)
      }, wait)
  }

  async #send(cursor: LaneCursor): Promise<void> {
    if (cursor.busy) return
    cursor.busy = true
    const from = cursor.next
    const head = this.#head()
    await this.#offer(cursor, this.#chunksFrom(from))
    cursor.busy = false
    const more = cursor.next !== undefined && cursor.next < this.#head() && this.#chunksFrom(cursor.next).length > 0
    // A first answer tells where the lane is; an unchanged one with bytes at hand means that it will read by itself, unless
    // it has named a time.
    const later = cursor.quietUntil > this.#port.now()
    if (more && (later || from === undefined || cursor.next !== from || head < this.#head())) this.#kick(cursor)
    else if (cursor.failures > 0) this.#kick(cursor)
  }

  async #offer(cursor: LaneCursor, chunks: readonly Chunk[]): Promise<void> {
    const port = this.#port
    cursor.lastOffer = port.now()
    const { reads } = cursor
    try {
      const ack = await laneOf(this.#bindings, cursor.ref).offer(cursor.ref, { chunks, head: this.#head() })
      cursor.committed = ack.committed
      cursor.until = ack.until ?? Number.POSITIVE_INFINITY
      cursor.failures = 0
      if (cursor.reads !== reads) return
      cursor.next = ack.next
      cursor.quietUntil = ack.afterSeconds === undefined ? 0 : port.now() + ack.afterSeconds * 1000
    } catch (error) {
      cursor.next = undefined
      cursor.failures++
      cursor.quietUntil =
        port.now() + 200 + backoffMs(cursor.failures, port.random(), { baseSeconds: 1, capSeconds: 30 })
      port.log('warn', 'a lane did not take an offer', { ...cursor.ref, reason: reasonOf(error) })
    }
  }

  /** Chunks in memory that start exactly at `from`, or none. */
  #chunksFrom(from: number | undefined): Chunk[] {
    if (from === undefined) return []
    const start = this.#recent.findIndex(({ offset }) => offset === from)
    if (start < 0) return []
    const chunks: Chunk[] = []
    let bytes = 0
    for (const chunk of this.#recent.slice(start)) {
      if (bytes > 0 && bytes + chunk.data.byteLength > offerBytes) break
      chunks.push(chunk)
      bytes += chunk.data.byteLength
    }
    return chunks
  }
}
