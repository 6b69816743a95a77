import type { Database } from './database.ts'
import type { Chunk } from '../core/inbox.ts'

/** What `append` takes: the events of one row. */
export interface Flush {
  /** Events. */
  readonly count: number
  /** Their fingerprints, 8 bytes each. */
  readonly prints: Uint8Array
  /** Frames; at most 2 MB, the limit of a row. */
  readonly data: Uint8Array
}

/** One table of the log: everything that was appended within one span of time. */
export interface Segment {
  readonly number: number
  /** Offset of its first event. */
  readonly first: number
  /** Offset after its last event. */
  readonly next: number
  /** Milliseconds since the epoch at which it ends. */
  readonly ends: number
}

interface SegmentRow {
  offset: number
  count: number
  at: number
  data: ArrayBuffer
}

/** The most bytes that Durable Objects keep in one row; not enforced locally. */
const rowLimit = 2_000_000
/** Rows whose fingerprints are read at once; those of one have up to some hundred KB. */
const pageRows = 64

/**
 * A log in SQL: dense offsets, one row per flush, one table per span of time, retention by dropping tables.
 *
 * Tables are `<name>_<n>` with n = start ÷ span; `<name>_floor` keeps the next offset when all tables are gone. The key is a
 * plain INTEGER PRIMARY KEY and there is no index: an append writes one billed row. Layout version 1.
 */
export class Segments {
  readonly #db: Database
  readonly #name: string
  readonly #spanMs: number
  #segments: Segment[] = []
  #next = 0

