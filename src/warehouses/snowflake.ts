import { checkSettings, type Input } from '../configure/settings.ts'
import { SluicewayError } from '../core/errors.ts'
import type { Columns, ColumnType, Engine, Load, Warehouse } from '../core/warehouse.ts'
import { foldMore } from './mapping/fold-more.ts'
import { namespacesOf } from './namespace.ts'
import type { Credentials } from './snowflake/credentials.ts'
import { isSchemaMissing } from './snowflake/failure-scope.ts'
import { snowflakeKeptNames } from './snowflake/kept-names.ts'
import { checkIds, piecesOf } from './snowflake/rows.ts'
import { accessOf, credentialsOf, missingCredentials, snowflakeFields, storedName } from './snowflake/settings.ts'
import { createSchema, createTable, loadColumn, mergeSql, readColumns, type SnowflakePlace } from './snowflake/sql.ts'
import { tableName, typeOfColumn, widenTable } from './snowflake/sql.ts'
import { SqlApi } from './snowflake/sql-api.ts'
import { storedMore, storedTimes } from './snowflake/stored-more.ts'

/**
 * Bytes of a statement with its binds. Snowflake processes larger ones, but does not keep them whole for a repeat.
 * https://docs.snowflake.com/en/user-guide/query-size-limits (stored copy)
 */
const mostBytes = 1_000_000
/** Statements that run at once: a Worker has six connections. https://developers.cloudflare.com/workers/platform/limits/ */
const atOnce = 4
/** Tables whose columns are read at once. */
const tablesAtOnce = 200

/**
 * Makes the warehouse that is a database of Snowflake, reached by its SQL API.
 *
 * Tables, names and types are RudderStack's. Rows are merged by `ID`: each statement takes the rows as one bind of at most 1 MB,
 * since a session ends with its request, and requests of several statements have no binds.
 * https://docs.snowflake.com/en/developer-guide/sql-api/submitting-requests (stored copy)
 *
 * @param input `privateKey` or `token` is a secret and belongs in `env`; without `schema`, each source has a schema of its own
 * @returns the warehouse, for `warehouses` in the config
 * @example warehouses: { tables: { use: snowflake({ account, user, privateKey: env.SNOWFLAKE_KEY, database, warehouse }) } }
 */
export function snowflake(input: Input<typeof snowflakeFields>): Warehouse {
  const { settings, problems, redacted } = checkSettings(snowflakeFields, input)
  const { schema, schemas = {} } = settings
  let credentials: Credentials | undefined
  return {
    kind: 'warehouse',
    name: 'snowflake',
    problems: [...problems, ...(problems.length === 0 ? missingCredentials(settings) : [])],
    redacted,
    ...namespacesOf({
      provider: 'snowflake',
      all: schema === undefined ? undefined : storedName(schema),
      each: Object.fromEntries(Object.entries(schemas).map(([source, name]) => [source, storedName(name)])),
      kept: /^information_schema$/,
    }),
    open: (_, namespace) => {
      // A token serves many loads.
      credentials ??= credentialsOf(settings)
      const access = accessOf(settings, credentials)
      return new SnowflakeEngine(new SqlApi(access), { database: access.address.database, schema: namespace })
    },
  }
}

class SnowflakeEngine implements Engine {
  readonly provider = 'snowflake'
  readonly kept = snowflakeKeptNames
  // A merge names each column several times, and must leave room for rows.
  readonly rowColumns = 1_000
  readonly #api: SqlApi
  readonly #place: SnowflakePlace
  /** The columns of tables that were looked at; null where there is no table. Forgotten after a failure. */
  readonly #tables = new Map<string, Columns | null>()

  constructor(api: SqlApi, place: SnowflakePlace) {
    this.#api = api
    this.#place = place
  }

  async columns(table: string): Promise<Columns | null> {
    const stored = await this.#stored(table)
    if (stored === null) return null
    return Object.fromEntries(Object.entries(stored).filter(([name]) => name !== loadColumn))
  }

