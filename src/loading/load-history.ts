import type { LoadFailure, LoadReport } from '../core/bindings.ts'
import type { Sync, SyncDetail, SyncPage, SyncQuery } from '../core/sync.ts'
import type { Database } from '../storage/database.ts'

/** A load that was run. */
export interface PastLoad extends LoadReport {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly ms: number
  /** True when its error is of the kind that time does not mend. */
  readonly lasting?: boolean
  /** True when a person asked for it. */
  readonly asked?: boolean
  /** True of what went well of a load that failed: no load of its own. */
  readonly part?: boolean
}

/** Loads that are kept, and for how long. */
const kept = 500
const keepMs = 30 * 86_400_000
/** Most loads go well, so that few rows say when they last did. */
const fewRows = 10
/** A warehouse that failed is left alone for 60 s, and twice as long after each failure that follows, up to 1800 s. */
const firstWaitMs = 60_000
const longestWaitMs = 1_800_000
// The sweep comes once a minute, a little early at times.
const slackMs = 2_000

interface LoadRow {
  readonly number: number
  readonly failed: number
  readonly load: string
  readonly detail: string | null
}

/** Table `loads`: the last loads, newest first by number; it also says when a warehouse that failed is tried again. */
export class LoadHistory {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
    db.run('CREATE TABLE IF NOT EXISTS loads (number INTEGER PRIMARY KEY, failed INTEGER, load TEXT, detail TEXT)')
    const columns = db.all<{ readonly name: string }>('PRAGMA table_info(loads)')
    if (!columns.some(({ name }) => name === 'detail')) db.run('ALTER TABLE loads ADD COLUMN detail TEXT')
  }

  /** Notes a load; `failed` when the warehouse was the reason. */
  note(load: PastLoad, failed: boolean, detail?: SyncDetail): void {
    this.#db.run(
      'INSERT INTO loads (failed, load, detail) VALUES (?, ?, ?)',
      failed ? 1 : 0,
      JSON.stringify(load),
      detail === undefined ? null : JSON.stringify(detail),
    )
    this.#db.run(`DELETE FROM loads WHERE number <= (SELECT max(number) FROM loads) - ${kept}`)
    for (;;) {
      const oldest = this.#db.first<LoadRow>('SELECT number, load FROM loads ORDER BY number LIMIT 1')
      if (oldest === undefined || (JSON.parse(oldest.load) as PastLoad).at >= load.at - keepMs) return
      this.#db.run('DELETE FROM loads WHERE number = ?', oldest.number)
    }
  }

  /** The loads before a number, newest first. */
  page({ before, limit }: SyncQuery): SyncPage {
    const rows = this.#db.all<LoadRow>(
      `SELECT number, failed, load, detail FROM loads WHERE number < ? AND json_extract(load, '$.part') IS NULL
       ORDER BY number DESC LIMIT ?`,
      before ?? Number.MAX_SAFE_INTEGER,
      limit + 1,
    )
    const shown = rows.slice(0, limit)
    const last = shown.at(-1)
    return { syncs: shown.map(syncOf), ...(rows.length > limit && last !== undefined ? { next: last.number } : {}) }
  }

  last(): PastLoad | undefined {
    const row = this.#db.first<{ readonly load: string }>('SELECT load FROM loads ORDER BY number DESC LIMIT 1')
    return row === undefined ? undefined : (JSON.parse(row.load) as PastLoad)
  }

  /** The loads that failed since one went well; undefined when the last one did. */
  failure(): LoadFailure | undefined {
    const failures = this.#newestWhile((_, { error }) => error !== undefined)
    const [newest] = failures
    if (newest?.error === undefined) return undefined
    const since = failures.at(-1)?.at ?? newest.at
    return { since, reason: newest.error, lasting: newest.lasting === true }
  }

  /**
   * When to try again (milliseconds since the epoch), or undefined when the last load did not fail. What a person tried in
   * between makes no wait longer. A time that is further away than any wait is of a clock that was ahead: it is now.
   */
  nextAttemptAt(now: number): number | undefined {
    const failures = this.#newestWhile(({ failed }) => failed === 1)
    const own = failures.filter(({ asked }) => asked !== true)
    const last = own[0] ?? failures.at(-1)
    if (last === undefined) return undefined
    const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** (Math.max(1, own.length) - 1))
    const next = last.at + last.ms + waitMs - slackMs
    return next > now + longestWaitMs ? now : next
  }

  /** The newest loads, as long as each of them `is`. */
  #newestWhile(is: (row: LoadRow, load: PastLoad) => boolean): PastLoad[] {
    for (const limit of [fewRows, kept]) {
      const rows = this.#db.all<LoadRow>('SELECT failed, load FROM loads ORDER BY number DESC LIMIT ?', limit)
      const loads = rows.map((row) => ({ row, load: JSON.parse(row.load) as PastLoad }))
      const end = loads.findIndex(({ row, load }) => !is(row, load))
      if (end !== -1 || limit === kept) return loads.slice(0, end === -1 ? undefined : end).map(({ load }) => load)
    }
    return []
  }
}

function syncOf({ number, load, detail }: LoadRow): Sync {
  const { at, ms, asked, error, lasting: _, part: __, ...report } = JSON.parse(load) as PastLoad
  const { isUnfinished, ...what } = detail === null ? { isUnfinished: false } : (JSON.parse(detail) as SyncDetail)
  const isPartial = 'refused' in what && Object.keys(what.refused).length > 0
  const state = error !== undefined ? 'failed' : isPartial ? 'partial' : isUnfinished ? 'unfinished' : 'done'
  return {
    number,
    state,
    startedAt: at,
    ms,
    ...(asked === true ? { asked } : {}),
    ...report,
    ...(error === undefined ? {} : { error }),
    ...what,
  }
}
