/** A column as an engine asks for it: table, name, type, and what else tells the type (comment, length, scale). */
type ColumnRow = readonly (string | null | undefined)[]

/** How an engine reads columns. */
interface ColumnReader<C> {
  /** Most names of tables in one question. */
  readonly tablesAtOnce: number
  /** Asks for the columns of tables, in the order of the columns; a table that is not there has none. */
  readonly ask: (tables: readonly string[]) => Promise<readonly ColumnRow[]>
  readonly columnOf: (type: string, more: string | null) => C
}

/** What was read of tables, and not changed since. Statements that change a table or fail make it be forgotten. */
export class StoredColumns<C> {
  readonly #reader: ColumnReader<C>
  /** Null for a table that is not there. */
  readonly #known = new Map<string, ReadonlyMap<string, C> | null>()

  constructor(reader: ColumnReader<C>) {
    this.#reader = reader
  }

  /** The columns of a table, which are read if they are not known; null where it is not there. */
  async of(table: string): Promise<ReadonlyMap<string, C> | null> {
    if (!this.#known.has(table)) await this.read([table])
    return this.#known.get(table) ?? null
  }

  /** Reads tables, whether they are known or not. */
  async read(tables: readonly string[]): Promise<void> {
    const { tablesAtOnce, ask, columnOf } = this.#reader
    for (let i = 0; i < tables.length; i += tablesAtOnce) {
      const some = tables.slice(i, i + tablesAtOnce)
      const rows = await ask(some)
      for (const table of some) this.#known.set(table, null)
      for (const [table, columns] of Map.groupBy(rows, ([table]) => String(table)))
        this.#known.set(
          table,
          new Map(columns.map(([, name, type, more]) => [String(name), columnOf(String(type), more ?? null)])),
        )
    }
  }

  /** Reads the tables of these that are not known to be there: what was not there may have been made since, by another engine. */
  readUnknown(tables: readonly string[]): Promise<void> {
    return this.read(tables.filter((table) => (this.#known.get(table) ?? null) === null))
  }

  /** Notes columns that were added to a table, which is made by that where it was not there. */
  add(table: string, columns: readonly (readonly [string, C])[]): void {
    this.#known.set(table, new Map([...(this.#known.get(table) ?? []), ...columns]))
  }

  /** Forgets a table. */
  forget(table: string): void {
    this.#known.delete(table)
  }

  /** Forgets all tables. */
  clear(): void {
    this.#known.clear()
  }
}
