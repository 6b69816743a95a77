import type { Database } from '../../storage/database.ts'
import { joinFrames } from '../../storage/frame.ts'
import type { Chunk } from '../../core/inbox.ts'

interface OverdueRow {
  first: number
  next: number
  chunks: string
}

/**
 * What a lane had not delivered when its hour was forgotten: kept in R2 until every lane has it.
 *
 * Objects are `expired/<partition>/<first>-<next>`, each a file of frames; the table `expired` says which events they hold.
 */
export class OverdueChunks {
  readonly #db: Database
  readonly #bucket: R2Bucket
  readonly #partition: number
  #rows: OverdueRow[]

  constructor(db: Database, bucket: R2Bucket, partition: number) {
    this.#db = db
    this.#bucket = bucket
    this.#partition = partition
    db.run(
      'CREATE TABLE IF NOT EXISTS expired (first INTEGER PRIMARY KEY, next INTEGER NOT NULL, chunks TEXT NOT NULL)',
    )
    this.#rows = db.all<OverdueRow>('SELECT first, next, chunks FROM expired ORDER BY first')
  }

  get any(): boolean {
    return this.#rows.length > 0
  }

  /** Moves chunks to R2; they may be forgotten elsewhere once this resolves. */
  async keep(chunks: readonly Chunk[]): Promise<void> {
    const first = chunks[0]
    const last = chunks.at(-1)
    if (first === undefined || last === undefined) return
    const row: OverdueRow = {
      first: first.offset,
      next: last.offset + last.count,
      chunks: JSON.stringify(chunks.map(({ offset, count, at, data }) => [offset, count, at, data.byteLength])),
    }
    await this.#bucket.put(this.#key(row), joinFrames(chunks.map(({ data }) => data)))
    this.#db.run(
      'INSERT OR REPLACE INTO expired (first, next, chunks) VALUES (?, ?, ?)',
      row.first,
      row.next,
      row.chunks,
    )
    this.#rows = [...this.#rows.filter(({ first: other }) => other !== row.first), row].toSorted(
      (a, b) => a.first - b.first,
    )
  }

  /** Reads chunks from the one that holds `from` on; empty when they are not here. */
  async read(from: number, bytes: number): Promise<Chunk[]> {
    const row = this.#rows.find(({ next }) => next > from)
    const object = row === undefined ? null : await this.#bucket.get(this.#key(row))
    if (row === undefined || object === null) return []
    const file = new Uint8Array(await object.arrayBuffer())
    let start = 0
    const chunks = (JSON.parse(row.chunks) as [number, number, number, number][]).map(([offset, count, at, length]) => {
      const data = file.slice(start, start + length)
      start += length
      return { offset, count, at, data }
    })
    let left = bytes
    return chunks.filter((chunk) => {
      const wanted = chunk.offset + chunk.count > from && left > 0
      if (wanted) left -= chunk.data.byteLength
      return wanted
    })
  }

  /** Deletes what lies below `committed`. */
  async forget(committed: number): Promise<void> {
    const gone = this.#rows.filter(({ next }) => next <= committed)
    for (const row of gone) {
      await this.#bucket.delete(this.#key(row))
      this.#db.run('DELETE FROM expired WHERE first = ?', row.first)
    }
    this.#rows = this.#rows.filter((row) => !gone.includes(row))
  }

  #key({ first, next }: OverdueRow): string {
    return `expired/${this.#partition}/${first}-${next}`
  }
}
