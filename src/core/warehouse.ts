/** Logical column types; each engine has its own name for them. */
export type ColumnType = 'int' | 'float' | 'boolean' | 'datetime' | 'string' | 'text' | 'json'

/** Columns of a table by name. */
export type Columns = Readonly<Record<string, ColumnType>>

/** Names that an engine keeps for itself: a table or column that would get one has `_` in front. */
export interface KeptNames {
  /** Names the rule: equal texts are equal rules. */
  readonly rule: string
  readonly tables: RegExp
  readonly columns: RegExp
  /** Shortens names that are too long for the engine though they are not for the provider; the same name gives the same. */
  readonly shorten?: (name: string) => string
}

/**
 * What a failure speaks of, in `details.scope` of the error of an engine.
 *
 * - `rows`: a value is in the way. The loader looks for the row, which becomes a dead letter, and loads the others.
 * - `table`: the statement or the table is. Once the loader has seen that the warehouse takes other rows, those of the table wait
 *   and are tried again; it looks for those that the table takes.
 * - `invocation`: the platform takes no more calls from this invocation; the load goes on in the next.
 * - `warehouse`, and every error without a scope: the warehouse is. Nothing is buried, and the load is repeated.
 *
 * Beside it, `details.lasting` is true where time alone does not mend the failure (a password, a right, a database that is not
 * there, a full disk): the warehouse is then told to fail at once, and not only once it has failed for a while. Of a table,
 * `details.passing` is true where it is only locked, and `details.full` where it has no room for more columns.
 */
export type FailureScope = 'rows' | 'table' | 'invocation' | 'warehouse'

/** A column of a load. */
export interface Column {
  readonly name: string
  readonly type: ColumnType
}

/**
 * What an engine is given for one column of a row; null where the row has nothing there.
 *
 * It fits its column: datetimes are RFC 3339 text, UTC; `json` is JSON text; an `int` is a number below 2^63, or its digits.
 */
export type Value = string | number | boolean | null

/** One table's rows of one load: the columns once, and of each row no more than its values. */
export interface Load {
  /** Stays the same when a load is repeated. With the name of the table it is unique in the whole warehouse, in all namespaces. */
  readonly id: string
  readonly table: string
  /** What the values of each row are, in their order. No two have the same name. */
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly Value[])[]
  /**
   * What happens to a row whose `id` is already there: `replace` puts the new one in its place, `coalesce` folds the two
   * (the users table): values of the one whose `received_at` is later win, the other fills what is missing. `append` adds
   * it (tables without an id, as rudder_discards: the engine must then make a repeat of the same load id harmless).
   */
  readonly merge: 'replace' | 'coalesce' | 'append'
}

/**
 * Loads of one namespace that are written one after the other, and then merged with one statement for each table, where a
 * statement takes seconds whatever it does, or many small files are slow to read. It outlives a `close` of its engine.
 */
export interface Gathering {
  /** Roughly the bytes of what it has in memory of staged rows; left out where it has nothing of them. */
  readonly heldBytes?: number
  /**
   * Writes the rows of some loads, each of another table, where they wait: the tables have none of them yet.
   *
   * All of them replace and have an `id` column. Rows of a table have other ids in each load, and the columns of a load begin with
   * those of the load before, in their order and with their types.
   */
  readonly stage: (loads: readonly Load[]) => Promise<void>
  /**
   * Merges what is staged into the tables. After a rejection some may have their rows, and all may be loaded again. Meanwhile other
   * tables may be loaded.
   */
  readonly merge: () => Promise<void>
  /** Removes what was staged, merged or not; never rejects. */
  readonly drop: () => Promise<void>
}

/**
 * Where tables live.
 *
 * The loader calls `columns`, then what changes the schema (`widen`, `retype`), then `load`: one table at a time and never twice
 * at once for one namespace of a warehouse. A load changes no schema. Every call may be repeated after a crash: `widen` is additive, `retype`
 * loses no value, a load repeats no rows. Names are safe identifiers already
 * but are quoted all the same. A rejection means that nothing of this call may be counted on; its `details.scope` says what
 * failed (see FailureScope). An engine is opened for one invocation of the platform.
 */
