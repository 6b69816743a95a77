import type { Bindings, ErasureStatus, LaneError, LaneState } from '../core/bindings.ts'
import type { Billed } from '../core/billed.ts'
import type { Envelope } from '../core/envelope.ts'
import { reasonOf } from '../core/errors.ts'
import type { Chunk, LaneRef } from '../core/inbox.ts'
import type { Port } from '../core/port.ts'
import type { Target } from '../core/resolved-config.ts'
import { backoffMs } from '../core/retry.ts'
import { expireArchive } from '../archive/expire-archive.ts'
import { archiveType, hourOf, keyOf } from '../archive/object-name.ts'
import { ArchiveEraser } from './archive-eraser.ts'
import { ArchiveLot } from './archive-lot.ts'
import { ChunkUnpacker } from './chunk-unpacker.ts'
import type { LaneConsumer } from './lane-consumer.ts'
import type { LaneStore } from './lane-store.ts'

/** Compressed bytes of chunks and lots in memory, above which no chunk is taken, or the largest lot is written. */
const holdBytes = 12_000_000
const lotBytes = 8_000_000
/** Milliseconds between two looks for objects that are too old. */
const expireMs = 3_600_000

interface ArchiverOptions {
  readonly ref: LaneRef
  readonly store: LaneStore
  readonly bindings: Pick<Bindings, 'BUCKET'>
  readonly port: Port
  readonly billed: Billed
  readonly changed: () => void
  /** Called with the number of subrequests before they are made. */
  readonly spend: (subrequests: number) => void
  /** Asks the stream for the place after its newest event. */
  readonly head: () => Promise<number>
}

/** The events of a frame that are not in a lot yet. */
interface OpenFrame {
  readonly at: number
  readonly offset: number
  readonly envelopes: readonly Envelope[]
  index: number
}

/**
 * Archives one partition's events: gathers the lines of each source until their hour is over or they fill an object, and writes
 * them to R2 (see `keyOf`).
 *
 * An object is named after its first event, and the row `archived` of `meta` notes where its source goes on before the next
 * object of that source is written. So what a crash has write again replaces what it wrote: nothing is in the archive twice.
 */
export class Archiver implements LaneConsumer {
  readonly #options: ArchiverOptions
  readonly #waitMs: number
  readonly #keptMs: number | undefined
  #chunks: { readonly chunk: Chunk; readonly from: number }[] = []
  #chunkBytes = 0
  #unpacker = new ChunkUnpacker()
  #frames: Generator<{ readonly offset: number; readonly envelopes: readonly Envelope[] }> | undefined
  #frame: OpenFrame | undefined
  /** By source. */
  readonly #lots = new Map<string, ArchiveLot>()
  /** Places below it are archived, by source: those that are above what the lane has committed. */
  #floors: Record<string, number>
  /** Places below it were looked at. */
  #next: number
  #isFlushing = false
  #failures = 0
  #retryAt = 0
  #expireAt = 0
  #isWorking = false
  readonly #eraser: ArchiveEraser
  reason: string | undefined
  since: number | undefined
  lastError: LaneError | undefined
  position: number

  constructor({ route }: Extract<Target, { kind: 'archive' }>, options: ArchiverOptions) {
    this.#options = options
    this.#waitMs = (route.everyMinutes ?? 60) * 60_000
    this.#keptMs = route.days === undefined ? undefined : route.days * 86_400_000
    this.position = options.store.cursor
    this.#next = this.position
    this.#floors = JSON.parse(options.store.get('archived') ?? '{}') as Record<string, number>
    this.#eraser = new ArchiveEraser({ ...options, isArchived: (place) => this.#isArchived(place) })
  }

  get isBusy(): boolean {
    return this.#isWorking || this.#eraser.isBusy
  }

