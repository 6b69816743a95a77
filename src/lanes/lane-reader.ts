import type { LaneStorage, LogRpc } from '../core/bindings.ts'
import type { Database } from '../storage/database.ts'
import { reasonOf } from '../core/errors.ts'
import { withTimeout } from '../core/with-timeout.ts'
import type { LaneConsumer } from './lane-consumer.ts'
import { InboxSpill } from './inbox-spill.ts'
import { LaneInbox } from './lane-inbox.ts'
import { LaneQuota, type QuotaUses } from './lane-quota.ts'
import type { LaneStore } from './lane-store.ts'
import { placeChunk, withoutKnown } from './place-chunk.ts'
import { ReadAhead } from './read-ahead.ts'
import { type LaneSource, Stretches } from './stretches.ts'
import type { Port } from '../core/port.ts'
import type { Ack, Chunk, Offer, LaneRef } from '../core/inbox.ts'

/**
 * Bytes of one read, and up to one row of the source more. The log serves appends and other lanes between two reads, and what a
 * lane has no room for yet it keeps.
 */
const readBytes = 250_000
/** Milliseconds that one read of the log may take: a call that is never answered must not stop the lane. */
const readMs = 15_000
/** Milliseconds that whoever asks how a lane is doing waits for its log: less than the admin API waits for a lane. */
const learnMs = 2_000

interface LaneReaderOptions {
  readonly ref: LaneRef
  readonly store: LaneStore
  readonly port: Port
  /** The partition of the log that the lane reads by offset, or has read before its deployment got another stream. */
  readonly log: () => LogRpc
  /** True where the stream of the deployment pushes. */
  readonly isPushed: boolean
  readonly consumer: LaneConsumer | undefined
  /** Where events of the inbox go that are too much for the lane; undefined where no bucket is bound. */
  readonly bucket: R2Bucket | undefined
  /** Bytes that undelivered events of this lane may take in its storage. */
  readonly quotaBytes: number
  /** Called with the number of subrequests before they are made. */
  readonly spend: (subrequests: number) => void
  /** Called when a read has brought something. */
  readonly changed: () => void
}

/**
 * Where a lane's events come from: the log, by offset, and the lane's own inbox, into which all other streams push.
 *
 * One of the two is fed by the stream of the deployment. The other is what an earlier stream left, and comes first: what was
 * accepted before is delivered before, as far as the lane knows of it. The consumer sees one run of places (see Stretches).
 */
export class LaneReader {
  readonly #options: LaneReaderOptions
  readonly #db: Database
  #inbox: LaneInbox | undefined
  readonly #spill: InboxSpill
  readonly #quota: LaneQuota
  readonly #stretches: Stretches
  /** The offset after the newest event of the log that is known of. */
  #logHead: number
  /**
   * The offset of each source that was its head after the start of the object. What lies before it may have been taken before
   * the start, and has its place then: the stretch is not left until it is taken again. Undefined until the log has told.
   */
  readonly #reach: Record<LaneSource, number | undefined>
  #reading: LaneSource | undefined
  /** True when the lane had no room at the last offer: the log then stops offering, so the head may be further on than known. */
  #refused = false
  readonly #ahead = new ReadAhead()
  #failures = 0
  #pausedUntil = 0

  constructor(db: Database, options: LaneReaderOptions) {
    this.#options = options
    this.#db = db
    this.#quota = new LaneQuota({ ...options, bytes: options.quotaBytes })
    this.#spill = new InboxSpill(db, options)
    if (options.consumer !== undefined && LaneInbox.isIn(db)) this.#inbox = new LaneInbox(db)
    this.#stretches = new Stretches(options.store, this.#inbox?.next)
    this.#inbox?.trim(this.#stretches.offsetIn('inbox', options.store.cursor))
    this.#reach = { log: undefined, inbox: this.#inbox?.next ?? 0 }
    this.#logHead = this.#stretches.offsetIn('log', Math.max(this.#position, this.#stretches.newest))
  }

  /** True while a read is under way, the end of which is a change. */
  get isReading(): boolean {
    return this.#reading !== undefined
  }

  /** True while anything is under way, the end of which is a change. */
  get isBusy(): boolean {
    return this.isReading || this.#spill.isBusy
  }

  /** True while the lane takes more: its consumer has capacity, and what waits as rows is within the quota. */
  get hasRoom(): boolean {
    return this.#options.consumer?.hasCapacity === true && !this.#quota.isFull(this.#uses())
  }

