import type { Attempt } from '../core/dead-letter.ts'
import type { Database } from '../storage/database.ts'

/** An event with a row of its own: retrying, or waiting behind one of the same key. */
export interface WaitingRow {
  /** Its offset in the stream; above `replayBase` for a replayed dead letter. */
  readonly offset: number
  /** Where the stream holds the event; differs from `offset` for a replayed letter, -1 when the stream never had it. */
  readonly origin: number
  readonly key: string
  readonly id: string
  /** Milliseconds since the epoch of its next attempt; null while it waits behind another of its key. */
  due: number | null
  attempts: number
  /** Milliseconds since the epoch of its first failed attempt; 0 before. */
  first: number
  /** When it became durable in the stream, milliseconds since the epoch. */
  readonly at: number
  history: Attempt[]
}

/** Where a row stands in its line. */
export interface RowPlace {
  readonly offset: number
  readonly key: string
  readonly due: number | null
  /** Not before, also when the destination is back; milliseconds since the epoch. */
  readonly earliest: number
}

/** A waiting row with the event, as `pack` wrote its two lines. */
export interface StoredRow extends WaitingRow {
  readonly header: string
  readonly event: string
}

/** UTF-16 code units of numbers and texts that a row has beside its event. */
const besides = 150
/** Rows from which a lane guesses what one takes, when it is opened. */
const sampled = 200
/** What of a row is its own size. */
const lengthSql = `length(header) + length(event) + length(history) + ${besides}`
const placeSql = 'SELECT offset, key, due, coalesce(earliest, due, 0) AS earliest FROM waiting'

/**
 * The events of a lane that are retried, or wait behind one of the same key that is: table `waiting`, one row each. Layout
 * version 1. While there are very many, the table has an index on `key`.
 */
export class WaitingRows {
  readonly #db: Database
  #count: number
  /** Bytes of a row, about: the average of those that were there, and of those that came. */
  #averageBytes: number
  #isIndexed: boolean

  constructor(db: Database) {
    this.#db = db
    db.run(
      `CREATE TABLE IF NOT EXISTS waiting (offset INTEGER PRIMARY KEY, origin INTEGER NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, due INTEGER,
       attempts INTEGER NOT NULL, first INTEGER NOT NULL, at INTEGER NOT NULL, history TEXT NOT NULL, header TEXT NOT NULL,
       event TEXT NOT NULL, earliest INTEGER)`,
    )
    const { sql } = db.first<{ sql: string }>("SELECT sql FROM sqlite_master WHERE name = 'waiting'") ?? { sql: '' }
    // The table of a version that did not store it: its rows keep all of their wait.
    if (!sql.includes('earliest')) db.run('ALTER TABLE waiting ADD COLUMN earliest INTEGER')
    this.#isIndexed = db.first("SELECT name FROM sqlite_master WHERE name = 'waiting_key'") !== undefined
    this.#count = db.first<{ n: number }>('SELECT count(*) AS n FROM waiting')?.n ?? 0
    this.#averageBytes =
      db.first<{ n: number | null }>(
        `SELECT avg(n) AS n FROM (SELECT ${lengthSql} AS n FROM waiting ORDER BY offset LIMIT ${sampled})`,
      )?.n ?? 0
  }

  get count(): number {
    return this.#count
  }

