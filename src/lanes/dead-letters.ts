import type { LetterFilter, LettersQuery } from '../core/bindings.ts'
import type { Cause, NewDeadLetter, DeadLetter, LetterExchange } from '../core/dead-letter.ts'
import type { EventUsers } from '../core/erased-user.ts'
import type { Facts } from '../core/envelope.ts'
import { RPC_BYTES } from '../platform/limits.ts'
import type { Database } from '../storage/database.ts'
import { RecentKeys } from '../storage/recent-keys.ts'
import { type CauseSource, causeOf, Causes } from './causes.ts'

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
  cause: string | null
  exchange: string | null
  original: string | null
  rest: string | null
  facts: string | null
  users: string | null
}

/** What of a row says of which cause its letter is, where the row does not say so. */
type CauseRow = Pick<
  DeadLetterRow,
  'number' | 'stage' | 'code' | 'reason' | 'detail' | 'message_id' | 'key' | 'at' | 'cause'
>
const causeColumns = 'number, stage, code, reason, substr(detail, 1, 300) AS detail, message_id, key, at, cause'

/** Columns that a version added: the rows of an older one have none of it. */
const addedColumns = {
  transformed: 'INTEGER',
  cause: 'TEXT',
  exchange: 'TEXT',
  original: 'TEXT',
  rest: 'TEXT',
  facts: 'TEXT',
  users: 'TEXT',
} as const

/** The event's JSON, where it is some. */
const field = (name: string): string =>
  `CASE WHEN json_valid(event) THEN CAST(json_extract(event, '$.${name}') AS TEXT) END`

/** Every filter is a parameter from 2 on, null where it is not wanted; parameter 1 is where to begin. */
const filterSql = `(?2 IS NULL OR stage = ?2) AND (?3 IS NULL OR message_id = ?3) AND (?4 IS NULL OR cause = ?4 OR cause IS NULL)
  AND (?5 IS NULL OR at >= ?5) AND (?6 IS NULL OR at < ?6) AND (?7 IS NULL OR ${field('event')} = ?7)
  AND (?8 IS NULL OR ${field('userId')} = ?8 OR ${field('anonymousId')} = ?8)`
const filterValues = ({ stage, messageId, cause, from, to, event, user }: LetterFilter) => [
  stage ?? null,
  messageId ?? null,
  cause ?? null,
  from ?? null,
  to ?? null,
  event ?? null,
  user ?? null,
]

/**
 * The dead letters of one lane: table `dead`, one row each, numbered as they came. Layout version 1.
 *
 * Listing reads rows (cheap), never an index (an index would cost a written row per letter).
 */
export class DeadLetters {
  readonly #db: Database
  readonly #lane: { readonly target: string; readonly partition: number }
  readonly #causes: Causes
  #isCounted = false
  /** Letters of loads, which may be repeated: a loader may die before it has noted how far it is. */
  readonly #ofLoads: RecentKeys

  constructor(db: Database, lane: { readonly target: string; readonly partition: number }) {
    this.#db = db
    this.#lane = lane
    db.run(
      `CREATE TABLE IF NOT EXISTS dead (number INTEGER PRIMARY KEY, offset INTEGER, stage TEXT NOT NULL, message_id TEXT NOT NULL,
       source TEXT NOT NULL, key TEXT NOT NULL, reason TEXT NOT NULL, code TEXT NOT NULL, detail TEXT, received_at TEXT NOT NULL,
       at INTEGER NOT NULL, event TEXT NOT NULL, attempts TEXT NOT NULL, edited INTEGER NOT NULL, transformed INTEGER,
       cause TEXT, exchange TEXT, original TEXT, rest TEXT, facts TEXT, users TEXT)`,
    )
    const { sql } = db.first<{ sql: string }>("SELECT sql FROM sqlite_master WHERE name = 'dead'") ?? { sql: '' }
    for (const [name, type] of Object.entries(addedColumns))
      if (!sql.includes(`${name} ${type}`)) db.run(`ALTER TABLE dead ADD COLUMN ${name} ${type}`)
    this.#causes = new Causes(db)
    this.#ofLoads = new RecentKeys(db, 'load_letters')
    // Numbers are never used twice, also when the newest letter is gone: an id names one letter for ever.
    db.run('CREATE TABLE IF NOT EXISTS dead_floor (id INTEGER PRIMARY KEY, next INTEGER NOT NULL)')
  }

