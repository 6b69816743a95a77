import type { Database } from '../storage/database.ts'
import type { Columns, ColumnType, Engine } from '../core/warehouse.ts'

/** PostgreSQL takes 1,600 columns a table, and counts dropped ones. */
const mostColumns = 1_500

/** Table `tables`: what the warehouse's tables look like, so that it need not be asked at each load. */
export class KnownSchema {
  readonly #db: Database
  readonly #tables = new Map<string, Columns>()

  constructor(db: Database) {
    this.#db = db
    db.run('CREATE TABLE IF NOT EXISTS tables (name TEXT PRIMARY KEY, columns TEXT) WITHOUT ROWID')
    for (const { name, columns } of db.all<{ readonly name: string; readonly columns: string }>('SELECT * FROM tables'))
      this.#tables.set(name, withoutPrototype(JSON.parse(columns) as Columns))
  }

  /**
   * Sees to it that a table has the columns that rows need.
   *
   * A column that is there keeps its type, whatever is wanted; a table that is full gets no more columns.
   *
   * @returns the columns that the table has now
   */
  async evolve(table: string, need: { readonly wanted: Columns; readonly engine: Engine }): Promise<Columns> {
    const { wanted, engine } = need
    const known = this.#tables.get(table)
    if (known !== undefined && missingColumnsOf(known, wanted).length === 0) return known
    const found = known ?? (await engine.columns(table))
    const room = mostColumns - Object.keys(found ?? {}).length
    const added = Object.fromEntries(missingColumnsOf(found ?? {}, wanted).slice(0, Math.max(0, room)))
    if (found === null || Object.keys(added).length > 0) await engine.widen(table, added)
    const columns = withoutPrototype({ ...found, ...added })
    this.#tables.set(table, columns)
    this.#db.run('INSERT OR REPLACE INTO tables (name, columns) VALUES (?, ?)', table, JSON.stringify(columns))
    return columns
  }

  /** Forgets all: after a failure the warehouse may be another than the one that was known. */
  forget(): void {
    this.#tables.clear()
    this.#db.run('DELETE FROM tables')
  }

  all(): Record<string, Columns> {
    const tables = [...this.#tables].toSorted(([a], [b]) => (a < b ? -1 : 1))
    return Object.fromEntries(tables.map(([name, columns]) => [name, { ...columns }]))
  }
}

const missingColumnsOf = (known: Columns, wanted: Columns): [string, ColumnType][] =>
  Object.entries(wanted).filter(([name]) => !Object.hasOwn(known, name))

// A column may be named `constructor`.
const withoutPrototype = (columns: Columns): Columns => Object.assign(Object.create(null), columns) as Columns
