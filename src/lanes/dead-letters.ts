import type { LettersQuery } from '../core/bindings.ts'
import type { NewDeadLetter, DeadLetter } from '../core/dead-letter.ts'
import { RPC_BYTES } from '../platform/limits.ts'
import type { Database } from '../storage/database.ts'

/** The most of a detail (a stack, an answer's body), and of a reason, that is kept, in UTF-16 code units. */
const detailLength = 10_000
/** What one list holds, in UTF-16 code units: with two bytes for each, half of what a call carries. */
const listLength = RPC_BYTES / 4

interface DeadLetterRow {
  number: number
  offset: number | null
  stage: string
  message_id: string
  source: string
  key: string
  reason: string
  code: string
  detail: string | null
  received_at: string
  at: number
  event: string
  attempts: string
  edited: number
  transformed: number | null
}

/**
 * The dead letters of one lane: table `dead`, one row each, numbered as they came. Layout version 1.
 *
 * Listing reads rows (cheap), never an index (an index would cost a written row per letter).
 */
export class DeadLetters {
  readonly #db: Database
  readonly #lane: { readonly target: string; readonly partition: number }

  constructor(db: Database, lane: { readonly target: string; readonly partition: number }) {
    this.#db = db
    this.#lane = lane
    db.run(
      `CREATE TABLE IF NOT EXISTS dead (number INTEGER PRIMARY KEY, offset INTEGER, stage TEXT NOT NULL, message_id TEXT NOT NULL,
       source TEXT NOT NULL, key TEXT NOT NULL, reason TEXT NOT NULL, code TEXT NOT NULL, detail TEXT, received_at TEXT NOT NULL,
       at INTEGER NOT NULL, event TEXT NOT NULL, attempts TEXT NOT NULL, edited INTEGER NOT NULL, transformed INTEGER)`,
    )
    const { sql } = db.first<{ sql: string }>("SELECT sql FROM sqlite_master WHERE name = 'dead'") ?? { sql: '' }
    // The table of a version that did not store it: its letters hold events as they were accepted.
    if (!sql.includes('transformed')) db.run('ALTER TABLE dead ADD COLUMN transformed INTEGER')
    // Numbers are never used twice, also when the newest letter is gone: an id names one letter for ever.
    db.run('CREATE TABLE IF NOT EXISTS dead_floor (id INTEGER PRIMARY KEY, next INTEGER NOT NULL)')
  }

  /** Stores a letter. `offset` is the event's place in the stream, when it has one. */
  add(letter: NewDeadLetter, at: number, offset: number | null = null): void {
    this.#db.run(
      `INSERT INTO dead (number, offset, stage, message_id, source, key, reason, code, detail, received_at, at, event, attempts, edited, transformed)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)`,
      this.#next(),
      offset,
      letter.stage,
      letter.messageId,
      letter.source,
      letter.key,
      letter.reason.slice(0, detailLength),
      letter.code,
      letter.detail?.slice(0, detailLength) ?? null,
      letter.receivedAt,
      at,
      letter.event,
      JSON.stringify(letter.attempts),
      letter.transformed === true ? 1 : null,
    )
  }

  get count(): number {
    return this.#db.first<{ n: number }>('SELECT count(*) AS n FROM dead')?.n ?? 0
  }

  /** Offsets, from `cursor` on, of events that are dead already: a lane that reads them again passes over them. */
  offsetsFrom(cursor: number): Set<number> {
    return new Set(
      this.#db.all<{ offset: number }>('SELECT offset FROM dead WHERE offset >= ?', cursor).map(({ offset }) => offset),
    )
  }

  /** Newest first, up to `length` UTF-16 code units, at least one if there is any: together they must fit one call. */
  list({ before, limit, length = listLength, stage, messageId }: LettersQuery): DeadLetter[] {
    const letters: DeadLetter[] = []
    let left = length
    for (let next = before ?? Number.MAX_SAFE_INTEGER; letters.length < limit;) {
      const row = this.#db.first<DeadLetterRow>(
        `SELECT * FROM dead WHERE number < ? AND (?2 IS NULL OR stage = ?2) AND (?3 IS NULL OR message_id = ?3) ORDER BY number DESC LIMIT 1`,
        next,
        stage ?? null,
        messageId ?? null,
      )
      if (row === undefined) break
      left -= lengthOf(row)
      if (left < 0 && letters.length > 0) break
      letters.push(this.#letter(row))
      next = row.number
    }
    return letters
  }

  get(number: number): DeadLetter | null {
    const row = this.#row(number)
    return row === undefined ? null : this.#letter(row)
  }

  /** The event's JSON text and what it needs to travel again. */
  getStored(number: number): NewDeadLetter | null {
    const row = this.#row(number)
    if (row === undefined) return null
    const { detail, ...letter } = this.#letter(row)
    return { ...letter, ...(detail === undefined ? {} : { detail }), event: row.event }
  }

  /** Where the stream holds the letter's event; undefined when it never had it. */
  offsetOf(number: number): number | undefined {
    return this.#row(number)?.offset ?? undefined
  }

  edit(number: number, event: string): DeadLetter | null {
    this.#db.run('UPDATE dead SET event = ?, edited = 1 WHERE number = ?', event, number)
    return this.get(number)
  }

  /** Removes a letter; false when there was none. */
  remove(number: number): boolean {
    if (this.#row(number) === undefined) return false
    this.#db.run('INSERT OR REPLACE INTO dead_floor (id, next) VALUES (0, ?)', this.#next())
    this.#db.run('DELETE FROM dead WHERE number = ?', number)
    return true
  }

  /** Removes letters older than `before` (milliseconds); returns how many. */
  expire(before: number): number {
    const old = this.#db.all<{ number: number }>('SELECT number FROM dead WHERE at < ?', before)
    for (const { number } of old) this.remove(number)
    return old.length
  }

  #next(): number {
    const floor = this.#db.first<{ next: number }>('SELECT next FROM dead_floor WHERE id = 0')?.next ?? 1
    const last = this.#db.first<{ number: number }>('SELECT number FROM dead ORDER BY number DESC LIMIT 1')?.number ?? 0
    return Math.max(floor, last + 1)
  }

  #row(number: number): DeadLetterRow | undefined {
    return this.#db.first<DeadLetterRow>('SELECT * FROM dead WHERE number = ?', number)
  }

  #letter(row: DeadLetterRow): DeadLetter {
    return {
      id: `${this.#lane.target}:${this.#lane.partition}:${row.number}`,
      target: this.#lane.target,
      stage: row.stage as DeadLetter['stage'],
      messageId: row.message_id,
      source: row.source,
      key: row.key,
      reason: row.reason,
      code: row.code,
      ...(row.detail === null ? {} : { detail: row.detail }),
      receivedAt: row.received_at,
      at: row.at,
      event: parseOrText(row.event),
      attempts: JSON.parse(row.attempts) as DeadLetter['attempts'],
      edited: row.edited === 1,
      ...(row.transformed === 1 ? { transformed: true } : {}),
    }
  }
}

/** Of all that a letter carries; a few hundred for its names. */
const lengthOf = ({ event, attempts, detail }: DeadLetterRow): number =>
  event.length + attempts.length + (detail?.length ?? 0) + 500

/** What was sent need not be JSON. */
function parseOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
