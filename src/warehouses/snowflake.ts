import { SluicewayError } from '../core/errors.ts'
import type { Columns, ColumnType, Engine, Gathering, Load, Warehouse } from '../core/warehouse.ts'
import type { Gathered } from './bucket-gathering.ts'
import { fewAtOnce } from './few-at-once.ts'
import { gzipLines } from './gzip-lines.ts'
import { foldMore } from './mapping/fold-more.ts'
import { namespacesOf } from './namespace.ts'
import type { Credentials } from './snowflake/credentials.ts'
import { isSchemaMissing } from './snowflake/failure-scope.ts'
import { snowflakeKeptNames } from './snowflake/kept-names.ts'
import { checkIds, linesOf, piecesOf } from './snowflake/rows.ts'
import { accessOf, checkSnowflake, credentialsOf, type SnowflakeInput, storedName } from './snowflake/settings.ts'
import {
  createSchema,
  createTable,
  loadColumn,
  mergeSql,
  type Move,
  readColumns,
  type SnowflakePlace,
} from './snowflake/sql.ts'
import { tableName, typeOfColumn, widenTable } from './snowflake/sql.ts'
import { SqlApi } from './snowflake/sql-api.ts'
import { isCounted, Stage } from './snowflake/stage.ts'
import { storedMore, storedTimes } from './snowflake/stored-more.ts'
import { StoredColumns } from './stored-columns.ts'

/**
 * Bytes of a statement with its binds. Snowflake processes larger ones, but does not keep them whole for a repeat.
 * https://docs.snowflake.com/en/user-guide/query-size-limits (stored copy)
 */
const mostBytes = 1_000_000
/** Loads that run at once. */
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
export function snowflake(input: SnowflakeInput): Warehouse {
  const { settings, problems, redacted } = checkSnowflake(input)
  const { schema, schemas = {}, staging } = settings
  let credentials: Credentials | undefined
  return {
    kind: 'warehouse',
    name: 'snowflake',
    problems,
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
      const stage = staging === undefined ? undefined : new Stage(staging, namespace)
      return new SnowflakeEngine(new SqlApi(access), { database: access.address.database, schema: namespace }, stage)
    },
  }
}

/** A row that only a probe loads. */
const probeLoad: Load = {
  id: 'probe',
  table: '_SLUICEWAY_PROBE',
  columns: [
    { name: 'ID', type: 'string' },
    { name: 'EVENT', type: 'string' },
  ],
  rows: [['probe', 'probe']],
  merge: 'replace',
}

class SnowflakeEngine implements Engine {
  readonly provider = 'snowflake'
  readonly kept = snowflakeKeptNames
  // A merge names each column several times, and must leave room for rows.
  readonly rowColumns = 1_000
  readonly #api: SqlApi
  readonly #place: SnowflakePlace
  /** Undefined where rows go in the statement. */
  readonly #stage: Stage | undefined
  /** Forgotten after a failure. */
  readonly #columns: StoredColumns<ColumnType>
  /** Only a stage has a place where rows may wait. */
  readonly gather?: (id: string) => Gathering

