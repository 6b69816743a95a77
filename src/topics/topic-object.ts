import { DurableObject } from 'cloudflare:workers'
import { createBill } from '../core/billed.ts'
import type { Bindings } from '../core/bindings.ts'
import type { Chunk } from '../core/inbox.ts'
import type { ReadableLog } from '../core/stream.ts'
import type { Topic, TopicRpc, TopicStatus } from '../core/topic.ts'
import { Arrivals } from '../storage/arrivals.ts'
import { Database } from '../storage/database.ts'
import { frame } from '../storage/frame.ts'
import { GroupCommit } from '../storage/group-commit.ts'
import { Segments } from '../storage/segments.ts'

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

/** Of a topic that is not in the config any more: its records go when their time is over. */
const orphaned = { retentionMs: 7 * 86_400_000 }

interface Produced {
  readonly lines: string
  readonly count: number
  readonly length: number
  /** Set by the write. */
  offset: number
  at: number
}

/**
 * One partition of a topic that others produce to. Records are kept as frames of lines (see `TopicRecord`), in tables
 * `topic_<hour>` (see Segments).
 */
export class TopicObject extends DurableObject<Bindings> implements TopicRpc {
  readonly #billed = createBill()
  readonly #name: string
  readonly #partition: number
  readonly #retention: Pick<Topic, 'retentionMs' | 'retentionBytes'>
  readonly #segments: Segments
  readonly #arrivals: Arrivals
  readonly #commits: GroupCommit<Produced>

  /** Objects are named `<topic>:<partition>`. */
  constructor(ctx: DurableObjectState, env: Bindings, log: ReadableLog | undefined) {
    super(ctx, env)
    const name = ctx.id.name ?? ''
    this.#name = name.slice(0, name.lastIndexOf(':'))
    this.#partition = Number(name.slice(name.lastIndexOf(':') + 1))
    this.#retention = log?.topics.get(this.#name) ?? log?.newTopics ?? orphaned
    this.#segments = new Segments(new Database(ctx.storage.sql, this.#billed), { name: 'topic', spanMs: segmentMs })
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

  async append(lines: string, count: number): Promise<{ offset: number; at: number }> {
    this.#billed.calls++
    const produced: Produced = { lines, count, length: lines.length, offset: 0, at: 0 }
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
    return this.#segments.offsetAt(time)
  }

  async sweep(): Promise<TopicStatus> {
    this.#billed.calls++
    await this.#retain()
    return {
      topic: this.#name,
      partition: this.#partition,
      first: this.#segments.first,
      head: this.#segments.next,
      bytes: this.ctx.storage.sql.databaseSize,
      billed: { ...this.#billed },
    }
  }

  /** Retention goes on after the topic has left the config, when no sweep calls any more. */
  override async alarm(): Promise<void> {
    await this.#retain()
  }

  #write(produced: readonly Produced[]): void {
    const now = Date.now()
    const isFirst = this.#segments.segments.length === 0
    const chunk = this.#segments.append(
      {
        count: produced.reduce((sum, { count }) => sum + count, 0),
        prints: new Uint8Array(0),
        data: frame(produced.map(({ lines }) => lines).join('')),
      },
      now,
    )
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
    const { retentionMs, retentionBytes } = this.#retention
    for (;;) {
      const segment = this.#segments.segments[0]
      if (segment === undefined || segment.ends > now) break
      const isTooMuch =
        this.ctx.storage.sql.databaseSize > databaseBytes ||
        (retentionBytes !== undefined && this.#segments.bytes() > retentionBytes)
      if (segment.ends > now - retentionMs && !isTooMuch) break
      this.#segments.drop(segment)
    }
    await this.#setAlarm()
  }

  async #setAlarm(): Promise<void> {
    const oldest = this.#segments.segments[0]
    if (oldest === undefined || (await this.ctx.storage.getAlarm()) !== null) return
    this.#billed.alarms++
    await this.ctx.storage.setAlarm(Math.max(oldest.ends + this.#retention.retentionMs, Date.now() + segmentMs))
  }
}