export interface Engine {
  /** Names the mapping rules: `postgres`, `bq`, … (see warehouses/mapping/map-event.ts). D1 uses those of `postgres`. */
  readonly provider: string
  /** Names that no event can have. */
  readonly kept: KeptNames
  /** Columns of one row: the default of `mapping.maxColumns`. */
  readonly rowColumns: number
  /** Rows written since the engine was opened, where Cloudflare bills them. */
  readonly rowsWritten?: number
  /** Null when the table does not exist. */
  readonly columns: (table: string) => Promise<Columns | null>
  /** Creates the table, or adds columns to it. */
  readonly widen: (table: string, added: Columns) => Promise<void>
  /**
   * Tells the type that a column of type `from` can get so that it takes values of type `to` too, all without a loss;
   * undefined where there is none. It is left out where the engine changes no types: such values are then discarded.
   */
  readonly widerType?: (from: ColumnType, to: ColumnType) => ColumnType | undefined
  /** Gives columns a wider type, one that `widerType` told; a rejection leaves them as they were. */
  readonly retype?: (table: string, changed: Columns) => Promise<void>
  readonly load: (load: Load) => Promise<void>
  /**
   * Tells when the rows of a table of users were received, in milliseconds since the epoch, of those ids that are there. The loader
   * asks before it folds rows of which some may be older than what is there and some newer.
   */
  readonly receivedAt?: (table: string, ids: readonly string[]) => Promise<ReadonlyMap<string, number>>
  /** True where rows of one id and other times stay rows of their own, which readers fold. */
  readonly keepsTimes?: boolean
  /** Says which tables are used next, where reading about many at once is cheaper. */
  readonly foresee?: (tables: readonly string[]) => Promise<void>
  /** Does several loads that do not append, where that is cheaper; a repeat of one of them must be harmless. */
  readonly loadTogether?: (loads: readonly Load[]) => Promise<void>
  /**
   * Does several loads of one table that append, of the same columns, by few statements; left out where a statement costs little.
   * Each is known by its own id: any of them may come again, by itself or with others.
   */
  readonly appendTogether?: (loads: readonly Load[]) => Promise<void>
  /**
   * Begins to gather loads that are merged together. It is left out where a statement for each table of each load costs little.
   *
   * @param id another one each time, of letters, digits and "-"
   */
  readonly gather?: (id: string) => Gathering
  /** Creates and writes what is its own, as proof that the warehouse as a whole takes rows; rejects when it does not. */
  readonly probe: () => Promise<void>
  /**
   * Runs one statement that can do nothing but read, for a person: at most 1,000 rows, 1,000,000 characters and 10 s. It is left
   * out where the engine cannot warrant that nothing is written.
   *
   * Rejects with `bad_request` where the statement is the reason.
   */
  readonly query?: (sql: string) => Promise<QueryAnswer>
  /** Frees connections. */
  readonly close: () => Promise<void>
}

/** What a query gave. */
export interface QueryAnswer {
  readonly columns: readonly string[]
  /** JSON values, one for each column. */
  readonly rows: readonly (readonly unknown[])[]
  /** True where rows are missing, or values are cut. */
  readonly truncated: boolean
}

/** A warehouse as `src/config.ts` holds it: the engine is opened by the loader, inside the object that uses it. */
export interface Warehouse {
  readonly kind: 'warehouse'
  /** The driver's name: `d1`, `postgres`, `clickhouse`. */
  readonly name: string
  readonly problems: readonly string[]
  readonly redacted: Readonly<Record<string, unknown>>
  /**
   * Names the schema (PostgreSQL, Snowflake, Redshift, Databricks), dataset (BigQuery), database (ClickHouse) or folder (lake)
   * that holds the tables of a source; the same for all sources where all tables are in one. `''` for an engine that has none.
   */
  readonly namespaceOf: (source: string) => string
  /** True where its engines take a `query`. */
  readonly takesQueries?: true
  /** Sources that the settings name, each of which must be in the config. */
  readonly namedSources?: readonly string[]
  /**
   * Opens the engine for one namespace. Those of one warehouse differ in nothing else: `provider`, `kept`, `rowColumns` and
   * `widerType` are the same. Nothing is asked of the warehouse before the first call.
   *
   * @param bindings of the Worker; the same object for all engines of one invocation
   * @param namespace one that `namespaceOf` gave
   */
  readonly open: (bindings: Readonly<Record<string, unknown>>, namespace: string) => Engine
}
