import type { LogRpc } from '../core/bindings.ts'
import type { Database } from '../storage/database.ts'
import { type Envelope, unpack } from '../core/envelope.ts'
import { reasonOf } from '../core/errors.ts'
import { fingerprint } from '../storage/fingerprint.ts'
import { frame } from '../storage/frame.ts'
import { DedupWindow } from '../storage/dedup-window.ts'
import { Segments } from '../storage/segments.ts'
import { withTimeout } from '../core/with-timeout.ts'
import type { LaneConsumer } from './lane-consumer.ts'
import type { Port } from '../core/port.ts'
import type { Chunk, Offer, LaneRef } from '../core/inbox.ts'

/** Bytes of one read. */
const readBytes = 1_000_000
/** Milliseconds that one read of the log may take: a call that is never answered must not stop the lane. */
const readMs = 15_000
/** A table of the inbox spans ten minutes: what is delivered is forgotten by dropping tables, which costs no rows. */
const inboxSpanMs = 600_000
/** A pushed event with the same source and messageId is dropped for at least so long. */
const dedupMs = 600_000
/** A row of the inbox holds at most so many UTF-16 code units of text. */
const rowLength = 800_000

interface LaneReaderOptions {
  readonly ref: LaneRef
  readonly port: Port
  /** The partition of the log that the lane reads by offset; undefined where events are pushed to it. */
  readonly log: LogRpc | undefined
  readonly consumer: LaneConsumer | undefined
  /** Called with the number of subrequests before they are made. */
  readonly spend: (subrequests: number) => void
  /** Called when a read has brought something. */
  readonly changed: () => void
}

/**
 * Where a lane's events come from: the log, by offset, or the lane's own inbox, into which a push stream puts them.
 *
 * The inbox is a small log in the lane's storage (tables `inbox_<n>`, see Segments), so that delivery works the same way for
 * both kinds of stream.
 */
export class LaneReader {
  readonly #options: LaneReaderOptions
  readonly #inbox: Segments | undefined
  #dedup: DedupWindow | undefined
  #head: number
  #reading = false
  /** True when the lane had no room at the last offer: the log then stops offering, so the head may be further on than known. */
  #refused = false
  #failures = 0
  #pausedUntil = 0

  constructor(db: Database, options: LaneReaderOptions) {
    this.#options = options
    const now = Date.now()
    if (options.log === undefined && options.consumer !== undefined) {
      this.#inbox = new Segments(db, { name: 'inbox', spanMs: inboxSpanMs })
      this.#dedup = rememberInbox(this.#inbox, now)
    }
    this.#head = this.#inbox?.next ?? options.consumer?.position ?? 0
  }

  /** True while a read is under way, the end of which is a change. */
  get isReading(): boolean {
    return this.#reading
  }

  /** The offset after the newest event that is known of. */
  get head(): number {
    return this.#head
  }