  constructor(db: Database, options: { readonly name: string; readonly spanMs: number }) {
    this.#db = db
    this.#name = options.name
    this.#spanMs = options.spanMs
    db.run(`CREATE TABLE IF NOT EXISTS ${this.#name}_floor (id INTEGER PRIMARY KEY, next INTEGER NOT NULL)`)
    this.#next = db.first<{ next: number }>(`SELECT next FROM ${this.#name}_floor WHERE id = 0`)?.next ?? 0
    const tables = db.all<{ name: string }>(
      `SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB '${this.#name}_[0-9]*'`,
    )
    const numbers = tables.map(({ name }) => Number(name.slice(this.#name.length + 1))).toSorted((a, b) => a - b)
    for (const number of numbers) {
      const table = `${this.#name}_${number}`
      const first = db.first<{ offset: number }>(`SELECT offset FROM ${table} ORDER BY offset LIMIT 1`)
      const last = db.first<{ offset: number; count: number }>(
        `SELECT offset, count FROM ${table} ORDER BY offset DESC LIMIT 1`,
      )
      const next = last === undefined ? this.#next : last.offset + last.count
      this.#segments.push({ number, first: first?.offset ?? next, next, ends: (number + 1) * this.#spanMs })
      this.#next = Math.max(this.#next, next)
    }
  }

  /** Offset of the oldest event that is still here. */
  get first(): number {
    return this.#segments[0]?.first ?? this.#next
  }

  /** Offset that the next event will get. */
  get next(): number {
    return this.#next
  }

  get segments(): readonly Segment[] {
    return this.#segments
  }

  /** Adds one row; returns it as a chunk. */
  append(flush: Flush, at: number): Chunk {
    if (flush.data.byteLength > rowLimit) throw new RangeError(`a row holds at most ${rowLimit} bytes`)
    const number = Math.max(Math.floor(at / this.#spanMs), this.#segments.at(-1)?.number ?? 0)
    let segment = this.#segments.at(-1)
    if (segment?.number !== number) {
      this.#db.run(
        `CREATE TABLE ${this.#name}_${number} (offset INTEGER PRIMARY KEY, count INTEGER NOT NULL, at INTEGER NOT NULL, prints BLOB NOT NULL, data BLOB NOT NULL)`,
      )
      segment = { number, first: this.#next, next: this.#next, ends: (number + 1) * this.#spanMs }
      this.#segments.push(segment)
    }
    const offset = this.#next
    this.#db.run(
      `INSERT INTO ${this.#name}_${number} (offset, count, at, prints, data) VALUES (?, ?, ?, ?, ?)`,
      offset,
      flush.count,
      at,
      flush.prints,
      flush.data,
    )
    this.#next = offset + flush.count
    this.#segments[this.#segments.length - 1] = { ...segment, next: this.#next }
    return { offset, count: flush.count, at, data: flush.data }
  }

  /** Reads rows from the one that holds `from` on: at least one if there is any, at most about `bytes`. */
  read(from: number, bytes: number): Chunk[] {
    const chunks: Chunk[] = []
    let left = bytes
    for (const segment of this.#segments) {
      if (segment.next <= from) continue
      // The row that holds `from` may start before it; rows are dense, so it is the last one at or below.
      let offset = this.#rowAt(segment.number, from) ?? segment.first
      while (left > 0 && offset < segment.next) {
        const row = this.#db.first<SegmentRow>(
          `SELECT offset, count, at, data FROM ${this.#name}_${segment.number} WHERE offset >= ? ORDER BY offset LIMIT 1`,
          offset,
        )
        if (row === undefined) break
        chunks.push(toChunk(row))
        left -= row.data.byteLength
        offset = row.offset + row.count
      }
      if (left <= 0) break
    }
    return chunks
  }

  /** Bytes of the frames in rows that begin at `from` or behind it, and before `to`. */
  bytesBetween(from: number, to: number): number {
    let bytes = 0
    for (const { number, first, next } of this.#segments)
      if (first < to && from < next)
        bytes +=
          this.#db.first<{ bytes: number | null }>(
            `SELECT sum(length(data)) AS bytes FROM ${this.#name}_${number} WHERE offset >= ? AND offset < ?`,
            from,
            to,
          )?.bytes ?? 0
    return bytes
  }

  /** Takes the frames out of rows that begin at `from` or behind it, and before `to`: a mark is left, which is no frame. */
  blank(from: number, to: number): void {
    for (const { number, first, next } of this.#segments)
      if (first < to && from < next)
        this.#db.run(`UPDATE ${this.#name}_${number} SET data = x'00' WHERE offset >= ? AND offset < ?`, from, to)
  }

  /** The newest rows with at least `events` events, or with about `bytes` bytes, oldest first. */
  tail(events: number, bytes: number): Chunk[] {
    const chunks: Chunk[] = []
    for (const segment of this.#segments.toReversed()) {
      for (let before = segment.next; events > 0 && bytes > 0;) {
        const row = this.#db.first<SegmentRow>(
          `SELECT offset, count, at, data FROM ${this.#name}_${segment.number} WHERE offset < ? ORDER BY offset DESC LIMIT 1`,
          before,
        )
        if (row === undefined) break
        chunks.unshift(toChunk(row))
        events -= row.count
        bytes -= row.data.byteLength
        before = row.offset
      }
    }
    return chunks
  }

  /**
   * The rows that hold an event with this fingerprint, with the event's offset; the oldest ones, up to about `bytes` bytes.
   * Reads every row's fingerprints.
   */
  find(print: Uint8Array, bytes: number): { readonly chunk: Chunk; readonly offset: number }[] {
    const found: { chunk: Chunk; offset: number }[] = []
    for (const { number } of this.#segments) {
      const rows = this.#db.all<{ offset: number; prints: ArrayBuffer }>(
        `SELECT offset, prints FROM ${this.#name}_${number} WHERE instr(prints, ?) > 0 ORDER BY offset`,
        print,
      )
      for (const { offset, prints } of rows) {
        const place = placeOf(new Uint8Array(prints), print)
        if (place < 0 || bytes <= 0) continue
        const row = this.#db.first<SegmentRow>(
          `SELECT offset, count, at, data FROM ${this.#name}_${number} WHERE offset = ?`,
          offset,
        )
        if (row === undefined) continue
        bytes -= row.data.byteLength
        found.push({ chunk: toChunk(row), offset: offset + place })
      }
    }
    return found
  }

  /**
   * Fingerprints of the events since `since` (milliseconds), oldest rows first: of the newest rows, with about `events` events.
   * A few rows are read at a time: all rows of a day would not fit into memory.
   */
  *prints(since: number, events: number): Generator<{ readonly at: number; readonly prints: Uint32Array }> {
    for (const { number, from } of this.#newest(since, events)) {
      for (let offset = from; ;) {
        const rows = this.#db.all<{ offset: number; at: number; prints: ArrayBuffer }>(
          `SELECT offset, at, prints FROM ${this.#name}_${number} WHERE offset >= ? AND at >= ? ORDER BY offset LIMIT ${pageRows}`,
          offset,
          since,
        )
        for (const { at, prints } of rows) yield { at, prints: new Uint32Array(prints) }
        const last = rows.at(-1)
        if (last === undefined || rows.length < pageRows) break
        offset = last.offset + 1
      }
    }
  }

