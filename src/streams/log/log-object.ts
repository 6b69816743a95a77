import { DurableObject } from 'cloudflare:workers'
import type { Bindings, LogRpc, LogStatus } from '../../core/bindings.ts'
import { Arrivals } from '../../storage/arrivals.ts'
import { ChunkObjects } from '../../storage/chunk-objects.ts'
import { Database } from '../../storage/database.ts'
import { frame, joinFrames, unframe } from '../../storage/frame.ts'
import { DedupWindow } from '../../storage/dedup-window.ts'
import { GroupCommit } from '../../storage/group-commit.ts'
import { Segments } from '../../storage/segments.ts'
import { rememberTimes } from './remember-times.ts'
import { LaneFanout, type NeededRange } from './lane-fanout.ts'
import { createBill } from '../../core/billed.ts'
import { realPort } from '../../platform/real-port.ts'
import type { ResolvedConfig } from '../../core/resolved-config.ts'
import type { Chunk, LaneRef } from '../../core/inbox.ts'

/** A table of the log spans one hour. */
const segmentMs = 3_600_000
/** A row's text stays below this, so that it fits a row even when it does not compress. */
const rowLength = 800_000
/** Reads hand out at most so many bytes at once, well below the 32 MiB of an RPC. */
const readBytes = 4_000_000
/** Chunks for a person to look at: the newest, or those that hold one event. */
const tailBytes = 8_000_000
/** The database is kept below this by forgetting (or moving to R2) the oldest hour early; the platform's limit is 10 GB. */
const databaseLimit = 8_000_000_000

interface Append {
  /** Text of envelopes, or frames of it. */
  readonly body: string | Uint8Array
  readonly prints: Uint32Array
  readonly count: number
  /** Of `body`. */
  readonly length: number
}

/**
 * One partition of the embedded log.
 *
 * Appends that arrive while the flush before them is becoming durable are committed together as one row. An append's
 * promise resolves after its row is written, and the output gate holds the answer until the row is durable. Layout of the
 * storage: `log_<hour>` tables (see Segments), `expired` (see ChunkObjects), and what `rememberTimes` keeps.
 */
export class LogObject extends DurableObject<Bindings> implements LogRpc {
  readonly #billed = createBill()
  readonly #db: Database
  readonly #segments: Segments
  readonly #overdue: ChunkObjects
  readonly #dedup: DedupWindow
  readonly #fanout: LaneFanout
  readonly #partition: number
  readonly #commits: GroupCommit<Append>
  readonly #arrivals: Arrivals
  readonly #retentionMs: number
  readonly #retentionBytes: number
  #duplicates = 0

