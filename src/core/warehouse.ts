/** Logical column types; each engine has its own name for them. */
export type ColumnType = 'int' | 'float' | 'boolean' | 'datetime' | 'string' | 'text' | 'json'

/** Columns of a table by name. */
export type Columns = Readonly<Record<string, ColumnType>>

/** One table's rows of one load. Values are JSON values that fit their column; datetimes are RFC 3339 text, UTC. */
export interface Load {
  /** Stays the same when a load is repeated. */
  readonly id: string
  readonly table: string
  readonly columns: Columns
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  /**
   * What happens to a row whose `id` is already there: `replace` puts the new one in its place, `coalesce` keeps old
   * values where the new row has none (the users table), `append` adds it (tables without an id, as rudder_discards:
   * the engine must then make a repeat of the same load id harmless).
   */
  readonly merge: 'replace' | 'coalesce' | 'append'
}

/**
 * Where tables live.
 *
 * The loader calls `columns`, then `widen`, then `load`, one table at a time and never twice at once for one warehouse.
 * Every call may be repeated after a crash: `widen` is additive, a load repeats no rows. Names are safe identifiers already
 * but are quoted all the same. A rejection means that nothing of this call may be counted on; the loader repeats it. With
 * `details.rows` true it says that a value in the rows is in the way: the loader then looks for the row and loads the rest.
 */
export interface Engine {
  /** Names the mapping rules: `postgres`, `bq`, … (see warehouses/mapping/map-event.ts). D1 uses those of `postgres`. */
  readonly provider: string
  /** Rows written since the engine was opened, where Cloudflare bills them. */
  readonly rowsWritten?: number
  /** Null when the table does not exist. */
  readonly columns: (table: string) => Promise<Columns | null>
  readonly widen: (table: string, added: Columns) => Promise<void>
  readonly load: (load: Load) => Promise<void>
  /** Frees connections. */
  readonly close: () => Promise<void>
}

/** A warehouse as `src/config.ts` holds it: the engine is opened by the loader, inside the object that uses it. */
export interface Warehouse {
  readonly kind: 'warehouse'
  /** The driver's name: `d1`, `postgres`. */
  readonly name: string
  readonly problems: readonly string[]
  readonly redacted: Readonly<Record<string, unknown>>
  readonly open: (bindings: Readonly<Record<string, unknown>>) => Engine
}