  /** Takes what the log offers, as far as it follows on what the lane has. */
  takeOffer({ chunks, head }: Offer): void {
    this.#head = Math.max(this.#head, head)
    this.#takeAll(chunks)
    if (this.#options.consumer?.hasCapacity === false) this.#refused = true
  }

  /** Stores pushed events in the inbox and takes them. Durable when the call that brought them is answered. */
  storePushed(text: string): void {
    const inbox = this.#inbox
    if (inbox === undefined)
      throw new Error('the stream of this deployment is read by offset; nothing is pushed to its lanes')
    const now = Date.now()
    try {
      this.#storeNew(inbox, text, now)
    } catch (error) {
      // Ids of events that were not stored must not count as seen: the stream brings them again.
      this.#dedup = rememberInbox(inbox, now)
      throw error
    }
  }

  #storeNew(inbox: Segments, text: string, now: number): void {
    let envelopes: Envelope[] = []
    let length = 0
    const print = new Uint32Array(2)
    for (const envelope of unpack(text)) {
      fingerprint(envelope.header.source, envelope.id, print, 0)
      if (this.#dedup?.add(print[0] as number, print[1] as number, now) === false) continue
      if (length + envelope.text.length > rowLength && envelopes.length > 0) {
        this.#store(inbox, envelopes, now)
        envelopes = []
        length = 0
      }
      envelopes.push(envelope)
      length += envelope.text.length
    }
    if (envelopes.length > 0) this.#store(inbox, envelopes, now)
  }

  /** Reads the next chunks, if there are any and the lane has room. */
  readOn(): void {
    const { consumer } = this.#options
    if (consumer === undefined || this.#reading || !consumer.hasCapacity) return
    if (consumer.position >= this.#head && !this.#refused) return
    if (Date.now() < this.#pausedUntil) return
    void this.#read(consumer)
  }

  /** Asks the stream for its head, as after a restart, and reads on; a lane without room learns only the head. */
  async askForHead(): Promise<void> {
    const { consumer, log, ref, port } = this.#options
    if (consumer === undefined || log === undefined || this.#reading) return
    if (consumer.hasCapacity) return this.#read(consumer)
    try {
      const { head } = await log.status()
      this.#head = Math.max(this.#head, head)
    } catch (error) {
      port.log('warn', 'a lane could not ask its stream for the head', { ...ref, reason: reasonOf(error) })
    }
  }

  /** Forgets inbox tables that lie below `cursor`. */
  trim(cursor: number): void {
    const inbox = this.#inbox
    for (const segment of inbox?.segments ?? [])
      if (segment.next <= cursor && segment.ends + dedupMs < Date.now()) inbox?.drop(segment)
  }

  /** The offset at which the inbox holds an event. */
  find(print: Uint32Array): number | undefined {
    return this.#inbox?.find(new Uint8Array(print.buffer), 1)[0]?.offset
  }

  timeOf(offset: number): number | undefined {
    return this.#inbox?.timeOf(offset)
  }

  #store(inbox: Segments, envelopes: readonly Envelope[], now: number): void {
    const prints = new Uint32Array(envelopes.length * 2)
    envelopes.forEach(({ header, id }, i) => fingerprint(header.source, id, prints, i * 2))
    const text = envelopes.map((envelope) => `${JSON.stringify(envelope.header)}\n${envelope.text}\n`).join('')
    const chunk = inbox.append(
      { count: envelopes.length, prints: new Uint8Array(prints.buffer), data: frame(text) },
      now,
    )
    this.#head = inbox.next
    this.#takeAll([chunk])
  }

  #takeAll(chunks: readonly Chunk[]): void {
    const { consumer } = this.#options
    if (consumer === undefined) return
    for (const chunk of chunks) {
      if (chunk.offset + chunk.count <= consumer.position) continue
      // A gap: what is missing must be read first.
      if (chunk.offset > consumer.position || !consumer.hasCapacity) break
      consumer.take(chunk)
    }
  }

  async #read(consumer: LaneConsumer): Promise<void> {
    const { ref, log, changed, port } = this.#options
    const refused = this.#refused
    this.#reading = true
    this.#refused = false
    try {
      if (this.#inbox !== undefined) this.#takeRead(consumer, this.#inbox.read(consumer.position, readBytes))
      else if (log !== undefined) {
        this.#options.spend(1)
        const { chunks, head } = await withTimeout(
          log.read(consumer.position, readBytes, ref),
          readMs,
          `log ${ref.partition}`,
        )
        this.#head = Math.max(this.#head, head)
        if (chunks.length === 0 && consumer.position < head)
          throw new Error(`nothing is left at offset ${consumer.position}`)
        this.#takeRead(consumer, chunks)
      }
      this.#failures = 0
      this.#pausedUntil = 0
    } catch (error) {
      this.#refused ||= refused
      this.#failures++
      this.#pausedUntil = Date.now() + Math.min(30_000, 500 * 2 ** this.#failures)
      port.log('warn', 'a lane could not read its stream', { ...ref, reason: reasonOf(error) })
      setTimeout(changed, this.#pausedUntil - Date.now() + 1)
    }
    this.#reading = false
    changed()
  }

  /** Like an offer, but what retention has dropped meanwhile is passed over: the oldest that is left comes next. */
  #takeRead(consumer: LaneConsumer, chunks: readonly Chunk[]): void {
    for (const chunk of chunks) {
      if (chunk.offset + chunk.count <= consumer.position) continue
      if (!consumer.hasCapacity) break
      consumer.take(chunk)
    }
  }
}

/** What the inbox holds of the dedup window. */
function rememberInbox(inbox: Segments, now: number): DedupWindow {
  const seen = new DedupWindow(dedupMs, now - dedupMs)
  for (const { at, prints } of inbox.prints(now - dedupMs, seen.capacity))
    for (let i = 0; i < prints.length; i += 2) seen.add(prints[i] as number, prints[i + 1] as number, at)
  return seen
}
