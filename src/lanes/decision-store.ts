import type { Envelope } from '../core/envelope.ts'
import type { Database } from '../storage/database.ts'
import { type Decision, readDecision, storeDecision } from './decision.ts'

/**
 * What the transforms of a destination made of events that wait: table `decided`, one row each, by the offset of the event in
 * the lane (below 0: see DecidedChunks). Offsets are in memory, so that an event about which nothing is decided costs no query.
 */
export class DecisionStore {
  readonly #db: Database
  readonly #offsets: Set<number>

  /**
   * @param db has the table `waiting`
   * @param cursor below it, only an event that has a row waits
   */
  constructor(db: Database, cursor: number) {
    this.#db = db
    db.run('CREATE TABLE IF NOT EXISTS decided (offset INTEGER PRIMARY KEY, data BLOB NOT NULL)')
    // A version that does not know the table leaves rows behind, when somebody went back to it for a while.
    db.run(
      'DELETE FROM decided WHERE offset BETWEEN 0 AND ? AND offset NOT IN (SELECT offset FROM waiting)',
      cursor - 1,
    )
    this.#offsets = new Set(
      db.all<{ offset: number }>('SELECT offset FROM decided WHERE offset >= 0').map(({ offset }) => offset),
    )
  }

  /** True while nothing is decided about any event. */
  get isEmpty(): boolean {
    return this.#offsets.size === 0
  }

  /** What was decided about the event at `offset`, which is `envelope`; undefined while nothing is. */
  get(offset: number, envelope: Envelope): Decision | undefined {
    if (!this.#offsets.has(offset)) return undefined
    const row = this.#db.first<{ data: ArrayBuffer }>('SELECT data FROM decided WHERE offset = ?', offset)
    return row === undefined ? undefined : readDecision(new Uint8Array(row.data), envelope)
  }

  /** Keeps a decision with at least one part until `delete`. */
  put(offset: number, decision: Decision, envelope: Envelope): void {
    this.#db.run(
      'INSERT OR REPLACE INTO decided (offset, data) VALUES (?, ?)',
      offset,
      storeDecision(decision, envelope),
    )
    this.#offsets.add(offset)
  }

  /** Forgets the decision about an event that has its verdict. */
  delete(offset: number): void {
    if (this.#offsets.delete(offset)) this.#db.run('DELETE FROM decided WHERE offset = ?', offset)
  }

  /** Forgets all decisions. */
  clear(): void {
    if (this.#offsets.size > 0) this.#db.run('DELETE FROM decided WHERE offset >= 0')
    this.#offsets.clear()
  }
}