  constructor(ctx: DurableObjectState, env: Bindings, resolved: ResolvedConfig) {
    super(ctx, env)
    this.#partition = Number(ctx.id.name ?? 0)
    this.#db = new Database(ctx.storage.sql, this.#billed)
    this.#segments = new Segments(this.#db, { name: 'log', spanMs: segmentMs })
    const {
      flushMs,
      retentionMs,
      retentionBytes = databaseLimit,
      dedupMs,
    } = rememberTimes(this.#db, resolved.stream.log)
    this.#retentionMs = retentionMs
    this.#retentionBytes = Math.min(retentionBytes, databaseLimit)
    this.#overdue = new ChunkObjects(this.#db, { bucket: env.BUCKET, prefix: `expired/${this.#partition}/` })
    const now = Date.now()
    this.#dedup = new DedupWindow(dedupMs, now - dedupMs)
    for (const { at, prints } of this.#segments.prints(now - dedupMs, this.#dedup.capacity))
      for (let i = 0; i < prints.length; i += 2) this.#dedup.add(prints[i] as number, prints[i + 1] as number, at)
    const lanes = { targets: [...resolved.targets.keys()], partition: this.#partition }
    this.#fanout = new LaneFanout(lanes, env, realPort, () => this.#segments.next)
    this.#arrivals = new Arrivals(() => this.#segments.next)
    this.#commits = new GroupCommit({
      flushMs,
      rowLength,
      write: (appends) => this.#fanout.add(this.#write(appends)),
      sync: () => ctx.storage.sync(),
      // What is in memory (fingerprints, offsets) no longer matches the disk: start again from there.
      failed: () => ctx.abort('an append failed'),
      durable: () => {
        this.#fanout.kickAll()
        this.#arrivals.notify()
      },
    })
  }

  async append(
    body: string | Uint8Array,
    prints: Uint32Array,
    since?: number,
  ): Promise<{ accepted: number; duplicates: number }> {
    this.#billed.calls++
    const one = this.#withoutDuplicates(body, prints, since)
    const duplicates = prints.length / 2 - one.count
    this.#duplicates += duplicates
    // A duplicate of an event that is not durable yet is answered with that event's flush.
    if (one.count === 0 && this.#commits.isEmpty) return { accepted: 0, duplicates }
    await this.#commits.add(one.count === 0 ? undefined : one)
    return { accepted: one.count, duplicates }
  }

  async read(from: number, bytes: number, lane?: LaneRef): Promise<{ chunks: Chunk[]; head: number }> {
    this.#billed.calls++
    const most = Math.min(bytes, readBytes)
    const old = from < this.#segments.first ? await this.#overdue.read(from, most) : []
    const chunks = old.length > 0 ? old : this.#segments.read(from, most)
    const last = chunks.at(-1)
    const head = this.#segments.next
    if (lane !== undefined) this.#fanout.wants(lane, last === undefined ? head : last.offset + last.count)
    return { chunks, head }
  }

  async wait(from: number, ms: number): Promise<number> {
    this.#billed.calls++
    return this.#arrivals.wait(from, ms)
  }

  async offsetAt(time: number): Promise<number> {
    this.#billed.calls++
    return this.#segments.offsetAt(time)
  }

  async tail(events: number): Promise<{ chunks: Chunk[]; head: number }> {
    this.#billed.calls++
    return { chunks: this.#segments.tail(events, tailBytes), head: this.#segments.next }
  }

  async find(print: Uint32Array): Promise<{ offset: number; chunk: Chunk }[]> {
    this.#billed.calls++
    return this.#segments.find(new Uint8Array(print.buffer, print.byteOffset, print.byteLength), tailBytes)
  }

  async sweep(orphans: readonly string[] | null = []): Promise<LogStatus> {
    this.#billed.calls++
    if (orphans !== null) await this.#retain(Date.now(), orphans)
    this.#fanout.kickAll()
    return this.#status()
  }

  async status(): Promise<LogStatus> {
    this.#billed.calls++
    return this.#status()
  }

  #status(): LogStatus {
    return {
      partition: this.#partition,
      first: this.#segments.first,
      head: this.#segments.next,
      segments: this.#segments.segments.length,
      bytes: this.ctx.storage.sql.databaseSize,
      duplicates: this.#duplicates,
      ...(this.#overdue.any ? { overdue: true as const } : {}),
      billed: { ...this.#billed },
    }
  }

  #withoutDuplicates(body: string | Uint8Array, prints: Uint32Array, since: number | undefined): Append {
    const now = Date.now()
    const total = prints.length / 2
    const older = since === undefined ? undefined : this.#storedSince(since, prints)
    const fresh: number[] = []
    for (let i = 0; i < total; i++) {
      const a = prints[i * 2] as number
      const b = prints[i * 2 + 1] as number
      const isNew = this.#dedup.add(a, b, now)
      if (isNew && older?.has(`${a}:${b}`) !== true) fresh.push(i)
    }
    if (fresh.length === total) return { body, prints, count: total, length: body.length }
    const lines = (typeof body === 'string' ? body : unframe(body)).split('\n')
    const kept = new Uint32Array(fresh.length * 2)
    let left = ''
    fresh.forEach((i, k) => {
      left += `${lines[i * 2]}\n${lines[i * 2 + 1]}\n`
      kept[k * 2] = prints[i * 2] as number
      kept[k * 2 + 1] = prints[i * 2 + 1] as number
    })
    return { body: left, prints: kept, count: fresh.length, length: left.length }
  }

  /** Which of these fingerprints the tables have since then: the set in memory may have forgotten them. */
  #storedSince(since: number, prints: Uint32Array): Set<string> {
    const halves = new Set<number>()
    for (let i = 0; i < prints.length; i += 2) halves.add(prints[i] as number)
    const found = new Set<string>()
    for (const stored of this.#segments.printsSince(since))
      for (let i = 0; i < stored.length; i += 2)
        if (halves.has(stored[i] as number)) found.add(`${stored[i]}:${stored[i + 1]}`)
    return found
  }

  #write(pending: readonly Append[]): Chunk {
    const count = pending.reduce((sum, one) => sum + one.count, 0)
    const prints = new Uint32Array(count * 2)
    let at = 0
    for (const one of pending) {
      prints.set(one.prints, at)
      at += one.prints.length
    }
    const data = joinFrames(framesOf(pending))
    return this.#segments.append({ count, prints: new Uint8Array(prints.buffer), data }, Date.now())
  }

  /** Forgets hours that are past retention; what a lane has not committed of them goes to R2 first. */
  async #retain(now: number, orphans: readonly string[]): Promise<void> {
    for (;;) {
      const segment = this.#segments.segments[0]
      if (segment === undefined || segment.ends > now) break
      if (segment.ends > now - this.#retentionMs && this.ctx.storage.sql.databaseSize <= this.#retentionBytes) break
      const needs = await this.#fanout.needs(orphans)
      for (let from = Math.max(lowestOf(needs), segment.first); from < segment.next;) {
        const chunks = this.#segments.read(from, readBytes).filter(({ offset }) => offset < segment.next)
        const last = chunks.at(-1)
        if (last === undefined) break
        const needed = chunks.filter((chunk) => isNeeded(chunk, needs))
        if (needed.length > 0) {
          await this.#overdue.put(needed)
          this.#overdue.note(needed)
        }
        from = last.offset + last.count
      }
      this.#segments.drop(segment)
    }
    if (this.#overdue.any) await this.#overdue.forget(lowestOf(await this.#fanout.needs(orphans)))
  }
}

/** The offset below which no lane needs anything. */
const lowestOf = (needs: readonly NeededRange[]): number =>
  Math.min(Infinity, ...needs.flatMap(({ from, until }) => (from < until ? [from] : [])))

const isNeeded = ({ offset, count }: Chunk, needs: readonly NeededRange[]): boolean =>
  needs.some(({ from, until }) => offset + count > from && offset < until)

/** Frames of appends in their order; texts that follow each other share one. */
function framesOf(pending: readonly Append[]): Uint8Array[] {
  const frames: Uint8Array[] = []
  let texts: string[] = []
  for (const { body } of pending) {
    if (typeof body === 'string') {
      texts.push(body)
      continue
    }
    if (texts.length > 0) frames.push(frame(texts.join('')))
    texts = []
    frames.push(body)
  }
  if (texts.length > 0) frames.push(frame(texts.join('')))
  return frames
}