  async foresee(tables: readonly string[]): Promise<void> {
    const unknown = tables.filter((table) => !this.#tables.has(table))
    for (let i = 0; i < unknown.length; i += tablesAtOnce) await this.#look(unknown.slice(i, i + tablesAtOnce))
  }

  widen(table: string, added: Columns): Promise<void> {
    return this.#call(async () => {
      const stored = await this.#stored(table)
      const missing = Object.entries(added).filter(([name]) => stored === null || !Object.hasOwn(stored, name))
      if (stored === null) await this.#create(createTable(this.#place, table, added))
      else if (missing.length > 0) await this.#api.run(widenTable(this.#place, table, Object.fromEntries(missing)))
      this.#tables.set(table, columnsOf([...Object.entries(stored ?? {}), ...missing]))
    })
  }

  load(load: Load): Promise<void> {
    if (load.rows.length === 0) return Promise.resolve()
    return this.#call(() => this.#merge(load))
  }

  receivedAt(table: string, ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.#call(async () => {
      if ((await this.#stored(table))?.['RECEIVED_AT'] === undefined) return new Map()
      return storedTimes(table, ids, { api: this.#api, place: this.#place })
    })
  }

  async loadTogether(loads: readonly Load[]): Promise<void> {
    await this.foresee(loads.map(({ table }) => table))
    const waiting = [...loads]
    const work = async (): Promise<void> => {
      for (let load = waiting.shift(); load !== undefined; load = waiting.shift()) await this.load(load)
    }
    const ends = await Promise.allSettled(Array.from({ length: atOnce }, work))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }

  probe(): Promise<void> {
    return this.#call(async () => {
      const table = tableName(this.#place, '_SLUICEWAY_PROBE')
      await this.#create(`CREATE TRANSIENT TABLE IF NOT EXISTS ${table} ("ID" VARCHAR)`)
      await this.#api.run(`INSERT INTO ${table} ("ID") VALUES ('probe')`)
      await this.#api.run(`DROP TABLE IF EXISTS ${table}`)
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #merge(given: Load): Promise<void> {
    checkIds(given)
    const stored = await this.#stored(given.table)
    const isAppend = given.merge === 'append'
    if (isAppend && stored !== null && !Object.hasOwn(stored, loadColumn)) {
      await this.#api.run(widenTable(this.#place, given.table, { [loadColumn]: 'string' }))
      this.#tables.set(given.table, columnsOf([...Object.entries(stored), [loadColumn, 'string']]))
    }
    const load = foldMore(given, await storedMore(given, { api: this.#api, place: this.#place }))
    const { table, columns, merge } = load
    const sql = mergeSql({ place: this.#place, table, columns, merge, stored: Object.keys(stored ?? {}) })
    for (const { text, start } of piecesOf(load, mostBytes - sql.length))
      await this.#api.run(sql, isAppend ? [start === 0 ? load.id : `${load.id}#${start}`, text] : [text])
  }

  async #stored(table: string): Promise<Columns | null> {
    if (!this.#tables.has(table)) await this.#look([table])
    return this.#tables.get(table) ?? null
  }

  async #look(tables: readonly string[]): Promise<void> {
    const { rows } = await this.#api.run(readColumns(this.#place, tables.length), [this.#place.schema, ...tables])
    for (const table of tables) this.#tables.set(table, null)
    for (const [table, columns] of Map.groupBy(rows, ([name]) => String(name)))
      this.#tables.set(
        table,
        columnsOf(columns.map(([, name, type, scale]) => [String(name), typeOfColumn(String(type), scale ?? null)])),
      )
  }

  /** Creates a table, and the schema before it where that is not there: to ask each time would be a statement more. */
  async #create(statement: string): Promise<void> {
    try {
      await this.#api.run(statement)
    } catch (thrown) {
      if (!(thrown instanceof SluicewayError) || !isSchemaMissing(thrown.details)) throw thrown
      await this.#api.run(createSchema(this.#place))
      await this.#api.run(statement)
    }
  }

  async #call<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (thrown) {
      // What is known of the tables may be why.
      this.#tables.clear()
      throw thrown
    }
  }
}

/** A column may be named `constructor`. */
const columnsOf = (columns: readonly (readonly [string, ColumnType])[]): Columns =>
  Object.assign(Object.create(null), Object.fromEntries(columns)) as Columns