  /** From which offset on the tables hold the newest `events` events since `since`, oldest table first. */
  #newest(since: number, events: number): { readonly number: number; readonly from: number }[] {
    const found: { number: number; from: number }[] = []
    let left = events
    for (const { number, first, next, ends } of this.#segments.toReversed()) {
      if (left <= 0 || ends <= since) break
      // Offsets are dense: they count events.
      const from = Math.max(first, next - left)
      found.unshift({ number, from: this.#rowAt(number, from) ?? first })
      left -= next - from
    }
    return found
  }

  /** As `prints`, without a bound, row by row: what is asked for may be days of them. */
  *printsSince(since: number): Generator<Uint32Array> {
    for (const segment of this.#segments) {
      if (segment.ends <= since) continue
      for (let from = segment.first; ;) {
        const rows = this.#db.all<{ offset: number; prints: ArrayBuffer }>(
          `SELECT offset, prints FROM ${this.#name}_${segment.number} WHERE offset >= ? AND at >= ? ORDER BY offset LIMIT ${pageRows}`,
          from,
          since,
        )
        for (const { prints } of rows) yield new Uint32Array(prints)
        const last = rows.at(-1)
        if (last === undefined || rows.length < pageRows) break
        from = last.offset + 1
      }
    }
  }

  /** When the row that holds `offset` became durable, in milliseconds; undefined when it is not here. */
  timeOf(offset: number): number | undefined {
    const segment = this.#segments.find(({ first, next }) => first <= offset && offset < next)
    return segment === undefined
      ? undefined
      : this.#db.first<{ at: number }>(
          `SELECT at FROM ${this.#name}_${segment.number} WHERE offset <= ? ORDER BY offset DESC LIMIT 1`,
          offset,
        )?.at
  }

  /** The offset of the first event that was appended at `time` (milliseconds) or later; the head when there is none. */
  offsetAt(time: number): number {
    for (const segment of this.#segments) {
      const offset = this.offsetIn(segment, time)
      if (offset < segment.next) return offset
    }
    return this.#next
  }

  /** As `offsetAt` for one segment; the offset after it when there is none in it. */
  offsetIn({ number, first, next }: Segment, time: number): number {
    // Offsets follow time, and time has no index: the first row that is late enough lies between two offsets.
    let low = first
    let high = next
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const row = this.#db.first<{ offset: number; count: number; at: number }>(
        `SELECT offset, count, at FROM ${this.#name}_${number} WHERE offset <= ? ORDER BY offset DESC LIMIT 1`,
        middle,
      )
      if (row === undefined || row.at < time) low = row === undefined ? middle + 1 : row.offset + row.count
      else high = row.offset
    }
    return low
  }

  /** Forgets a segment. The newest one is forgotten only once it has ended. */
  drop(segment: Segment): void {
    this.#db.run(`INSERT OR REPLACE INTO ${this.#name}_floor (id, next) VALUES (0, ?)`, this.#next)
    this.#db.run(`DROP TABLE ${this.#name}_${segment.number}`)
    this.#segments = this.#segments.filter(({ number }) => number !== segment.number)
  }

  #rowAt(segment: number, offset: number): number | undefined {
    return this.#db.first<{ offset: number }>(
      `SELECT offset FROM ${this.#name}_${segment} WHERE offset <= ? ORDER BY offset DESC LIMIT 1`,
      offset,
    )?.offset
  }
}

const toChunk = (row: SegmentRow): Chunk => ({
  offset: row.offset,
  count: row.count,
  at: row.at,
  data: new Uint8Array(row.data),
})

function placeOf(prints: Uint8Array, print: Uint8Array): number {
  for (let offset = 0; offset < prints.length; offset += 8)
    if (print.every((byte, i) => prints[offset + i] === byte)) return offset / 8
  return -1
}
