import type { WaitingTable } from '../core/sync.ts'
import type { Database } from '../storage/database.ts'
import { fingerprintOf } from '../storage/fingerprint.ts'
import { LoadPosition } from './load-position.ts'

/** Why a table does not take rows. */
export interface TableFailure {
  readonly reason: string
  readonly code: string
}

/** Rows of one table that a slice does not load, with the events that they are of. */
export interface Held {
  readonly table: string
  /** messageIds of the events. */
  readonly ids: readonly string[]
  /** True when they are all rows that the slice has for the table: later ones wait behind them. */
  readonly whole: boolean
  readonly failure: TableFailure
}

/** A file of events whose rows wait for one table. */
export interface HeldFile {
  readonly number: number
  /** Key in R2. */
  readonly key: string
  readonly table: string
  /** Files of a table are loaded in this order, and by number. */
  readonly place: number
  readonly events: number
  readonly bytes: number
  /** When its rows began to wait, milliseconds since the epoch. */
  readonly at: number
}

/** `planned` → `waiting` → `done` (its object is to be deleted); or `stuck`: it cannot be read, its object is kept. */
type State = 'planned' | 'waiting' | 'done' | 'stuck'

interface TableState extends TableFailure {
  readonly since: number
  readonly tries: number
  readonly nextAt: number
}

interface FileRow {
  readonly number: number
  readonly key: string
  readonly name: string
  readonly slice: string
  readonly whole: number
  readonly prints: ArrayBuffer
  readonly failure: string
}

/** Attempts are 60 s apart, and twice as far after each, up to 1800 s. */
const firstWaitMs = 60_000
const longestWaitMs = 1_800_000
// The schedule comes once a minute, a little early at times.
const slackMs = 2_000
/** As at RudderStack, rows are given up after more attempts than these, and when they have waited for longer. */
const leastTries = 3
const giveUpMs = 180 * 60_000
/** Events whose ids are compared with those of later rows; with more, all rows of the table wait. */
const mostCompared = 50_000

/** Eight bytes that stand for a messageId. */
export const printOf = (id: string): bigint => new BigUint64Array(fingerprintOf('', id).buffer)[0] as bigint

/**
 * Tables `held_tables` and `held_files`: tables of the warehouse that refuse rows while others take theirs, and the files in R2
 * with the events of these rows.
 *
 * What a slice holds is decided once: the decision is stored before anything that depends on it is written, and a repeat of the
 * slice after a crash keeps to it. A file is written between `plan` and `commit`, so that none is in R2 that is not known here.
 */
export class HeldRows {
  readonly #db: Database
  readonly #tables = new Map<string, TableState>()
  /** Tables of which all rows wait. */
  #blocked = new Set<string>()
  /** For tables of which some rows wait: the ids of their events. */
  readonly #prints = new Map<string, ReadonlySet<bigint>>()

  constructor(db: Database) {
    this.#db = db
    db.run('CREATE TABLE IF NOT EXISTS held_tables (name TEXT PRIMARY KEY, state TEXT) WITHOUT ROWID')
    db.run(
      `CREATE TABLE IF NOT EXISTS held_files (number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT, name TEXT, slice TEXT, place INTEGER,
       state TEXT, whole INTEGER, events INTEGER, bytes INTEGER, at INTEGER, prints BLOB, failure TEXT, origin INTEGER, stuck TEXT)`,
    )
    const columns = db.all<{ readonly name: string }>('PRAGMA table_info(held_files)')
    if (!columns.some(({ name }) => name === 'stuck')) db.run('ALTER TABLE held_files ADD COLUMN stuck TEXT')
    for (const { name, state } of db.all<{ name: string; state: string }>('SELECT * FROM held_tables'))
      this.#tables.set(name, JSON.parse(state) as TableState)
    this.#look()
  }

  /** Whether all rows of a table wait. */
  isBlocked(table: string): boolean {
    return this.#blocked.has(table)
  }

  /**
   * The ids of events that have rows waiting for a table.
   *
   * @param before only those of files that come before this one
   */
  printsOf(table: string, before?: HeldFile): ReadonlySet<bigint> {
    if (!this.#tables.has(table)) return new Set()
    const known = before === undefined ? this.#prints.get(table) : undefined
    if (known !== undefined) return known
    const files = this.#db.all<Pick<FileRow, 'prints'>>(
      `SELECT prints FROM held_files WHERE name = ?1 AND state = 'waiting'
       AND (place < ?2 OR (place = ?2 AND number < ?3))`,
      table,
      before?.place ?? Number.MAX_SAFE_INTEGER,
      before?.number ?? 0,
    )
    const prints = new Set(files.flatMap((file) => [...printsIn(file.prints)]))
    if (before === undefined) this.#prints.set(table, prints)
    return prints
  }

