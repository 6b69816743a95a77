import type { Bindings, LaneError, LaneState } from '../core/bindings.ts'
import { reasonOf } from '../core/errors.ts'
import { joinFrames } from '../storage/frame.ts'
import type { Port } from '../core/port.ts'
import { backoffMs } from '../core/retry.ts'
import type { LaneStore } from './lane-store.ts'
import type { LaneConsumer } from './lane-consumer.ts'
import type { Billed } from '../core/billed.ts'
import type { Target } from '../core/resolved-config.ts'
import type { Chunk, LaneRef } from '../core/inbox.ts'
import { ChunkDecider } from './chunk-decider.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { DecidedChunk } from './decided-chunks.ts'

/** A staging file is written when it has so many bytes of frames, whatever its age. */
const fileBytes = 4_000_000
/** Chunks are taken up to this, while a file is being written. */
const holdBytes = 16_000_000

interface StagerOptions {
  readonly store: LaneStore
  readonly bindings: Bindings
  readonly port: Port
  readonly billed: Billed
  readonly partition: number
  readonly changed: () => void
  /** What running transforms needs beside. */
  readonly deciding: { readonly ref: LaneRef; readonly letters: DeadLetters; readonly userCodeMs: number }
  /** Called with the number of subrequests before they are made. */
  readonly spend: (subrequests: number) => void
}

/**
 * Stages one partition's events for one warehouse: gathers chunks as they are, without looking into them, writes them to R2
 * as one file, and tells the loader. The loader takes out the events that are routed to its warehouse. Where the warehouse has
 * transforms, the chunks are what these made (see ChunkDecider).
 *
 * Files are `staging/<warehouse>/<partition>/<first place>-<next place>`. The cursor moves, and is stored, once the loader knows the file.
 */
export class Stager implements LaneConsumer {
  readonly #target: Extract<Target, { kind: 'warehouse' }>
  readonly #options: StagerOptions
  /** Runs the transforms; undefined where there are none. */
  readonly #decider: ChunkDecider | undefined
  #chunks: DecidedChunk[] = []
  #bytes = 0
  #since = 0
  #writing = false
  /** Chunks of the file that could not be written: it is tried again as it was, for the loader may know it already. */
  #again: number | undefined
  #failures = 0
  #retryAt = 0
  #reason: string | undefined
  #failedSince: number | undefined
  #lastError: LaneError | undefined
  position: number
  committed: number

  constructor(target: Extract<Target, { kind: 'warehouse' }>, tools: StagerOptions) {
    this.#target = target
    this.#options = tools
    this.position = tools.store.cursor
    this.committed = tools.store.cursor
    for (const chunk of tools.store.decidedChunks.all()) this.#gather(chunk)
    const { port, store, changed } = tools
    if ((target.route.transforms ?? []).length > 0)
      this.#decider = new ChunkDecider(target, this.position, {
        port,
        store,
        changed,
        ...tools.deciding,
        decided: (chunk) => this.#gather(chunk),
      })
  }

  get isBusy(): boolean {
    return this.#writing || this.#decider?.isBusy === true
  }

  get hasCapacity(): boolean {
    return this.#bytes + (this.#decider?.bytes ?? 0) < holdBytes
  }

  get state(): LaneState {
    if (this.#failures > 0) return 'down'
    if (this.#decider?.since !== undefined) return 'failing'
    return this.oldest === undefined ? 'idle' : 'running'
  }

  get oldest(): number | undefined {
    return this.#chunks[0]?.at ?? this.#decider?.oldest
  }

  take(chunk: Chunk): void {
    if (this.#decider === undefined) this.#gather({ ...chunk, events: chunk.count })
    else this.#decider.take(chunk)
    this.position = chunk.offset + chunk.count
  }

  #gather(chunk: DecidedChunk): void {
    if (this.#chunks.length === 0) this.#since = this.#options.port.now()
    this.#chunks.push(chunk)
    this.#bytes += chunk.data.byteLength
    this.position = Math.max(this.position, chunk.offset + chunk.count)
  }

  pump(): void {
    this.#decider?.pump()
    const due = this.#fileDue()
    if (due !== undefined && due <= this.#options.port.now() && !this.#writing) void this.#write()
  }

  due(): number | undefined {
    const decideAt = this.#decider?.due()
    const fileAt = this.#fileDue()
    return decideAt === undefined || fileAt === undefined ? (decideAt ?? fileAt) : Math.min(decideAt, fileAt)
  }

  #fileDue(): number | undefined {
    if (this.#chunks.length === 0 || this.#writing) return undefined
    const full = this.#bytes >= fileBytes
    return Math.max(this.#retryAt, full ? 0 : this.#since + (this.#target.route.stageSeconds ?? 10) * 1000)
  }

  resume(): void {
    this.#retryAt = 0
    this.#since = 0
    this.#decider?.resume()
  }

  get reason(): string | undefined {
    return this.#reason ?? this.#decider?.lastError?.reason
  }

  get since(): number | undefined {
    return this.#failedSince ?? this.#decider?.since
  }

  get lastError(): LaneError | undefined {
    return this.#lastError ?? this.#decider?.lastError
  }

  async #write(): Promise<void> {
    const { bindings, port, billed, partition, changed } = this.#options
    this.#writing = true
    let bytes = 0
    const chunks: DecidedChunk[] = []
    let events = 0
    for (const chunk of this.#chunks) {
      if (bytes >= fileBytes || chunks.length === this.#again) break
      chunks.push(chunk)
      bytes += chunk.data.byteLength
      events += chunk.events
    }
    const first = chunks[0] as Chunk
    const last = chunks.at(-1) as Chunk
    const next = last.offset + last.count
    const { name } = this.#target
    const key = `staging/${name}/${partition}/${first.offset}-${next}`
    try {
      // The transforms may have dropped all.
      if (events > 0) {
        this.#options.spend(2)
        const file = joinFrames(chunks.map(({ data }) => data))
        await bindings.BUCKET.put(key, file)
        billed.r2Writes++
        await bindings.LOADER.getByName(name).register(name, { key, partition, events, bytes: file.byteLength })
      }
      this.#chunks = this.#chunks.slice(chunks.length)
      this.#bytes -= bytes
      this.#since = port.now()
      this.committed = next
      this.#again = undefined
      this.#failures = 0
      if (this.#failedSince !== undefined)
        port.log('info', 'staging files are written again', { target: name, partition })
      this.#failedSince = undefined
      this.#lastError = undefined
      this.#reason = undefined
      this.#retryAt = 0
      if (events > 0) this.#options.store.count('staged', events)
      this.#options.store.decidedChunks.deleteBelow(next)
      this.#options.store.checkpoint(next, port.now())
    } catch (error) {
      this.#again = chunks.length
      this.#failures++
      this.#reason = `staging failed: ${reasonOf(error)}`
      this.#failedSince ??= port.now()
      this.#lastError = { at: port.now(), reason: this.#reason }
      this.#retryAt = port.now() + backoffMs(this.#failures, port.random(), { baseSeconds: 2, capSeconds: 60 })
      port.log('warn', 'a staging file could not be written', { target: name, partition, reason: this.#reason })
    }
    this.#writing = false
    changed()
  }
}
