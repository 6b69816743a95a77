import type { Database } from './database.ts'
import { joinFrames } from './frame.ts'
import type { Chunk } from '../core/inbox.ts'

interface ObjectRow {
  first: number
  next: number
  chunks: string
}

/** A chunk of an object: its first offset, events, time and bytes. */
type StoredChunk = readonly [offset: number, count: number, at: number, bytes: number]

/** An object, and where in it the chunks are. */
interface KeptObject {
  readonly first: number
  readonly next: number
  readonly chunks: readonly StoredChunk[]
  readonly events: number
  readonly bytes: number
}

/** What the objects of one log or lane are, in all. */
export interface ObjectTotals {
  readonly objects: number
  readonly events: number
  readonly bytes: number
}

/** Objects that one call of R2 deletes (https://developers.cloudflare.com/r2/api/workers/workers-api-reference/, checked 2026-11-29). */
const deletedAtOnce = 1_000

interface ChunkObjectsOptions {
  /** May be missing: then every call that needs it fails, and says so. */
  readonly bucket: R2Bucket | undefined
  /** `expired/<what>/`: keys begin so. */
  readonly prefix: string
  /** Called with the number of subrequests before they are made. */
  readonly spend?: (subrequests: number) => void
}

/**
 * Chunks that have left an object's tables before they were delivered: kept in R2 until whoever needs them has them.
 *
 * Objects are `<prefix><first>-<next>`, each a file of frames; the table `expired` says which events they hold. It is made with
 * the first of them.
 */
export class ChunkObjects {
  readonly #db: Database
  readonly #options: ChunkObjectsOptions
  #objects: KeptObject[]
  #hasTable: boolean

  constructor(db: Database, options: ChunkObjectsOptions) {
    this.#db = db
    this.#options = options
    this.#hasTable = db.first("SELECT name FROM sqlite_master WHERE name = 'expired'") !== undefined
    this.#objects = this.#hasTable
      ? db.all<ObjectRow>('SELECT first, next, chunks FROM expired ORDER BY first').map(objectOf)
      : []
  }

  get any(): boolean {
    return this.#objects.length > 0
  }

  /** The offset after the last event that is here; 0 when there is none. */
  get next(): number {
    return this.#objects.at(-1)?.next ?? 0
  }

  totals(): ObjectTotals {
    return {
      objects: this.#objects.length,
      events: this.#objects.reduce((sum, { events }) => sum + events, 0),
      bytes: this.#objects.reduce((sum, { bytes }) => sum + bytes, 0),
    }
  }

  /** Whether any object lies below an offset as a whole. */
  hasBelow(offset: number): boolean {
    return this.#objects.some(({ next }) => next <= offset)
  }

  /** Whether the event at an offset is here. */
  has(offset: number): boolean {
    return this.#objectAt(offset)?.chunks.some(([first, count]) => first <= offset && offset < first + count) === true
  }

  /** The key of the object that chunks make. */
  keyOf(chunks: readonly Chunk[]): string {
    const last = chunks.at(-1)
    return this.#key({ first: chunks[0]?.offset ?? 0, next: last === undefined ? 0 : last.offset + last.count })
  }

  /** Writes chunks to R2. They are here only once `note` was called. */
  async put(chunks: readonly Chunk[]): Promise<void> {
    this.#options.spend?.(1)
    await this.#bucket.put(this.keyOf(chunks), joinFrames(chunks.map(({ data }) => data)))
    this.#db.billed.r2Writes++
  }

  /** Notes that R2 has chunks: they may be forgotten elsewhere, in the same commit. */
  note(chunks: readonly Chunk[]): void {
    const first = chunks[0]
    const last = chunks.at(-1)
    if (first === undefined || last === undefined) return
    const row: ObjectRow = {
      first: first.offset,
      next: last.offset + last.count,
      chunks: JSON.stringify(chunks.map(({ offset, count, at, data }) => [offset, count, at, data.byteLength])),
    }
    if (!this.#hasTable)
      this.#db.run(
        'CREATE TABLE IF NOT EXISTS expired (first INTEGER PRIMARY KEY, next INTEGER NOT NULL, chunks TEXT NOT NULL)',
      )
    this.#hasTable = true
    this.#db.run(
      'INSERT OR REPLACE INTO expired (first, next, chunks) VALUES (?, ?, ?)',
      row.first,
      row.next,
      row.chunks,
    )
    const others = this.#objects.filter((one) => one.first !== row.first)
    this.#objects = [...others, objectOf(row)].toSorted((a, b) => a.first - b.first)
  }

  /** Reads chunks from the one that holds `from` on, of one object, about `bytes` bytes; empty when they are not here. */
  async read(from: number, bytes: number): Promise<Chunk[]> {
    const object = this.#objectAt(from)
    if (object === undefined) return []
    let start = 0
    let length = 0
    const wanted: StoredChunk[] = []
    for (const chunk of object.chunks) {
      const [offset, count, , size] = chunk
      if (offset + count <= from) start += size
      else if (length < bytes) {
        wanted.push(chunk)
        length += size
      }
    }
    this.#options.spend?.(1)
    this.#db.billed.r2Reads++
    const stored = await this.#bucket.get(this.#key(object), { range: { offset: start, length } })
    if (stored === null) return []
    const file = new Uint8Array(await stored.arrayBuffer())
    let at = 0
    return wanted.map(([offset, count, time, size]) => {
      const data = file.slice(at, at + size)
      at += size
      return { offset, count, at: time, data }
    })
  }

  /** Deletes what lies below `committed`. */
  async forget(committed: number): Promise<void> {
    const gone = this.#objects.filter(({ next }) => next <= committed)
    for (let i = 0; i < gone.length; i += deletedAtOnce) {
      const some = gone.slice(i, i + deletedAtOnce)
      await this.deleteKeys(some.map((object) => this.#key(object)))
      for (const { first } of some) this.#db.run('DELETE FROM expired WHERE first = ?', first)
      this.#objects = this.#objects.filter((object) => !some.includes(object))
    }
  }

  /** Deletes objects by their keys, 1,000 at most. */
  async deleteKeys(keys: string[]): Promise<void> {
    this.#options.spend?.(1)
    await this.#bucket.delete(keys)
  }

  get #bucket(): R2Bucket {
    const { bucket } = this.#options
    if (bucket === undefined) throw new Error('no R2 bucket is bound as BUCKET: see wrangler.toml')
    return bucket
  }

  /** The object that holds an offset, or the first one behind it. */
  #objectAt(offset: number): KeptObject | undefined {
    return this.#objects.find(({ next }) => next > offset)
  }

  #key({ first, next }: Pick<ObjectRow, 'first' | 'next'>): string {
    return `${this.#options.prefix}${first}-${next}`
  }
}

function objectOf({ first, next, chunks }: ObjectRow): KeptObject {
  const all = JSON.parse(chunks) as StoredChunk[]
  return {
    first,
    next,
    chunks: all,
    events: all.reduce((sum, [, count]) => sum + count, 0),
    bytes: all.reduce((sum, [, , , bytes]) => sum + bytes, 0),
  }
}