  get committed(): number {
    const unread = this.#frame === undefined ? this.#chunks[0]?.from : this.#frame.offset + this.#frame.index
    const waiting = Math.max(this.#next, unread ?? this.position)
    return Math.min(waiting, ...Array.from(this.#lots.values(), ({ object }) => object.place))
  }

  get hasCapacity(): boolean {
    return this.#held < holdBytes
  }

  get state(): LaneState {
    return this.#failures > 0 ? 'down' : this.oldest === undefined ? 'idle' : 'running'
  }

  get oldest(): number | undefined {
    const oldest = Math.min(
      this.#chunks[0]?.chunk.at ?? Infinity,
      ...Array.from(this.#lots.values(), ({ since }) => since),
    )
    return oldest === Infinity ? undefined : oldest
  }

  take(chunk: Chunk): void {
    this.#chunks.push({ chunk, from: Math.max(chunk.offset, this.position) })
    this.#chunkBytes += chunk.data.byteLength
    this.position = chunk.offset + chunk.count
  }

  pump(): void {
    const due = this.#workDue()
    if (due !== undefined && due <= this.#options.port.now()) void this.#work()
    this.#eraser.pump()
    this.#expire()
  }

  due(): number | undefined {
    const eraseAt = this.#eraser.due() ?? Infinity
    const workAt = this.#workDue()
    const due = Math.min(eraseAt, workAt ?? Infinity)
    return due === Infinity ? undefined : due
  }

  #workDue(): number | undefined {
    if (this.#isWorking) return undefined
    const wanted = this.#chunks.length > 0 || this.#isFlushing ? 0 : this.#lotDue
    return wanted === Infinity ? undefined : Math.max(wanted, this.#retryAt)
  }

  resume(): void {
    this.#retryAt = 0
    this.#isFlushing = this.oldest !== undefined
  }

  /** Has a user's events erased from the objects of the partition; see ArchiveEraser. */
  erase(user: Parameters<ArchiveEraser['erase']>[0]): ErasureStatus {
    return this.#eraser.erase(user)
  }

  #isArchived(place: number): boolean {
    if (this.committed >= place) return true
    if (this.position >= place) this.resume()
    return false
  }

  get #held(): number {
    return Array.from(this.#lots.values()).reduce((sum, { bytes }) => sum + bytes, this.#chunkBytes)
  }

  get #lotDue(): number {
    return Math.min(Infinity, ...Array.from(this.#lots.values(), (lot) => lot.dueAt(this.#waitMs)))
  }

  async #work(): Promise<void> {
    const { port, ref, changed } = this.#options
    this.#isWorking = true
    try {
      while (this.#open()) await this.#gather()
      const isFlushing = this.#isFlushing
      for (const lot of this.#lots.values())
        if (isFlushing || lot.dueAt(this.#waitMs) <= port.now()) await this.#write(lot)
      this.#isFlushing = false
      if (this.since !== undefined) port.log('info', 'events are archived again', { ...ref })
      this.#failures = 0
      this.#retryAt = 0
      this.reason = undefined
      this.since = undefined
      this.lastError = undefined
    } catch (error) {
      const at = port.now()
      this.#failures++
      this.reason = `archiving failed: ${reasonOf(error)}`
      this.since ??= at
      this.lastError = { at, reason: this.reason }
      this.#retryAt = at + backoffMs(this.#failures, port.random(), { baseSeconds: 2, capSeconds: 60 })
      port.log('warn', 'events could not be archived', { ...ref, reason: this.reason })
    }
    this.#isWorking = false
    changed()
  }

  /** Opens the next frame; false when there is none. */
  #open(): boolean {
    while (this.#frame === undefined) {
      const [first] = this.#chunks
      if (first === undefined) return false
      this.#frames ??= this.#unpacker.framesOf(first.chunk)
      const { done, value } = this.#frames.next()
      if (done !== true) this.#frame = { at: first.chunk.at, ...value, index: 0 }
      else {
        this.#next = Math.max(this.#next, first.chunk.offset + first.chunk.count)
        this.#chunks.shift()
        this.#chunkBytes -= first.chunk.data.byteLength
        this.#frames = undefined
      }
    }
    return true
  }

  /** Puts the events of the open frame into the lots of their sources. A failure leaves it open where it stands. */
  async #gather(): Promise<void> {
    const frame = this.#frame as OpenFrame
    const { port, ref } = this.#options
    const { at, offset, envelopes } = frame
    for (; frame.index < envelopes.length; frame.index++) {
      const envelope = envelopes[frame.index] as Envelope
      const place = offset + frame.index
      const { source } = envelope.header
      if (place < this.#next || place < (this.#floors[source] ?? 0)) continue
      let lot = this.#lots.get(source)
      if (lot !== undefined && (lot.isFull || lot.object.hour !== hourOf(at))) {
        await this.#write(lot)
        lot = undefined
      }
      const archived = { at, place, envelope }
      lot ??= new ArchiveLot(archived, ref.partition, port.now())
      this.#lots.set(source, lot)
      lot.add(archived)
    }
    this.#frame = undefined
    this.#next = Math.max(this.#next, offset + envelopes.length)
    while (this.#held - this.#chunkBytes > lotBytes) await this.#write(this.#largest)
  }

  get #largest(): ArchiveLot {
    return Array.from(this.#lots.values()).reduce((largest, lot) => (lot.bytes > largest.bytes ? lot : largest))
  }

  async #write(lot: ArchiveLot): Promise<void> {
    const { bindings, store, billed, spend } = this.#options
    const bytes = await lot.compress()
    spend(1)
    await bindings.BUCKET.put(keyOf(lot.object), bytes, {
      httpMetadata: { contentType: archiveType },
      customMetadata: { events: `${lot.events}` },
    })
    billed.r2Writes++
    const { source } = lot.object
    this.#lots.delete(source)
    const floors = Object.entries(this.#floors).filter(([, place]) => place > store.cursor)
    this.#floors = { ...Object.fromEntries(floors), [source]: lot.next }
    store.set('archived', JSON.stringify(this.#floors))
    store.count('archived', lot.events)
  }

  /** Deletes what is too old; the lane of partition 0 does it for all, in the background. */
  #expire(): void {
    const { bindings, port, ref, store, spend } = this.#options
    const now = port.now()
    if (this.#keptMs === undefined || ref.partition !== 0 || now < this.#expireAt) return
    this.#expireAt = now + expireMs
    void expireArchive(bindings.BUCKET, { before: now - this.#keptMs, spend }).then(
      (deleted) => {
        if (deleted > 0) store.count('archive objects expired', deleted)
      },
      (error: unknown) =>
        port.log('warn', 'old objects of the archive could not be deleted; it is tried again in an hour', {
          reason: reasonOf(error),
        }),
    )
  }
}
