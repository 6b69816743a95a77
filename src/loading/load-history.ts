import type { LoadFailure, LoadReport } from '../core/bindings.ts'
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
}

const kept = 100
/** A warehouse that failed is left alone for 60 s, and twice as long after each failure that follows, up to 1800 s. */
const firstWaitMs = 60_000
const longestWaitMs = 1_800_000
// The sweep comes once a minute, a little early at times.
const slackMs = 2_000

interface LoadRow {
  readonly failed: number
  readonly load: string
}

/** Table `loads`: the last loads, newest first by number; it also says when a warehouse that failed is tried again. */
export class LoadHistory {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
    db.run('CREATE TABLE IF NOT EXISTS loads (number INTEGER PRIMARY KEY, failed INTEGER, load TEXT)')
  }

  /** Notes a load; `failed` when the warehouse was the reason. */
  note(load: PastLoad, failed: boolean): void {
    this.#db.run('INSERT INTO loads (failed, load) VALUES (?, ?)', failed ? 1 : 0, JSON.stringify(load))
    this.#db.run(`DELETE FROM loads WHERE number <= (SELECT max(number) FROM loads) - ${kept}`)
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
   * between makes no wait longer.
   */
  nextAttemptAt(): number | undefined {
    const failures = this.#newestWhile(({ failed }) => failed === 1)
    const own = failures.filter(({ asked }) => asked !== true)
    const last = own[0] ?? failures.at(-1)
    if (last === undefined) return undefined
    const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** (Math.max(1, own.length) - 1))
    return last.at + last.ms + waitMs - slackMs
  }

  /** The newest loads, as long as each of them `is`. */
  #newestWhile(is: (row: LoadRow, load: PastLoad) => boolean): PastLoad[] {
    const loads: PastLoad[] = []
    for (const row of this.#db.all<LoadRow>('SELECT failed, load FROM loads ORDER BY number DESC')) {
      const load = JSON.parse(row.load) as PastLoad
      if (!is(row, load)) break
      loads.push(load)
    }
    return loads
  }
}
