import { type Envelope, unpack } from '../core/envelope.ts'
import type { Chunk } from '../core/inbox.ts'
import type { Database } from '../storage/database.ts'
import { DedupWindow } from '../storage/dedup-window.ts'
import { fingerprint, fingerprintOf } from '../storage/fingerprint.ts'
import { frame } from '../storage/frame.ts'
import { Segments } from '../storage/segments.ts'

/** A table of the inbox spans ten minutes: what is delivered is forgotten by dropping tables, which costs no rows. */
const inboxSpanMs = 600_000
/** A pushed event with the same source and messageId is dropped for at least so long. */
const dedupMs = 600_000
/** A row of the inbox holds at most so many UTF-16 code units of text. */
const rowLength = 800_000
/** Bytes of a row whose frames are in R2: fewer than any frame has. */
const markBytes = 1

/** A small log in the lane's storage (tables `inbox_<n>`, see Segments), for streams that push. */
export class LaneInbox {
  readonly #segments: Segments
  /** Read when it is first needed. */
  #dedup: DedupWindow | undefined
  /** The offset below which all is delivered, as far as `#bytes` knows. */
  #settled = 0
  #bytes: number

  constructor(db: Database) {
    this.#segments = new Segments(db, { name: 'inbox', spanMs: inboxSpanMs })
    this.#bytes = this.#segments.bytesBetween(0, this.#segments.next)
  }

  /** Says whether a lane has one. */
  static isIn(db: Database): boolean {
    return db.first("SELECT name FROM sqlite_master WHERE name = 'inbox_floor'") !== undefined
  }

  /** The offset that the next event will have. */
  get next(): number {
    return this.#segments.next
  }

  /** True while it may hold events that came within the dedup window. */
  get isRecent(): boolean {
    const newest = this.#segments.segments.at(-1)
    return newest !== undefined && newest.ends + dedupMs >= Date.now()
  }

  /** Bytes of the frames that are here and were not delivered yet. */
  get bytes(): number {
    return this.#bytes
  }

  /** Reads rows from the one that holds `from` on, about `bytes` bytes, up to the first one that is in R2. */
  read(from: number, bytes: number): Chunk[] {
    const chunks = this.#segments.read(from, bytes)
    const moved = chunks.findIndex(({ data }) => data.byteLength === markBytes)
    return moved < 0 ? chunks : chunks.slice(0, moved)
  }

  /** Lets go of the frames of rows, one after the other, that R2 has; their fingerprints and times stay. */
  letGo(from: number, to: number): void {
    const counted = Math.max(from, this.#settled)
    const before = this.#segments.bytesBetween(counted, to)
    this.#segments.blank(from, to)
    this.#bytes -= before - this.#segments.bytesBetween(counted, to)
  }

  /** The offset of an event. */
  find(print: Uint32Array): number | undefined {
    return this.#segments.find(new Uint8Array(print.buffer), 1)[0]?.offset
  }

  /** Whether it has stored an event within the dedup window, at least. */
  has({ header, id }: Envelope): boolean {
    const [a = 0, b = 0] = fingerprintOf(header.source, id)
    return this.#window(Date.now()).has(a, b)
  }

  timeOf(offset: number): number | undefined {
    return this.#segments.timeOf(offset)
  }

  /** Notes that all below `offset` is delivered, and forgets tables that lie below it. */
  trim(offset: number): void {
    if (offset > this.#settled) {
      this.#bytes -= this.#segments.bytesBetween(this.#settled, offset)
      this.#settled = offset
    }
    for (const segment of this.#segments.segments)
      if (segment.next <= offset && segment.ends + dedupMs < Date.now()) this.#segments.drop(segment)
  }

  /** Stores what is new of pushed events; returns it as chunks. */
  store(text: string): Chunk[] {
    const now = Date.now()
    try {
      return this.#storeNew(text, now)
    } catch (error) {
      // Ids of events that were not stored must not count as seen: the stream brings them again.
      this.#dedup = undefined
      throw error
    }
  }

  #storeNew(text: string, now: number): Chunk[] {
    const chunks: Chunk[] = []
    let envelopes: Envelope[] = []
    let length = 0
    const seen = this.#window(now)
    const print = new Uint32Array(2)
    for (const envelope of unpack(text)) {
      fingerprint(envelope.header.source, envelope.id, print, 0)
      if (!seen.add(print[0] as number, print[1] as number, now)) continue
      if (length + envelope.text.length > rowLength && envelopes.length > 0) {
        chunks.push(this.#append(envelopes, now))
        envelopes = []
        length = 0
      }
      envelopes.push(envelope)
      length += envelope.text.length
    }
    if (envelopes.length > 0) chunks.push(this.#append(envelopes, now))
    return chunks
  }

  #append(envelopes: readonly Envelope[], now: number): Chunk {
    const prints = new Uint32Array(envelopes.length * 2)
    envelopes.forEach(({ header, id }, i) => fingerprint(header.source, id, prints, i * 2))
    const text = envelopes.map((envelope) => `${JSON.stringify(envelope.header)}\n${envelope.text}\n`).join('')
    const data = frame(text)
    this.#bytes += data.byteLength
    return this.#segments.append({ count: envelopes.length, prints: new Uint8Array(prints.buffer), data }, now)
  }

  /** What the tables hold of the dedup window. */
  #window(now: number): DedupWindow {
    if (this.#dedup !== undefined) return this.#dedup
    const seen = new DedupWindow(dedupMs, now - dedupMs)
    for (const { at, prints } of this.#segments.prints(now - dedupMs, seen.capacity))
      for (let i = 0; i < prints.length; i += 2) seen.add(prints[i] as number, prints[i + 1] as number, at)
    return (this.#dedup = seen)
  }
}
