import { DurableObject } from 'cloudflare:workers'
import { createBill } from '../core/billed.ts'
import type { Bindings } from '../core/bindings.ts'
import type { Chunk } from '../core/inbox.ts'
import type { ReadableLog } from '../core/stream.ts'
import type { RecordTimes, TopicRpc, TopicStatus } from '../core/topic.ts'
import { Arrivals } from '../storage/arrivals.ts'
import { Database } from '../storage/database.ts'
import { frame } from '../storage/frame.ts'
import { GroupCommit } from '../storage/group-commit.ts'
import { type Segment, Segments } from '../storage/segments.ts'
import { keptRetention, type Retention } from './kept-retention.ts'
import { TopicTimes } from './topic-times.ts'

/** A table spans one hour: retention forgets whole hours. */
const segmentMs = 3_600_000
/** A row's text stays below this, so that it fits a row even when it does not compress. */
const rowLength = 800_000
/** Milliseconds between two commits under load. */
const flushMs = 20
/** Reads hand out at most so many bytes at once, well below the 32 MiB of an RPC. */
const readBytes = 4_000_000
/** The database is kept below this by forgetting the oldest hour early; the platform's limit is 10 GB. */
const databaseBytes = 8_000_000_000

interface Produced {
  readonly lines: string
  readonly count: number
  readonly length: number
  readonly times: RecordTimes | undefined
  /** Set by the write. */
  offset: number
  at: number
}

/**
 * One partition of a topic that others produce to. Records are kept as frames of lines (see `TopicRecord`), in tables
 * `topic_<hour>` (see Segments); see also TopicTimes and `keptRetention`.
 */
export class TopicObject extends DurableObject<Bindings> implements TopicRpc {
  readonly #billed = createBill()
  readonly #name: string
  readonly #partition: number
  readonly #retention: Retention
  readonly #segments: Segments
  readonly #times: TopicTimes
  readonly #arrivals: Arrivals
  readonly #commits: GroupCommit<Produced>

  /** Objects are named `<topic>:<partition>`. */
  constructor(ctx: DurableObjectState, env: Bindings, log: ReadableLog | undefined) {
    super(ctx, env)
    const name = ctx.id.name ?? ''
    this.#name = name.slice(0, name.lastIndexOf(':'))
    this.#partition = Number(name.slice(name.lastIndexOf(':') + 1))
    const db = new Database(ctx.storage.sql, this.#billed)
    this.#retention = keptRetention(db, this.#name, log)
    this.#segments = new Segments(db, { name: 'topic', spanMs: segmentMs })
    this.#times = new TopicTimes(db, this.#segments)
    this.#arrivals = new Arrivals(() => this.#segments.next)
    this.#commits = new GroupCommit({
      flushMs,
      rowLength,
      write: (produced) => this.#write(produced),
      sync: () => ctx.storage.sync(),
      failed: () => ctx.abort('an append failed'),
      durable: () => this.#arrivals.notify(),
    })
  }

  async append(lines: string, count: number, times?: RecordTimes): Promise<{ offset: number; at: number }> {
    this.#billed.calls++
    // Whatever becomes of the config, the catalog knows that there is something here.
    if (this.#segments.segments.length === 0)
      await this.env.CATALOG.getByName('all').holdTopic(this.#name, this.#partition + 1)
    const produced: Produced = { lines, count, length: lines.length, times, offset: 0, at: 0 }
    await this.#commits.add(produced)
    return { offset: produced.offset, at: produced.at }
  }

  async read(from: number, bytes: number): Promise<{ chunks: Chunk[]; head: number }> {
    this.#billed.calls++
    return { chunks: this.#segments.read(from, Math.min(bytes, readBytes)), head: this.#segments.next }
  }

  async wait(from: number, ms: number): Promise<number> {
    this.#billed.calls++
    return this.#arrivals.wait(from, ms)
  }

  async offsetAt(time: number): Promise<number> {
    this.#billed.calls++
    return time === 0 ? this.#segments.first : this.#times.offsetAt(time)
  }

  async sweep(): Promise<TopicStatus> {
    await this.#retain()
    return this.status()
  }

  async status(): Promise<TopicStatus> {
    this.#billed.calls++
    return {
      topic: this.#name,
      partition: this.#partition,
      first: this.#segments.first,
      head: this.#segments.next,
      bytes: this.ctx.storage.sql.databaseSize,
      billed: { ...this.#billed },
    }
  }

  async clear(): Promise<void> {
    this.#billed.calls++
    for (const segment of this.#segments.segments) this.#drop(segment)
  }

  /** Retention goes on after the topic has left the config, when no sweep calls any more. */
  override async alarm(): Promise<void> {
    await this.#retain()
  }

  #write(produced: readonly Produced[]): void {
    const now = Date.now()
    const isFirst = this.#segments.segments.length === 0
    const newest = newestOf(produced, now)
    const chunk = this.#segments.append(
      {
        count: produced.reduce((sum, { count }) => sum + count, 0),
        prints: TopicTimes.printOf(newest),
        data: frame(produced.map(({ lines }) => lines).join('')),
      },
      now,
    )
    if (newest !== undefined) this.#times.note(newest)
    let { offset } = chunk
    for (const one of produced) {
      one.offset = offset
      one.at = now
      offset += one.count
    }
    if (isFirst) this.ctx.waitUntil(this.#setAlarm())
  }

  async #retain(): Promise<void> {
    const now = Date.now()
    const { retentionMs, retentionBytes = databaseBytes } = this.#retention
    for (;;) {
      const segment = this.#segments.segments[0]
      if (segment === undefined || segment.ends > now) break
      const isTooMuch = this.ctx.storage.sql.databaseSize > Math.min(retentionBytes, databaseBytes)
      if (segment.ends > now - retentionMs && !isTooMuch) break
      this.#drop(segment)
    }
    await this.#setAlarm()
  }

  #drop(segment: Segment): void {
    this.#segments.drop(segment)
    this.#times.drop(segment)
  }

  async #setAlarm(): Promise<void> {
    const oldest = this.#segments.segments[0]
    if (oldest === undefined || (await this.ctx.storage.getAlarm()) !== null) return
    this.#billed.alarms++
    await this.ctx.storage.setAlarm(Math.max(oldest.ends + this.#retention.retentionMs, Date.now() + segmentMs))
  }
}

/** The latest time of the records of a row; undefined where all have the time of the append. */
function newestOf(produced: readonly Produced[], now: number): number | undefined {
  if (produced.every(({ times }) => times === undefined)) return undefined
  return Math.max(
    ...produced.map(({ times }) =>
      times === undefined || times.isMixed ? Math.max(now, times?.newest ?? 0) : times.newest,
    ),
  )
}