  /** About so many bytes they take, in all. */
  get bytes(): number {
    return Math.round(this.#count * this.#averageBytes)
  }

  /** Makes the index on the key, or drops it: a row that comes or goes with it costs another written row. */
  index(isWanted: boolean): void {
    if (this.#isIndexed === isWanted) return
    this.#db.run(isWanted ? 'CREATE INDEX waiting_key ON waiting (key)' : 'DROP INDEX waiting_key')
    this.#isIndexed = isWanted
  }

  /** Whether a key has a row. Reads all of them without the index. */
  has(key: string): boolean {
    return this.#db.first('SELECT 1 FROM waiting WHERE key = ? LIMIT 1', key) !== undefined
  }

  /** The first row of a key behind an offset. Reads all of them without the index. */
  firstOf(key: string, after: number): number | undefined {
    return (
      this.#db.first<{ offset: number | null }>(
        'SELECT min(offset) AS offset FROM waiting WHERE key = ? AND offset > ?',
        key,
        after,
      )?.offset ?? undefined
    )
  }

  /** Places of rows above `after`, in order; at most `most`. */
  places(after: number, most = 10_000): RowPlace[] {
    return this.#db.all(`${placeSql} WHERE offset > ? ORDER BY offset LIMIT ?`, after, most)
  }

  /** The place of one row. */
  place(offset: number): RowPlace | undefined {
    return this.#db.first(`${placeSql} WHERE offset = ?`, offset)
  }

  /** Lets every one go at its earliest time. */
  endWaits(): void {
    this.#db.run('UPDATE waiting SET due = earliest WHERE due > earliest')
  }

  /** Lets every one go now. */
  waitNoMore(): void {
    this.#db.run('UPDATE waiting SET due = 0, earliest = 0 WHERE due > 0')
  }

  /** The newest attempt of the oldest that was tried. */
  lastAttempt(): Attempt | undefined {
    const row = this.#db.first<{ history: string }>(
      'SELECT history FROM waiting WHERE attempts > 0 ORDER BY offset LIMIT 1',
    )
    return row === undefined ? undefined : (JSON.parse(row.history) as Attempt[]).at(-1)
  }

  /** Where the stream holds them, from `cursor` on. */
  origins(cursor: number): number[] {
    return this.#db
      .all<{ origin: number }>('SELECT origin FROM waiting WHERE origin >= ?', cursor)
      .map(({ origin }) => origin)
  }

  /** When the first of them became durable in the stream. */
  oldest(): number | undefined {
    return this.#db.first<{ at: number }>('SELECT at FROM waiting ORDER BY offset LIMIT 1')?.at
  }

  at(offset: number): StoredRow | undefined {
    return this.#row('offset = ?', offset)
  }

  byId(id: string): StoredRow | undefined {
    return this.#row('id = ? ORDER BY offset LIMIT 1', id)
  }

  #row(where: string, value: string | number): StoredRow | undefined {
    const row = this.#db.first<Omit<StoredRow, 'history'> & { history: string }>(
      `SELECT * FROM waiting WHERE ${where}`,
      value,
    )
    return row === undefined ? undefined : { ...row, history: JSON.parse(row.history) as Attempt[] }
  }

  put(row: WaitingRow, text: { readonly header: string; readonly event: string }, earliest: number): void {
    const history = JSON.stringify(row.history)
    this.#db.run(
      'INSERT OR REPLACE INTO waiting (offset, origin, key, id, due, attempts, first, at, history, header, event, earliest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      row.offset,
      row.origin,
      row.key,
      row.id,
      row.due,
      row.attempts,
      row.first,
      row.at,
      history,
      text.header,
      text.event,
      earliest,
    )
    const bytes = text.header.length + text.event.length + history.length + besides
    this.#count++
    this.#averageBytes += (bytes - this.#averageBytes) / this.#count
  }

  update(row: WaitingRow, earliest: number): void {
    this.#db.run(
      'UPDATE waiting SET due = ?, earliest = ?, attempts = ?, first = ?, history = ? WHERE offset = ?',
      row.due,
      earliest,
      row.attempts,
      row.first,
      JSON.stringify(row.history),
      row.offset,
    )
  }

  delete(offset: number): void {
    this.#db.run('DELETE FROM waiting WHERE offset = ?', offset)
    this.#count = Math.max(0, this.#count - 1)
  }

  /** Deletes all. */
  clear(): void {
    if (this.#count > 0) this.#db.run('DELETE FROM waiting')
    this.#count = 0
    this.index(false)
  }
}
