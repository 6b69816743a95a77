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
  busy: boolean
  lastOffer: number
  /** Milliseconds since the epoch until which nothing is offered. */
  quietUntil: number
  failures: number
  /** How often the lane has read by itself; an answer to an offer made before such a read is out of date. */
  reads: number
  timer: ReturnType<typeof setTimeout> | undefined
}

/**
 * Offers what was appended to the lanes of one partition: with its bytes while a lane keeps up, as a mere hint when it
 * lags (it then reads by itself). Nothing here is durable: a lost offer is made good by the sweep.
 */
export class LaneFanout {
  readonly #feeds: readonly LaneCursor[]
  readonly #bindings: Bindings
  readonly #port: Port
  readonly #head: () => number
  #recent: Chunk[] = []
  #recentBytes = 0

  /** `head` gives the offset after the newest event of the partition. */
  constructor(refs: readonly LaneRef[], bindings: Bindings, port: Port, head: () => number) {
    this.#bindings = bindings
    this.#port = port
    this.#head = head
    this.#feeds = refs.map((ref) => ({
      ref,
      next: undefined,
      committed: 0,
      busy: false,
      lastOffer: 0,
      quietUntil: 0,
      failures: 0,
      reads: 0,
      timer: undefined,
    }))
  }

  /** Takes a new chunk; `kickAll` offers it. */
  add(chunk: Chunk): void {
    this.#recent.push(chunk)
    this.#recentBytes += chunk.data.byteLength
    while (this.#recentBytes > keepBytes && this.#recent.length > 1)
      this.#recentBytes -= (this.#recent.shift() as Chunk).data.byteLength
  }

  kickAll(): void {
    for (const feed of this.#feeds) this.#kick(feed)
  }

  /** Notes that a lane has read up to `next` by itself. */
  wants(ref: LaneRef, next: number): void {
    const feed = this.#feeds.find((one) => one.ref.target === ref.target && one.ref.partition === ref.partition)
    if (feed === undefined) return
    feed.next = next
    feed.reads++
    feed.quietUntil = 0
    clearTimeout(feed.timer)
    feed.timer = undefined
    if (next < this.#head()) this.#kick(feed)
  }

  /** The offset below which no lane needs anything any more. Asks lanes that have not answered since the start. */
  async committed(): Promise<number> {
    await Promise.all(this.#feeds.map((feed) => this.#offer(feed, [])))
    return Math.min(this.#head(), ...this.#feeds.map(({ committed }) => committed))
  }

  #kick(feed: LaneCursor): void {
    if (feed.busy || feed.timer !== undefined) return
    const now = this.#port.now()
    const wait = Math.max(feed.lastOffer + gatherMs, feed.quietUntil) - now
    if (wait <= 0) void this.#send(feed)
    else
      feed.timer = setTimeout(() => {
        feed.timer = undefined
        void this.#send(feed)
      }, wait)
  }

  async #send(feed: LaneCursor): Promise<void> {
    if (feed.busy) return
    feed.busy = true
    const from = feed.next
    const head = this.#head()
    await this.#offer(feed, this.#chunksFrom(from))
    feed.busy = false
    const more = feed.next !== undefined && feed.next < this.#head() && this.#chunksFrom(feed.next).length > 0
    // A first answer tells where the lane is; an unchanged one with bytes at hand means that it will read by itself, unless
    // it has named a time.
    const later = feed.quietUntil > this.#port.now()
    if (more && (later || from === undefined || feed.next !== from || head < this.#head())) this.#kick(feed)
    else if (feed.failures > 0) this.#kick(feed)
  }

  async #offer(feed: LaneCursor, chunks: readonly Chunk[]): Promise<void> {
    const port = this.#port
    feed.lastOffer = port.now()
    const { reads } = feed
    try {
      const ack = await laneOf(this.#bindings, feed.ref).offer(feed.ref, { chunks, head: this.#head() })
      feed.committed = ack.committed
      feed.failures = 0
      if (feed.reads !== reads) return
      feed.next = ack.next
      feed.quietUntil = ack.afterSeconds === undefined ? 0 : port.now() + ack.afterSeconds * 1000
    } catch (error) {
      feed.next = undefined
      feed.failures++
      feed.quietUntil = port.now() + 200 + backoffMs(feed.failures, port.random(), { baseSeconds: 1, capSeconds: 30 })
      port.log('warn', 'a lane did not take an offer', { ...feed.ref, reason: reasonOf(error) })
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