  /** Stores a letter. `offset` is the event's place in the stream, when it has one. */
  add(letter: NewDeadLetter, at: number, offset: number | null = null): void {
    const number = this.#next()
    const reason = letter.reason.slice(0, detailLength)
    const detail = letter.detail?.slice(0, detailLength)
    const cause = this.#counted().add({ ...letter, reason, ...(detail === undefined ? {} : { detail }) }, number, at)
    this.#db.run(
      `INSERT INTO dead (number, offset, stage, message_id, source, key, reason, code, detail, received_at, at, event, attempts, edited, transformed, cause, exchange, rest, facts, users)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?)`,
      number,
      offset,
      letter.stage,
      letter.messageId,
      letter.source,
      letter.key,
      reason,
      letter.code,
      detail ?? null,
      letter.receivedAt,
      at,
      letter.event,
      JSON.stringify(letter.attempts),
      letter.transformed === true ? 1 : null,
      cause,
      letter.exchange === undefined ? null : JSON.stringify(letter.exchange),
      letter.rest ?? null,
      letter.facts === undefined ? null : JSON.stringify(letter.facts),
      letter.users === undefined ? null : JSON.stringify(letter.users),
    )
  }

  /** Of letters of a load, those that no load has brought in the last hour, unless they were removed; they are yet to be added. */
  ofLoad(letters: readonly NewDeadLetter[], now: number): readonly NewDeadLetter[] {
    return letters.filter((letter) => {
      const key = eventOf(letter)
      if (this.#ofLoads.has(key, now)) return false
      this.#ofLoads.note(key, now)
      return true
    })
  }

  /** The causes of all letters, the most frequent first. */
  causes(): Cause[] {
    return this.#counted()
      .list()
      .map(({ sample, ...cause }) => ({ ...cause, sample: this.#idOf(this.#sampleOf(cause.cause, sample)) }))
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
  list({ before, limit, length = listLength, ...filter }: LettersQuery): DeadLetter[] {
    const letters: DeadLetter[] = []
    let left = length
    for (let next = before ?? Number.MAX_SAFE_INTEGER; letters.length < limit;) {
      const row = this.#db.first<DeadLetterRow>(
        `SELECT * FROM dead WHERE number < ?1 AND ${filterSql} ORDER BY number DESC LIMIT 1`,
        next,
        ...filterValues(filter),
      )
      if (row === undefined) break
      next = row.number
      if (!isOfCause(row, filter.cause)) continue
      left -= lengthOf(row)
      if (left < 0 && letters.length > 0) break
      letters.push(this.#letter(row))
    }
    return letters
  }

  /** Numbers of letters above `after` and not above `last`, oldest first, at most `limit`; `next` says after which to go on. */
  numbers(
    filter: LetterFilter,
    range: { readonly after: number; readonly last: number; readonly limit: number },
  ): { readonly numbers: readonly number[]; readonly next: number } {
    const rows = this.#db.all<CauseRow>(
      `SELECT ${causeColumns} FROM dead WHERE number > ?1 AND ${filterSql} AND number <= ?9 ORDER BY number LIMIT ?10`,
      range.after,
      ...filterValues(filter),
      range.last,
      range.limit,
    )
    return {
      numbers: rows.filter((row) => isOfCause(row, filter.cause)).map(({ number }) => number),
      next: rows.length < range.limit ? range.last : (rows.at(-1)?.number ?? range.last),
    }
  }

  /** The number of the newest letter; 0 where there is none. */
  get last(): number {
    return this.#db.first<{ number: number }>('SELECT number FROM dead ORDER BY number DESC LIMIT 1')?.number ?? 0
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
    return {
      ...letter,
      ...(detail === undefined ? {} : { detail }),
      event: row.event,
      ...(row.rest === null ? {} : { rest: row.rest }),
      ...(row.facts === null ? {} : { facts: JSON.parse(row.facts) as Facts }),
      ...(row.users === null ? {} : { users: JSON.parse(row.users) as EventUsers }),
    }
  }

  /** Where the stream holds the letter's event; undefined when it never had it. */
  offsetOf(number: number): number | undefined {
    return this.#row(number)?.offset ?? undefined
  }

  /** Replaces the event of a letter, unless that is not `before` any more. */
  edit(number: number, event: string, before?: string): DeadLetter | 'changed' | null {
    if (before !== undefined && (this.#row(number)?.event ?? before) !== before) return 'changed'
    this.#db.run(
      'UPDATE dead SET original = coalesce(original, event), event = ?, edited = 1 WHERE number = ?',
      event,
      number,
    )
    return this.get(number)
  }

  /** Removes a letter; false when there was none. */
  remove(number: number): boolean {
    const row = this.#db.first<CauseRow>(`SELECT ${causeColumns} FROM dead WHERE number = ?`, number)
    if (row === undefined) return false
    this.#counted().remove(row.cause ?? causeOf(sourceOf(row)).id)
    const letter = row.stage === 'load' ? this.getStored(number) : null
    if (letter !== null) this.#ofLoads.forget(eventOf(letter), Date.now())
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
    return Math.max(floor, this.last + 1)
  }

  /** The causes, once it is certain that all letters are counted. */
  #counted(): Causes {
    if (!this.#isCounted) {
      this.#isCounted = true
      if (this.#causes.total !== this.count) this.#causes.recount(this.#causeRows())
    }
    return this.#causes
  }

  *#causeRows(): Generator<CauseSource & { readonly number: number; readonly at: number }> {
    for (let after = 0; ;) {
      const rows = this.#db.all<CauseRow>(
        `SELECT ${causeColumns} FROM dead WHERE number > ? ORDER BY number LIMIT 1000`,
        after,
      )
      for (const row of rows) yield { ...sourceOf(row), number: row.number, at: row.at }
      const last = rows.at(-1)
      if (last === undefined) return
      after = last.number
    }
  }

  /** The number of a letter of a cause that is there: `newest`, or the newest that is left. */
  #sampleOf(cause: string, newest: number): number {
    if (this.#row(newest) !== undefined) return newest
    const [row] = this.#db.all<CauseRow>(
      `SELECT ${causeColumns} FROM dead WHERE cause = ? ORDER BY number DESC LIMIT 1`,
      cause,
    )
    return row?.number ?? newest
  }

  #row(number: number): DeadLetterRow | undefined {
    return this.#db.first<DeadLetterRow>('SELECT * FROM dead WHERE number = ?', number)
  }

  #letter(row: DeadLetterRow): DeadLetter {
    return {
      id: this.#idOf(row.number),
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
      cause: row.cause ?? causeOf(sourceOf(row)).id,
      ...(row.original === null ? {} : { original: parseOrText(row.original) }),
      ...(row.exchange === null ? {} : (JSON.parse(row.exchange) as LetterExchange)),
    }
  }

  #idOf(number: number): string {
    return `${this.#lane.target}:${this.#lane.partition}:${number}`
  }
}

/** Of all that a letter carries; a few hundred for its names. */
const lengthOf = ({ event, attempts, detail, exchange, original }: DeadLetterRow): number =>
  event.length + attempts.length + (detail?.length ?? 0) + (exchange?.length ?? 0) + (original?.length ?? 0) + 500

const sourceOf = ({ stage, code, reason, detail, message_id: messageId, key }: CauseRow): CauseSource => ({
  stage: stage as DeadLetter['stage'],
  code,
  reason,
  ...(detail === null ? {} : { detail }),
  messageId,
  key,
})

/** Names the event of a letter. */
const eventOf = ({ source, messageId, receivedAt }: NewDeadLetter): string =>
  JSON.stringify([source, messageId, receivedAt])

/** Whether a letter is of a cause: one of an older version does not say so itself. */
const isOfCause = (row: CauseRow, cause: string | undefined): boolean =>
  cause === undefined || row.cause === cause || (row.cause === null && causeOf(sourceOf(row)).id === cause)

/** What was sent need not be JSON. */
function parseOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
