import type { Chunk } from '../core/inbox.ts'
import type { Database } from '../storage/database.ts'
import type { Segment, Segments } from '../storage/segments.ts'
import { offsetInChunk } from './records.ts'

/** What is known of a segment's newest record is this far from the truth at most, in milliseconds: it costs a row to be closer. */
const grain = 60_000

interface TimesRow {
  segment: number
  newest: number
}

/**
 * Finds records by their time, where producers give times: these need not grow with the offset.
 *
 * A row that holds such a record has its latest time in `prints` (8 bytes, big-endian); the table `topic_times` says how late
 * the records of a segment are.
 */
export class TopicTimes {
  readonly #db: Database
  readonly #segments: Segments
  readonly #newest: Map<number, number>

  constructor(db: Database, segments: Segments) {
    this.#db = db
    this.#segments = segments
    db.run('CREATE TABLE IF NOT EXISTS topic_times (segment INTEGER PRIMARY KEY, newest INTEGER NOT NULL)')
    const rows = db.all<TimesRow>('SELECT segment, newest FROM topic_times')
    this.#newest = new Map(rows.map(({ segment, newest }) => [segment, newest]))
  }

  /**
   * What the row of an append notes of its times.
   *
   * @param newest the latest time of its records; undefined where all have the time of the append
   */
  static printOf(newest: number | undefined): Uint8Array {
    if (newest === undefined) return new Uint8Array(0)
    const print = new Uint8Array(8)
    new DataView(print.buffer).setBigUint64(0, BigInt(newest))
    return print
  }

  /** Notes the times of what was just appended. */
  note(newest: number): void {
    const { number } = this.#segments.segments.at(-1) as Segment
    if ((this.#newest.get(number) ?? -1) >= newest) return
    const rounded = Math.ceil(newest / grain) * grain
    this.#newest.set(number, rounded)
    this.#db.run('INSERT OR REPLACE INTO topic_times (segment, newest) VALUES (?, ?)', number, rounded)
  }

  /** Forgets a segment. */
  drop({ number }: Segment): void {
    if (this.#newest.delete(number)) this.#db.run('DELETE FROM topic_times WHERE segment = ?', number)
  }

  /** The offset of the first record of `time` (milliseconds since the epoch) or later; the head when there is none. */
  offsetAt(time: number): number {
    for (const segment of this.#segments.segments) {
      const newest = this.#newest.get(segment.number)
      if (newest === undefined) {
        const offset = this.#segments.offsetIn(segment, time)
        if (offset < segment.next) return offset
      } else if (Math.max(newest, segment.ends) >= time) {
        const row = this.#rowAt(segment, time)
        if (row !== undefined) return offsetInChunk(row, time)
      }
    }
    return this.#segments.next
  }

  /** Looks at every row of the segment, but not at its records. */
  #rowAt({ number }: Segment, time: number): Chunk | undefined {
    if (time > Number.MAX_SAFE_INTEGER) return undefined
    const row = this.#db.first<{ offset: number; count: number; at: number; data: ArrayBuffer }>(
      `SELECT offset, count, at, data FROM topic_${number} WHERE (length(prints) = 0 AND at >= ?) OR (length(prints) = 8 AND prints >= ?) ORDER BY offset LIMIT 1`,
      time,
      TopicTimes.printOf(time),
    )
    return row === undefined ? undefined : { ...row, data: new Uint8Array(row.data) }
  }
}