  /** What the undelivered events of the lane take; undefined where nothing is kept. */
  get storage(): LaneStorage | undefined {
    return this.#quota.describe(this.#uses())
  }

  /** The place after the newest event that is known of. */
  get head(): number {
    return this.#position + this.#unreadOf('log') + this.#unreadOf('inbox')
  }

  /** Takes what the log offers, as far as it follows on what the lane has. */
  takeOffer({ chunks, head }: Offer): void {
    const { consumer } = this.#options
    this.#noteHead(head)
    if (consumer === undefined) return
    if (this.#next() === 'log') this.#takeAll(consumer, 'log', chunks)
    if (!this.hasRoom) this.#refused = true
  }

  /**
   * What the log is told of the lane.
   *
   * @param committed the place below which all is done
   * @param until the place from which on nothing is for the lane
   */
  progress(committed: number, until: number | undefined): Pick<Ack, 'next' | 'committed' | 'until'> {
    const offsetOf = (place: number) => this.#stretches.offsetIn('log', place)
    return {
      next: offsetOf(this.#position),
      committed: offsetOf(committed),
      ...(until === undefined || this.#stretches.current !== 'log' ? {} : { until: offsetOf(until) }),
    }
  }

  /** Stores pushed events in the inbox and takes them. Durable when the call that brought them is answered. */
  storePushed(text: string): void {
    const { consumer } = this.#options
    if (consumer === undefined) throw new Error('nothing is pushed to the lane of the edge')
    this.#stretches.save()
    this.#inbox ??= new LaneInbox(this.#db)
    const chunks = this.#inbox.store(text)
    if (this.#next() === 'inbox') this.#takeAll(consumer, 'inbox', chunks)
  }

  /** Reads the next chunks, if there are any and the lane has room; what is above the quota is moved to R2. */
  readOn(): void {
    const { consumer } = this.#options
    this.#spillOver()
    if (consumer === undefined || this.isReading || !this.hasRoom) return
    const source = this.#next()
    if (source === undefined || Date.now() < this.#pausedUntil) return
    void this.#read(consumer, source)
  }

  #spillOver(): void {
    if (this.#inbox === undefined || this.#options.consumer === undefined) return
    const limit = this.#quota.inboxLimit(this.#options.store.waiting.bytes)
    this.#spill.pump(this.#inbox, this.#offsetOf('inbox'), limit)
  }

  /**
   * Passes over everything that is known of and was not taken yet; `reason` is what the traces of its events say.
   *
   * @returns how many places there were, those of events for other targets among them
   */
  passAll(reason: string): number {
    const { consumer, store } = this.#options
    let passed = 0
    if (consumer === undefined) return passed
    this.#ahead.clear()
    for (let source = this.#next(); source !== undefined; source = this.#next()) {
      if (this.#stretches.at(consumer.position)?.source !== source) this.#stretches.begin(source, consumer.position)
      const offset = consumer.position
      const end = this.#stretches.at(offset)?.end ?? Infinity
      const count = Math.min(this.#unreadOf(source), end - offset)
      if (count <= 0) break
      consumer.take({ offset, count, at: Date.now(), data: new Uint8Array() })
      store.record({
        from: offset,
        to: offset + count - 1,
        at: Date.now(),
        status: 0,
        ms: 0,
        reason: `skip: ${reason}`,
      })
      passed += count
    }
    return passed
  }

  /** Asks the log for its head, as after a restart, and reads on; a lane without room learns only the head. */
  async askForHead(): Promise<void> {
    const { consumer, log, ref, port, isPushed } = this.#options
    if (consumer === undefined || this.isReading || (isPushed && !this.#hasMore('log'))) return
    if (this.hasRoom && (this.#next() ?? 'log') === 'log') return this.#read(consumer, 'log')
    try {
      this.#noteHead((await log().status()).head)
    } catch (error) {
      port.log('warn', 'a lane could not ask its stream for the head', { ...ref, reason: reasonOf(error) })
    }
  }

  /**
   * Asks the stream for its head as of now.
   *
   * @returns the place after the newest event
   * @throws what the call of the log rejects with
   */
  async currentHead(): Promise<number> {
    const { consumer, log, ref, isPushed, spend } = this.#options
    if (consumer !== undefined && (!isPushed || this.#hasMore('log'))) {
      spend(1)
      this.#noteHead((await withTimeout(log().status(), readMs, `log ${ref.partition}`)).head)
    }
    return this.head
  }

  /**
   * Asks the log for its head where it has not told since the object began: until then, nothing in it is known to wait.
   *
   * @returns true when it has told now
   */
  async learnHead(): Promise<boolean> {
    if (this.#reach.log !== undefined) return false
    try {
      await withTimeout(this.currentHead(), learnMs, `log ${this.#options.ref.partition}`)
    } catch {
      // Others say that the log does not answer.
    }
    return this.#reach.log !== undefined
  }

  /** Forgets what of the inbox lies below `cursor`, which is stored, and warns where the quota is nearly used up. */
  trim(cursor: number): void {
    const offset = this.#stretches.offsetIn('inbox', cursor)
    this.#inbox?.trim(offset)
    this.#spill.tidy(offset)
    this.#quota.note(this.#uses())
  }

  /**
   * The place of an event: -1 when it was too long ago to be known, Infinity when the lane has not taken it yet, undefined when it
   * is not known to come. `logOffset` is where the log holds it, if it does.
   */
  placeOf(print: Uint32Array, logOffset?: number): number | undefined {
    if (this.#options.consumer === undefined) return undefined
    if (logOffset !== undefined) return this.#stretches.placeOf('log', logOffset)
    const offset = this.#inbox?.find(print)
    return offset === undefined ? undefined : this.#stretches.placeOf('inbox', offset)
  }

  /** Whether an event waits in R2, because it was too much for the lane. */
  isSpilled(print: Uint32Array): boolean {
    const offset = this.#inbox?.find(print)
    return offset !== undefined && this.#spill.has(offset)
  }

  /** When the first event of the inbox at a place or behind it became durable. */
  timeOf(place: number): number | undefined {
    return this.#inbox?.timeOf(this.#stretches.offsetIn('inbox', place))
  }

  get #position(): number {
    return this.#options.consumer?.position ?? 0
  }

  #uses(): QuotaUses {
    const { waiting } = this.#options.store
    return {
      rows: waiting.count,
      rowBytes: waiting.bytes,
      inboxBytes: this.#inbox?.bytes ?? 0,
      spilled: this.#spill.totals(),
      failure: this.#spill.failure,
    }
  }

  #noteHead(head: number): void {
    this.#logHead = Math.max(this.#logHead, head)
    this.#reach.log ??= this.#logHead
  }

  #unreadOf(source: LaneSource): number {
    const head = source === 'log' ? this.#logHead : (this.#inbox?.next ?? 0)
    return Math.max(0, head - this.#stretches.offsetIn(source, this.#position))
  }

  #hasMore(source: LaneSource): boolean {
    if (this.#unreadOf(source) > 0) return true
    if (source === 'inbox') return false
    if (this.#refused || this.#reading === 'log') return true
    // Whether an earlier log has more is not known after a restart, and nobody offers it at once.
    return this.#options.isPushed && this.#reach.log === undefined && this.#stretches.current === 'log'
  }

  /** The source that is to be read next; undefined while nothing is left. */
  #next(): LaneSource | undefined {
    const here = this.#stretches.at(this.#position)
    if (here !== undefined && !this.#mayLeave(here)) return here.source
    const [former, fed] = this.#options.isPushed ? (['log', 'inbox'] as const) : (['inbox', 'log'] as const)
    return this.#hasMore(former) ? former : this.#hasMore(fed) ? fed : undefined
  }

  /** False where what comes next may have been taken before: it comes as it came. */
  #mayLeave({ source, end }: { readonly source: LaneSource; readonly end: number }): boolean {
    const { [source]: reach } = this.#reach
    return end === Infinity && reach !== undefined && this.#offsetOf(source) >= reach
  }

  #takeAll(consumer: LaneConsumer, source: LaneSource, chunks: readonly Chunk[]): void {
    for (const chunk of chunks) {
      const offset = this.#stretches.offsetIn(source, consumer.position)
      if (chunk.offset + chunk.count <= offset) continue
      // A gap: what is missing must be read first.
      if (chunk.offset > offset || !this.hasRoom || !this.#take(consumer, source, chunk)) break
    }
  }

  async #read(consumer: LaneConsumer, source: LaneSource): Promise<void> {
    const { changed, ref, port, isPushed } = this.#options
    const refused = this.#refused
    this.#reading = source
    try {
      const found = this.#find(source)
      // What the lane has itself is taken at once.
      this.#takeRead(consumer, source, found instanceof Promise ? await found : found)
      this.#failures = 0
      this.#pausedUntil = 0
    } catch (error) {
      this.#refused ||= refused
      this.#ahead.clear()
      this.#failures++
      this.#pausedUntil = Date.now() + Math.min(30_000, 500 * 2 ** this.#failures)
      port.log('warn', 'a lane could not read its stream', { ...ref, reason: reasonOf(error) })
      setTimeout(changed, this.#pausedUntil - Date.now() + 1)
    }
    this.#reading = undefined
    // An earlier log that has nothing more is not asked again after each restart.
    const isPassed = isPushed && this.#stretches.current === 'log' && this.#position >= this.#stretches.newest
    if (isPassed && !this.#hasMore('log')) this.#stretches.begin('inbox', this.#position)
    changed()
  }

  #find(source: LaneSource): readonly Chunk[] | Promise<readonly Chunk[]> {
    const ahead = this.#ahead.from(source, this.#offsetOf(source))
    if (ahead.length > 0) return ahead
    if (source === 'log') return this.#readLog()
    return this.#inbox === undefined ? [] : this.#spill.read(this.#inbox, this.#offsetOf('inbox'), readBytes)
  }

  async #readLog(): Promise<readonly Chunk[]> {
    const { ref, log, spend } = this.#options
    this.#refused = false
    const offset = this.#offsetOf('log')
    spend(1)
    const { chunks, head } = await withTimeout(log().read(offset, readBytes, ref), readMs, `log ${ref.partition}`)
    this.#noteHead(head)
    if (chunks.length === 0 && offset < head) throw new Error(`nothing is left at offset ${offset}`)
    return chunks
  }

  #offsetOf(source: LaneSource): number {
    return this.#stretches.offsetIn(source, this.#position)
  }

  /** Like an offer, but what retention has dropped meanwhile is passed over: the oldest that is left comes next. */
  #takeRead(consumer: LaneConsumer, source: LaneSource, chunks: readonly Chunk[]): void {
    for (const chunk of chunks) {
      if (chunk.offset + chunk.count <= this.#offsetOf(source)) continue
      if (!this.hasRoom || !this.#take(consumer, source, chunk)) break
      // The rest of it belongs to another stretch, or had no room.
      if (this.#offsetOf(source) < chunk.offset + chunk.count) break
    }
    const end = this.#offsetOf(source)
    this.#ahead.keep(
      source,
      chunks.filter(({ offset, count }) => offset + count > end),
    )
    const here = this.#stretches.at(consumer.position)
    if (chunks.length === 0 && here !== undefined && here.source === source) this.#passOver(consumer, here.end)
  }

  /** Passes over the rest of a stretch that is read again, when its source has lost it. */
  #passOver(consumer: LaneConsumer, end: number): void {
    if (end === Infinity) return
    const { ref, port } = this.#options
    const { position: offset } = consumer
    port.log('error', 'a lane finds events gone that its stream had', { ...ref, events: end - offset })
    consumer.take({ offset, count: end - offset, at: Date.now(), data: new Uint8Array() })
  }

  /** Takes a chunk of a source; false when something else must come first. */
  #take(consumer: LaneConsumer, source: LaneSource, chunk: Chunk): boolean {
    const here = this.#stretches.at(consumer.position)
    const isOther = here !== undefined && here.source !== source
    if (isOther && !this.#mayLeave(here)) return false
    if (here !== undefined && !isOther && chunk.offset >= here.from + here.end - here.base) {
      this.#passOver(consumer, here.end)
      return false
    }
    if (here === undefined || isOther) this.#stretches.begin(source, consumer.position)
    const stretch = this.#stretches.at(consumer.position)
    if (stretch === undefined) return false
    const inbox = this.#inbox
    const { target } = this.#options.ref
    // An event of a stream that had handed it to some of its lanes only, when another became the stream.
    const isFresh = source === 'log' && inbox?.isRecent === true
    const whole = isFresh ? withoutKnown(chunk, target, (envelope) => inbox.has(envelope)) : chunk
    consumer.take(placeChunk(whole, stretch))
    return true
  }
}
