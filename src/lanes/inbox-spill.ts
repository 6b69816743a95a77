import type { Chunk, LaneRef } from '../core/inbox.ts'
import { reasonOf } from '../core/errors.ts'
import type { Port } from '../core/port.ts'
import { withTimeout } from '../core/with-timeout.ts'
import { ChunkObjects, type ObjectTotals } from '../storage/chunk-objects.ts'
import type { Database } from '../storage/database.ts'
import type { LaneInbox } from './lane-inbox.ts'
import type { LaneStore } from './lane-store.ts'

/** An object in R2 has about so many bytes of frames at most. */
const objectBytes = 4_000_000
/** The share of its limit down to which an inbox is spilled once it is above it: fewer and larger objects. */
const downTo = 0.75
/** Milliseconds that one call of R2 may take, and after which one that failed is repeated. */
const callMs = 15_000
const againMs = 10_000
/** Name in `meta` of the key that is being written: what a crash left of it is deleted. */
const writing = 'spilling'

interface InboxSpillOptions {
  readonly ref: LaneRef
  readonly store: LaneStore
  readonly port: Port
  readonly bucket: R2Bucket | undefined
  readonly spend: (subrequests: number) => void
  /** Called when something of it has ended. */
  readonly changed: () => void
}

/**
 * Moves the oldest events of an inbox that the lane has not read yet to R2, and reads them there when their turn comes: an inbox
 * keeps the order that it had. Objects are `expired/<target>/<partition>/<first>-<next>` (see ChunkObjects).
 *
 * An object is written before its rows lose their frames, and deleted after the cursor that is behind it was stored. So a kill at
 * any moment loses nothing.
 */
export class InboxSpill {
  readonly #options: InboxSpillOptions
  readonly #objects: ChunkObjects
  #isWriting = false
  #isTidying = false
  #againAt = 0
  #failure: string | undefined

  constructor(db: Database, options: InboxSpillOptions) {
    this.#options = options
    const { ref, bucket, spend } = options
    this.#objects = new ChunkObjects(db, { bucket, spend, prefix: `expired/${ref.target}/${ref.partition}/` })
  }

  get isBusy(): boolean {
    return this.#isWriting || this.#isTidying
  }

  /** Why R2 did not take what is too much; undefined while it does. */
  get failure(): string | undefined {
    return this.#failure
  }

  totals(): ObjectTotals {
    return this.#objects.totals()
  }

  /** Whether R2 has what is at an offset of the inbox. */
  has(offset: number): boolean {
    return this.#objects.has(offset)
  }

  /** Reads chunks of the inbox from the one that holds `from` on, wherever they are; at once where the lane has them. */
  read(inbox: LaneInbox, from: number, bytes: number): readonly Chunk[] | Promise<readonly Chunk[]> {
    if (this.#objects.has(from)) return this.#fetch(from, bytes)
    const chunks = inbox.read(from, bytes)
    if (chunks.length === 0 && from < inbox.next) throw goneAt(from)
    return chunks
  }

  async #fetch(from: number, bytes: number): Promise<readonly Chunk[]> {
    const chunks = await withTimeout(this.#objects.read(from, bytes), callMs, 'R2')
    if (chunks.length === 0) throw goneAt(from)
    return chunks
  }

  /**
   * Begins to move what is above `limit` bytes; goes on when it is called again.
   *
   * @param inbox of which
   * @param from the offset that is read next: what lies below it is under way
   * @param limit bytes that may stay
   */
  pump(inbox: LaneInbox, from: number, limit: number): void {
    const { port, changed } = this.#options
    if (this.#isWriting || inbox.bytes <= limit || port.now() < this.#againAt) return
    const tooMuch = inbox.bytes - limit * downTo
    const chunks = inbox.read(Math.max(from, this.#objects.next), Math.min(objectBytes, tooMuch))
    if (chunks.length === 0) return
    this.#isWriting = true
    void this.#write(inbox, chunks)
      .catch((error: unknown) => this.#fail(error, changed))
      .finally(() => {
        this.#isWriting = false
        changed()
      })
  }

  /** Deletes objects all of which lies below `committed`. */
  tidy(committed: number): void {
    const { changed } = this.#options
    if (this.#isTidying || !this.#objects.hasBelow(committed) || this.#options.port.now() < this.#againAt) return
    this.#isTidying = true
    void withTimeout(this.#objects.forget(committed), callMs, 'R2')
      .catch((error: unknown) => this.#fail(error, changed))
      .finally(() => {
        this.#isTidying = false
        changed()
      })
  }

  async #write(inbox: LaneInbox, chunks: readonly Chunk[]): Promise<void> {
    const { store } = this.#options
    const key = this.#objects.keyOf(chunks)
    const left = store.get(writing)
    if (left !== undefined && left !== key) await withTimeout(this.#objects.deleteKeys([left]), callMs, 'R2')
    store.set(writing, key)
    await withTimeout(this.#objects.put(chunks), callMs, 'R2')
    const last = chunks.at(-1) as Chunk
    // One commit: there is no await between them.
    this.#objects.note(chunks)
    inbox.letGo((chunks[0] as Chunk).offset, last.offset + last.count)
    store.set(writing, undefined)
    this.#failure = undefined
  }

  #fail(error: unknown, changed: () => void): void {
    const { port, ref } = this.#options
    this.#failure = reasonOf(error)
    this.#againAt = port.now() + againMs
    setTimeout(changed, againMs + 1)
    port.log('warn', 'R2 does not take what is too much for a lane; it stays in the lane', {
      ...ref,
      reason: this.#failure,
    })
  }
}

const goneAt = (offset: number): Error =>
  new Error(`the object in R2 is gone that holds what is at ${offset} of the inbox: skip the lane to go on`)