  /** What was decided for a slice that was not committed: by table, the ids of events that wait. */
  planOf(slice: string): ReadonlyMap<string, { readonly whole: boolean; readonly prints: ReadonlySet<bigint> }> {
    const files = this.#db.all<Pick<FileRow, 'name' | 'whole' | 'prints'>>(
      `SELECT name, whole, prints FROM held_files WHERE slice = ? AND state = 'planned'`,
      slice,
    )
    return new Map(
      files.map(({ name, whole, prints }) => [name, { whole: whole === 1, prints: new Set(printsIn(prints)) }]),
    )
  }

  /**
   * Decides what a slice holds, unless that is decided.
   *
   * @param slice its id
   * @param held by table, each at most once
   * @param how `folder`, where the files go; `from`, the file that the slice is of, where it is one of these; `now`
   * @returns the keys of the files to write, in the order of `held`
   */
  plan(
    slice: string,
    held: readonly Held[],
    how: { readonly folder: string; readonly from?: HeldFile | undefined; readonly now: number },
  ): string[] {
    return held.map(({ table, ids, whole, failure }) => {
      const known = this.#db.first<Pick<FileRow, 'key'>>(
        `SELECT key FROM held_files WHERE slice = ? AND name = ? AND state = 'planned'`,
        slice,
        table,
      )
      const prints = printsOf(ids)
      if (known !== undefined) {
        // A repeat after a crash may have more of them.
        this.#db.run('UPDATE held_files SET events = ?, prints = ? WHERE key = ?', ids.length, prints, known.key)
        return known.key
      }
      const waiting = this.#eventsOf(table) - (how.from?.table === table ? how.from.events : 0)
      this.#db.run(
        `INSERT INTO held_files (name, slice, place, state, whole, events, at, prints, failure, origin)
         VALUES (?, ?, ?, 'planned', ?, ?, ?, ?, ?, ?)`,
        table,
        slice,
        how.from?.place ?? null,
        whole || waiting + ids.length > mostCompared ? 1 : 0,
        ids.length,
        how.from?.at ?? how.now,
        prints,
        JSON.stringify(failure),
        how.from?.number ?? 0,
      )
      const { number } = this.#db.first<{ number: number }>('SELECT max(number) AS number FROM held_files') ?? {}
      const key = `${how.folder}/${number}`
      this.#db.run(
        'UPDATE held_files SET key = ?1, place = coalesce(place, ?2) WHERE number = ?2',
        key,
        number as number,
      )
      return key
    })
  }

  /** Notes how large a planned file is. */
  written(key: string, bytes: number): void {
    this.#db.run('UPDATE held_files SET bytes = ? WHERE key = ?', bytes, key)
  }

  /**
   * What a slice holds waits from now on; what was planned for a slice that was then cut otherwise is to be deleted.
   *
   * @param from the file that the slice is of, where it is one of these
   * @returns the tables of which no rows have waited before
   */
  commit(slice: string, from: HeldFile | undefined, now: number): readonly Pick<Held, 'table' | 'failure'>[] {
    const files = this.#db.all<Pick<FileRow, 'number' | 'name' | 'slice' | 'failure'>>(
      `SELECT number, name, slice, failure FROM held_files WHERE state = 'planned' AND origin = ?`,
      from?.number ?? 0,
    )
    const refusing: Pick<Held, 'table' | 'failure'>[] = []
    if (files.length === 0) return refusing
    for (const file of files) {
      const isMine = file.slice === slice
      this.#db.run('UPDATE held_files SET state = ? WHERE number = ?', isMine ? 'waiting' : 'done', file.number)
      const before = this.#tables.get(file.name)
      const failure = JSON.parse(file.failure) as TableFailure
      if (isMine && before === undefined) refusing.push({ table: file.name, failure })
      if (isMine && before?.reason !== failure.reason) {
        const first = { since: now, tries: 1, nextAt: now + firstWaitMs - slackMs }
        this.#write(file.name, { ...first, ...before, ...failure })
      }
    }
    this.#look()
    return refusing
  }

  /**
   * Tables that are tried now: those whose time has come, or is that of a clock that was ahead; or those that a person wants, and
   * no others.
   */
  due(now: number, wanted?: 'all' | { readonly table: string }): string[] {
    return [...this.#tables].flatMap(([table, { nextAt }]) => {
      const isOfSchedule = nextAt <= now || nextAt > now + longestWaitMs
      const isDue = wanted === undefined ? isOfSchedule : wanted === 'all' || wanted.table === table
      return isDue ? [table] : []
    })
  }

  /** The earliest time at which one of them is tried, milliseconds since the epoch. */
  get nextAt(): number | undefined {
    return this.#tables.size === 0 ? undefined : Math.min(...[...this.#tables.values()].map(({ nextAt }) => nextAt))
  }

  /** The files of a table, in the order in which they are loaded. */
  filesOf(table: string): HeldFile[] {
    return this.#db.all<HeldFile>(
      `SELECT number, key, name AS "table", place, events, bytes, at FROM held_files WHERE name = ? AND state = 'waiting'
       ORDER BY place, number`,
      table,
    )
  }

  /** How far a file is loaded. */
  positionOf({ number }: HeldFile): LoadPosition {
    return new LoadPosition(this.#db, number)
  }

  /** The rows of a file need not wait any more. */
  done({ number }: Pick<HeldFile, 'number'>): void {
    // A slice of it that was cut off may have planned others.
    this.#db.run(
      `UPDATE held_files SET state = 'done' WHERE number = ?1 OR (state = 'planned' AND origin = ?1)`,
      number,
    )
    this.#db.run('DELETE FROM position WHERE id = ?', number)
    this.#look()
  }

  /** A file cannot be read: it is kept, with how far it is loaded, and its rows are not waited for. */
  giveUpReading({ number }: HeldFile, why: { readonly reason: string; readonly now: number }): void {
    this.#db.run(`UPDATE held_files SET state = 'stuck', stuck = ? WHERE number = ?`, JSON.stringify(why), number)
    this.#look()
  }

  /** The rows of a file that was set aside wait again. */
  waitAgain({ number, table }: Pick<HeldFile, 'number' | 'table'>, now: number): void {
    this.#db.run(`UPDATE held_files SET state = 'waiting' WHERE number = ?`, number)
    if (!this.#tables.has(table)) {
      const failure = { reason: 'earlier rows wait', code: 'warehouse_failed' }
      this.#write(table, { ...failure, since: now, tries: 0, nextAt: now })
    }
    this.#look()
  }

  /**
   * Ends an attempt to load what waits for a table. What a person tried makes no wait longer.
   *
   * @param attempt `failure`, left out when it only had no time left; `isAsked`, whether a person wanted it
   * @returns since when the table failed, where nothing waits any more
   */
  tried(
    table: string,
    {
      failure,
      isAsked,
      now,
    }: { readonly failure: TableFailure | undefined; readonly isAsked: boolean; readonly now: number },
  ): number | undefined {
    const before = this.#tables.get(table)
    if (before === undefined) return undefined
    if (this.filesOf(table).length === 0) {
      this.#tables.delete(table)
      this.#db.run('DELETE FROM held_tables WHERE name = ?', table)
      this.#look()
      return before.since
    }
    const isOwn = failure !== undefined && !isAsked
    const tries = before.tries + (isOwn ? 1 : 0)
    const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** (tries - 1)) - slackMs
    const nextAt = failure === undefined ? now : isOwn ? now + waitMs : before.nextAt
    this.#write(table, { ...before, ...failure, tries, nextAt })
    this.#look()
    return undefined
  }

  /** The files of a table whose rows have waited for too long, once another attempt has failed. */
  overdue(table: string, now: number): HeldFile[] {
    const { tries } = this.#tables.get(table) ?? { tries: 0 }
    return tries < leastTries ? [] : this.filesOf(table).filter(({ at }) => now - at > giveUpMs)
  }

  /** Why a table does not take rows. */
  failureOf(table: string): TableFailure | undefined {
    return this.#tables.get(table)
  }

  /** Keys of a state, at most as many as R2 deletes at once. */
  keys(state: State): string[] {
    return this.#db
      .all<Pick<FileRow, 'key'>>('SELECT key FROM held_files WHERE state = ? LIMIT 1000', state)
      .map(({ key }) => key)
  }

  /** Forgets files whose objects are deleted. */
  forget(keys: readonly string[]): void {
    for (const key of keys) this.#db.run('DELETE FROM held_files WHERE key = ?', key)
  }

  /** Why a row of an event waits, and until when; undefined where none does. */
  waitsFor(id: string): { readonly reason: string; readonly nextAttemptAt: number } | undefined {
    const print = printOf(id)
    for (const [table, { reason, nextAt }] of this.#tables)
      if (this.printsOf(table).has(print))
        return { reason: `the table "${table}" waits: ${reason}`, nextAttemptAt: nextAt }
    return undefined
  }

  /** How each table that waits is doing. */
  list(): WaitingTable[] {
    return [...this.#tables].map(([table, { reason, since, tries, nextAt }]) => {
      const files = this.filesOf(table)
      return {
        table,
        reason,
        since,
        tries,
        files: files.length,
        events: files.reduce((sum, { events }) => sum + events, 0),
        blocked: this.#blocked.has(table),
        nextAttemptAt: nextAt,
      }
    })
  }

  #eventsOf(table: string): number {
    const sql = `SELECT coalesce(sum(events), 0) AS n FROM held_files WHERE name = ? AND state = 'waiting'`
    return this.#db.first<{ readonly n: number }>(sql, table)?.n ?? 0
  }

  #write(table: string, state: TableState): void {
    this.#tables.set(table, state)
    this.#db.run('INSERT OR REPLACE INTO held_tables (name, state) VALUES (?, ?)', table, JSON.stringify(state))
  }

  #look(): void {
    this.#prints.clear()
    const rows = this.#db.all<Pick<FileRow, 'name'>>(
      `SELECT DISTINCT name FROM held_files WHERE state = 'waiting' AND whole = 1`,
    )
    this.#blocked = new Set(rows.map(({ name }) => name))
  }
}

/** The same of some ids, as they are stored. */
export const printsOf = (ids: readonly string[]): Uint8Array => new Uint8Array(BigUint64Array.from(ids, printOf).buffer)

export const printsIn = (blob: ArrayBuffer | Uint8Array): BigUint64Array =>
  // A view of its own, as one of 64 bits must begin at a multiple of 8 bytes.
  new BigUint64Array(new Uint8Array(blob).slice().buffer)
