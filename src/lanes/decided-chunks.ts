import type { Chunk } from '../core/inbox.ts'
import type { Database } from '../storage/database.ts'
import { frame, joinFrames, splitFrames, unframe } from '../storage/frame.ts'

/** Events of a warehouse's lane as its transforms made them: `count` places of the lane became `events` events. */
export interface DecidedChunk extends Chunk {
  readonly events: number
}

/** What a row says of a chunk, as JSON in its first frame. */
type Stored = readonly [count: number, at: number, events: number]

/**
 * What the transforms of a warehouse made of events that are in no staging file yet: rows of the table `decided` (see
 * DecisionStore), under -1 minus the first place, so that no event of a destination has the same.
 */
export class DecidedChunks {
  readonly #db: Database

  /**
   * @param db has the table `decided`
   * @param cursor everything below it is in a staging file
   */
  constructor(db: Database, cursor: number) {
    this.#db = db
    this.deleteBelow(cursor)
  }

  /** All of them, in order. */
  all(): DecidedChunk[] {
    const rows = this.#db.all<{ offset: number; data: ArrayBuffer }>(
      'SELECT offset, data FROM decided WHERE offset < 0 ORDER BY offset DESC',
    )
    return rows.map(({ offset, data }) => {
      const [head, ...frames] = [...splitFrames(new Uint8Array(data))]
      const [count, at, events] = JSON.parse(unframe(head as Uint8Array)) as Stored
      return { offset: -1 - offset, count, at, events, data: joinFrames(frames) }
    })
  }

  /** Keeps a chunk, of at most 1.9 MB, until `deleteBelow`. */
  put({ offset, count, at, events, data }: DecidedChunk): void {
    const head: Stored = [count, at, events]
    this.#db.run(
      'INSERT OR REPLACE INTO decided (offset, data) VALUES (?, ?)',
      -1 - offset,
      joinFrames([frame(JSON.stringify(head)), data]),
    )
  }

  /** Forgets what begins below a place. */
  deleteBelow(place: number): void {
    this.#db.run('DELETE FROM decided WHERE offset < 0 AND offset > ?', -1 - place)
  }
}
