import type { Database } from '../storage/database.ts'
import type { Columns, ColumnType, Engine } from '../core/warehouse.ts'
import { isFull, isPassing, scopeOf } from './load-failure.ts'
import { moreColumn } from '../warehouses/mapping/more-column.ts'
import { ownName } from '../warehouses/mapping/providers.ts'

/** PostgreSQL takes 1,600 columns a table, and counts dropped ones. */
const mostColumns = 1_500

/** Milliseconds for which what was read of a table is believed, where a value does not fit. */
const believedMs = 3_600_000

/** What the loader changed of a table. */
export interface SchemaChange {
  readonly kind: 'created' | 'added' | 'widened'
  /** With its namespace. */
  readonly table: string
  readonly columns: Columns
}

/**
 * Table `tables`: what the warehouse's tables look like, so that it need not be asked at each load.
 *
 * A table of a namespace is kept under `namespace.table`. Where there are namespaces, names without one are what an earlier
 * version knew of the one schema that it had, which nobody asks for.
 */
export class KnownSchema {
  readonly #db: Database
  readonly #tables = new Map<string, Columns>()
  /** When tables were last forgotten for their age, to be read anew. */
  readonly #doubted = new Map<string, number>()
  #changes: SchemaChange[] = []

  constructor(db: Database) {
    this.#db = db
    db.run('CREATE TABLE IF NOT EXISTS tables (name TEXT PRIMARY KEY, columns TEXT) WITHOUT ROWID')
    for (const { name, columns } of db.all<{ readonly name: string; readonly columns: string }>('SELECT * FROM tables'))
      this.#tables.set(name, withoutPrototype(JSON.parse(columns) as Columns))
  }

  /** What is known of the tables of a namespace; `''` where the warehouse has none. */
  of(namespace: string): KnownTables {
    return new KnownTables(namespace, {
      get: (name) => this.#tables.get(name),
      set: (name, columns) => {
        this.#tables.set(name, columns)
        this.#db.run('INSERT OR REPLACE INTO tables (name, columns) VALUES (?, ?)', name, JSON.stringify(columns))
      },
      delete: (name) => {
        if (this.#tables.delete(name)) this.#db.run('DELETE FROM tables WHERE name = ?', name)
      },
      changed: (change) => void this.#changes.push(change),
      doubted: this.#doubted,
    })
  }

  /** What was changed since this was asked last. */
  takeChanges(): readonly SchemaChange[] {
    const changes = this.#changes
    this.#changes = []
    return changes
  }

  /**
   * All tables, named `namespace.table` where there are namespaces.
   *
   * @param namespace any of the warehouse, `''` where it has none: another engine may have had some. Left out, any that is known
   */
  all(namespace?: string): Record<string, Columns> {
    const tables = [...this.#tables].toSorted(([a], [b]) => (a < b ? -1 : 1))
    const isIn = ([name]: readonly [string, Columns]) => name.includes('.')
    const hasNamespaces = namespace === undefined ? tables.some(isIn) : namespace !== ''
    const ofThese = tables.filter((table) => isIn(table) === hasNamespaces)
    return Object.fromEntries(ofThese.map(([name, columns]) => [name, { ...columns }]))
  }
}

/**
 * Names a table as it is kept and told.
 *
 * @param namespace `''` where there is none
 * @param table its name, which has no `.`
 * @example qualifiedName('web', 'order_completed') // 'web.order_completed'
 */
export const qualifiedName = (namespace: string, table: string): string =>
  namespace === '' ? table : `${namespace}.${table}`

/** Where tables are kept, by their qualified names. */
interface TableStore {
  readonly get: (name: string) => Columns | undefined
  readonly set: (name: string, columns: Columns) => void
  readonly delete: (name: string) => void
  readonly changed: (change: SchemaChange) => void
  readonly doubted: Map<string, number>
}

/** What is known of the tables of one namespace. */
export class KnownTables {
  readonly #namespace: string
  readonly #store: TableStore

  constructor(namespace: string, store: TableStore) {
    this.#namespace = namespace
    this.#store = store
  }

  has(table: string, column: string): boolean {
    const columns = this.#get(table)
    return columns !== undefined && Object.hasOwn(columns, column)
  }

  knows(table: string): boolean {
    return this.#get(table) !== undefined
  }

  #get(table: string): Columns | undefined {
    return this.#store.get(qualifiedName(this.#namespace, table))
  }

  /**
   * Sees to it that a table has the columns that rows need.
   *
   * A column that is there keeps its type, unless the engine can give it one that takes the values that are wanted too; a table
   * that is full gets no more columns but the one for the rest.
   *
   * @returns the columns that the table has now
   */
  async evolve(table: string, need: { readonly wanted: Columns; readonly engine: Engine }): Promise<Columns> {
    const { wanted, engine } = need
    const known = this.#get(table)
    if (known !== undefined && missingColumnsOf(known, wanted).length === 0)
      return this.#retype(table, { known, ...need })
    const found = known ?? (await engine.columns(table))
    const room = Math.max(0, mostColumns - Object.keys(found ?? {}).length)
    const missing = missingColumnsOf(found ?? {}, wanted)
    const more = ownName(moreColumn, engine.provider)
    const hasMore = found !== null && Object.hasOwn(found, more)
    const added = Object.fromEntries([
      ...missing.slice(0, room),
      ...(missing.length > room && !hasMore ? [[more, 'json'] as const] : []),
    ])
    const gained =
      found === null || Object.keys(added).length > 0
        ? await this.#widen(table, added, { engine, isThere: found !== null, rest: hasMore ? undefined : more })
        : {}
    return this.#retype(table, { known: this.#remember(table, { ...found, ...gained }), ...need })
  }

  /**
   * Adds columns, and gives those that were added. Where columns that were dropped take the room of a table, that is the column for
   * the rest, or none.
   */
  async #widen(
    table: string,
    added: Columns,
    to: { readonly engine: Engine; readonly isThere: boolean; readonly rest: string | undefined },
  ): Promise<Columns> {
    const { engine, isThere, rest } = to
    try {
      await engine.widen(table, added)
    } catch (thrown) {
      if (!isThere || !isFull(thrown)) throw thrown
      return rest === undefined ? {} : this.#widen(table, { [rest]: 'json' }, { ...to, rest: undefined })
    }
    this.#note(isThere ? 'added' : 'created', table, added)
    return added
  }

