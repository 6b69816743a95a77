import type { TableFreshness } from '../core/sync.ts'
import type { Database } from '../storage/database.ts'
import type { LoadedTable } from './part-rows.ts'

/** Tables that are remembered: those that were loaded last. */
const mostTables = 5_000

/** Table `freshness`, of one row: what was loaded into each table, and when. */
export class TableFreshnesses {
  readonly #db: Database
  /** The one last that was loaded last. */
  readonly #tables: Map<string, TableFreshness>

  constructor(db: Database) {
    this.#db = db
    db.run('CREATE TABLE IF NOT EXISTS freshness (id INTEGER PRIMARY KEY, tables TEXT)')
    const row = db.first<{ readonly tables: string }>('SELECT tables FROM freshness WHERE id = 0')
    this.#tables = new Map(row === undefined ? [] : (JSON.parse(row.tables) as [string, TableFreshness][]))
  }

  /** Notes what a slice brought, in the commit of the slice: each row is counted once. */
  note(loaded: ReadonlyMap<string, LoadedTable>, now: number): void {
    if (loaded.size === 0) return
    for (const [table, { rows, newest }] of loaded) {
      const before = this.#tables.get(table)
      this.#tables.delete(table)
      this.#tables.set(table, {
        rows: (before?.rows ?? 0) + rows,
        loadedAt: now,
        newestReceivedAt: before === undefined || before.newestReceivedAt < newest ? newest : before.newestReceivedAt,
      })
    }
    for (const table of [...this.#tables.keys()].slice(0, Math.max(0, this.#tables.size - mostTables)))
      this.#tables.delete(table)
    this.#db.run('INSERT OR REPLACE INTO freshness (id, tables) VALUES (0, ?)', JSON.stringify([...this.#tables]))
  }

  all(): Readonly<Record<string, TableFreshness>> {
    return Object.fromEntries([...this.#tables].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }
}