  constructor(api: SqlApi, place: SnowflakePlace, stage: Stage | undefined) {
    this.#api = api
    this.#place = place
    this.#stage = stage
    this.#columns = new StoredColumns({
      tablesAtOnce,
      ask: async (tables) => (await this.#api.run(readColumns(place, tables.length), [place.schema, ...tables])).rows,
      columnOf: typeOfColumn,
    })
    if (stage !== undefined)
      this.gather = (id) =>
        stage.gather(id, {
          bytesOf: (load) => {
            checkIds(load)
            return gzipLines(linesOf(load))
          },
          merge: (gathered) => this.#call(() => this.#mergeGathered(stage, gathered)),
        })
  }

  async columns(table: string): Promise<Columns | null> {
    const stored = await this.#columns.of(table)
    if (stored === null) return null
    return Object.fromEntries(Array.from(stored).filter(([name]) => name !== loadColumn))
  }

  foresee(tables: readonly string[]): Promise<void> {
    return this.#columns.readUnknown(tables)
  }

  widen(table: string, added: Columns): Promise<void> {
    return this.#call(async () => {
      const stored = await this.#columns.of(table)
      const missing = Object.entries(added).filter(([name]) => stored?.has(name) !== true)
      if (stored === null) await this.#create(createTable(this.#place, table, added))
      else if (missing.length > 0) await this.#api.run(widenTable(this.#place, table, Object.fromEntries(missing)))
      this.#columns.add(table, missing)
    })
  }

  load(load: Load): Promise<void> {
    if (load.rows.length === 0) return Promise.resolve()
    return this.#call(() => this.#merge(load))
  }

  receivedAt(table: string, ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.#call(async () => {
      if ((await this.#columns.of(table))?.has('RECEIVED_AT') !== true) return new Map()
      return storedTimes(table, ids, { api: this.#api, place: this.#place })
    })
  }

  appendTogether(loads: readonly Load[]): Promise<void> {
    return this.loadTogether(loads)
  }

  async loadTogether(loads: readonly Load[]): Promise<void> {
    await this.foresee(loads.map(({ table }) => table))
    await fewAtOnce(loads, { most: atOnce, work: (load) => this.load(load) })
  }

  probe(): Promise<void> {
    return this.#call(async () => {
      const load = probeLoad
      const table = tableName(this.#place, load.table)
      await this.#create(`CREATE TRANSIENT TABLE IF NOT EXISTS ${table} ("ID" VARCHAR, "EVENT" VARCHAR)`)
      if (this.#stage === undefined) await this.#api.run(`INSERT INTO ${table} ("ID") VALUES ('probe')`)
      else await this.#mergeStaged(this.#stage, load, { ...load, place: this.#place, stored: ['ID', 'EVENT'] })
      await this.#api.run(`DROP TABLE IF EXISTS ${table}`)
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #merge(given: Load): Promise<void> {
    checkIds(given)
    const stored = await this.#columns.of(given.table)
    const isAppend = given.merge === 'append'
    if (isAppend && stored?.has(loadColumn) === false) {
      await this.#api.run(widenTable(this.#place, given.table, { [loadColumn]: 'string' }))
      this.#columns.add(given.table, [[loadColumn, 'string']])
    }
    const load = foldMore(given, await storedMore(given, { api: this.#api, place: this.#place }))
    const { table, columns, merge } = load
    const move = { place: this.#place, table, columns, merge, stored: [...(stored?.keys() ?? [])] }
    if (this.#stage !== undefined && isCounted(load)) return this.#mergeStaged(this.#stage, load, move)
    const sql = mergeSql(move)
    for (const { text, start } of piecesOf(load, mostBytes - sql.length))
      await this.#api.run(sql, isAppend ? [start === 0 ? load.id : `${load.id}#${start}`, text] : [text])
  }

  async #mergeStaged(stage: Stage, load: Load, move: Move): Promise<void> {
    const bytes = await gzipLines(linesOf(load))
    await stage.during(load, bytes, (object) => this.#mergeObjects({ ...move, object }, load.rows.length))
  }

  async #mergeGathered(stage: Stage, { tables, whileRead }: Gathered): Promise<void> {
    await this.foresee(tables.map(({ table }) => table))
    await fewAtOnce(tables, {
      most: atOnce,
      work: async (one) => {
        const { table, columns, objects, rows } = one
        const stored = [...((await this.#columns.of(table))?.keys() ?? [])]
        const move = { place: this.#place, table, columns, merge: 'replace', stored } as const
        await whileRead(objects, () => this.#mergeObjects({ ...move, object: stage.objectsOf(one) }, rows))
      },
    })
  }

  /** Merges what is in one object or several, and checks that all their rows were taken. */
  async #mergeObjects(move: Move & { readonly object: string }, count: number): Promise<void> {
    const { rows } = await this.#api.run(mergeSql(move))
    // Inserted, and updated.
    const taken = (rows[0] ?? []).reduce((sum, one) => sum + Number(one), 0)
    if (taken !== count)
      throw new SluicewayError(
        'warehouse_failed',
        `Snowflake: the statement took ${taken} rows of the ${count} in ${move.object}. Check that the stage has the URL of \`staging\`, with its prefix, and FILE_FORMAT = (TYPE = JSON).`,
        { details: { scope: 'warehouse', ended: true } },
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
      this.#columns.clear()
      throw thrown
    }
  }
}