  /** Gives columns a type that takes the wanted values too. A warehouse that does not let us, for a view or so, keeps its own. */
  async #retype(
    table: string,
    { known, wanted, engine }: { readonly known: Columns; readonly wanted: Columns; readonly engine: Engine },
  ): Promise<Columns> {
    if (engine.widerType === undefined || engine.retype === undefined) return known
    const changed: Record<string, ColumnType> = {}
    for (const name in wanted) {
      const from = known[name]
      const to = wanted[name] as ColumnType
      // The key keeps its type.
      if (from === undefined || from === to || name.toLowerCase() === 'id') continue
      const wider = engine.widerType(from, to)
      if (wider !== undefined && wider !== from) changed[name] = wider
    }
    if (Object.keys(changed).length === 0) return known
    try {
      await engine.retype(table, changed)
    } catch (thrown) {
      const scope = scopeOf(thrown)
      if ((scope !== 'rows' && scope !== 'table') || isPassing(thrown)) throw thrown
      return known
    }
    this.#note('widened', table, changed)
    return this.#remember(table, { ...known, ...changed })
  }

  #note(kind: SchemaChange['kind'], table: string, columns: Columns): void {
    this.#store.changed({ kind, table: qualifiedName(this.#namespace, table), columns })
  }

  #remember(table: string, now: Columns): Columns {
    const columns = withoutPrototype(now)
    this.#store.set(qualifiedName(this.#namespace, table), columns)
    return columns
  }

  /**
   * Forgets a table of which a value does not fit what is known, since a person may have changed a column; once in an hour.
   *
   * @param now milliseconds since the epoch
   * @returns false where it was read within the hour
   */
  doubt(table: string, now: number): boolean {
    const name = qualifiedName(this.#namespace, table)
    if (now - (this.#store.doubted.get(name) ?? -Infinity) < believedMs) return false
    this.#store.doubted.set(name, now)
    this.forget(table)
    return true
  }

  /** Forgets a table that may look otherwise than it was known to. */
  forget(table: string): void {
    this.#store.delete(qualifiedName(this.#namespace, table))
  }
}

const missingColumnsOf = (known: Columns, wanted: Columns): [string, ColumnType][] =>
  Object.entries(wanted).filter(([name]) => !Object.hasOwn(known, name))

// A column may be named `constructor`.
const withoutPrototype = (columns: Columns): Columns => Object.assign(Object.create(null), columns) as Columns
