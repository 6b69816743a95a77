import type { LoadReport } from '../core/bindings.ts'
import type { Database } from '../storage/database.ts'

/** A load that was run. */
export type PastLoad = LoadReport & { readonly at: number; readonly ms: number }

const kept = 100
/** A warehouse that failed is left alone for 60 s, and twice as long after each failure that follows, up to 1800 s. */
const firstWaitMs = 60_000
const longestWaitMs = 1_800_000
// The sweep comes once a minute, a little early at times.
const slackMs = 2_000

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

  /** When to try again (milliseconds since the epoch), or undefined when the last load did not fail. */
  nextAttemptAt(): number | undefined {
    const rows = this.#db.all<{ readonly failed: number; readonly load: string }>(
      'SELECT failed, load FROM loads ORDER BY number DESC LIMIT 10',
    )
    const succeeded = rows.findIndex(({ failed }) => failed === 0)
    const failures = succeeded === -1 ? rows.length : succeeded
    if (failures === 0) return undefined
    const { at, ms } = JSON.parse(rows[0]?.load as string) as PastLoad
    return at + ms + Math.min(longestWaitMs, firstWaitMs * 2 ** (failures - 1)) - slackMs
  }
}
