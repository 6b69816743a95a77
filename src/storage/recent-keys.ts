import type { Database } from './database.ts'

const hourMs = 3_600_000

/** Keys that were noted in this hour or the one before, in a table of its own. It is made when the first is asked for. */
export class RecentKeys {
  readonly #db: Database
  readonly #table: string
  /** Hours since the epoch. */
  #hour = -1

  constructor(db: Database, table: string) {
    this.#db = db
    this.#table = table
  }

  /** Whether a key was noted; `now` is in milliseconds since the epoch. */
  has(key: string, now: number): boolean {
    const hour = this.#turn(now)
    const sql = `SELECT 1 FROM ${this.#table} WHERE hour IN (?, ?) AND key = ?`
    return this.#db.first(sql, hour, hour - 1, key) !== undefined
  }

  note(key: string, now: number): void {
    this.#db.run(`INSERT OR IGNORE INTO ${this.#table} (hour, key) VALUES (?, ?)`, this.#turn(now), key)
  }

  forget(key: string, now: number): void {
    const hour = this.#turn(now)
    this.#db.run(`DELETE FROM ${this.#table} WHERE hour IN (?, ?) AND key = ?`, hour, hour - 1, key)
  }

  /** The hour; at the first call of each, what is older goes. */
  #turn(now: number): number {
    const hour = Math.floor(now / hourMs)
    if (hour === this.#hour) return hour
    this.#hour = hour
    const columns = '(hour INTEGER, key TEXT, PRIMARY KEY (hour, key))'
    this.#db.run(`CREATE TABLE IF NOT EXISTS ${this.#table} ${columns} WITHOUT ROWID`)
    this.#db.run(`DELETE FROM ${this.#table} WHERE hour < ?`, hour - 1)
    return hour
  }
}
