import type { Columns, ColumnType, Engine, Gathering, Load, Warehouse } from '../core/warehouse.ts'
import { BucketGathering, type Gathered, type GatheredTable, receivedSince } from './bucket-gathering.ts'
import { AccessToken } from './databricks/access-token.ts'
import { tableFailure, unreadFailure } from './databricks/failure.ts'
import { databricksKeptNames } from './databricks/kept-names.ts'
import { appendedLines, bodiesOf, linesOf } from './databricks/rows.ts'
import { checkDatabricks, type DatabricksInput } from './databricks/settings.ts'
import { addColumns, cellAt, createTable, dateColumn, loadColumn, mergeSql, quoteName } from './databricks/sql.ts'
import { type DatabricksPlace, rowsOfObjects, rowsOfParameter, tableName, typeOfColumn } from './databricks/sql.ts'
import { locationOf, rootOf } from './databricks/location.ts'
import { Statements } from './databricks/statements.ts'
import { storedMore, storedTimes } from './databricks/stored-rows.ts'
import { fewAtOnce } from './few-at-once.ts'
import { foldMore } from './mapping/fold-more.ts'
import { gzipLines } from './gzip-lines.ts'
import { namespacesOf } from './namespace.ts'
import { openStaging, type StagingSettings } from './staging-bucket.ts'
import type { Staging } from './staging.ts'
import { StoredColumns } from './stored-columns.ts'

/** Loads that run at once. */
const atOnce = 4
/** Names of tables in one question about columns. */
const tablesAtOnce = 100
const dayMs = 86_400_000
/** Names of tables that Unity Catalog has no room for: https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-names */
const noTable = /[\s./\p{Cc}]/u

/**
 * Makes the warehouse that is Databricks: Delta tables in Unity Catalog, written by a SQL warehouse.
 *
 * Rows travel as a parameter of the statement that merges them, so that no bucket is needed; with `staging`, as an object that the
 * statement reads. https://docs.databricks.com/aws/en/dev-tools/sql-execution-tutorial (checked 2026-11-29)
 *
 * @param input `token`, `clientSecret` and `staging.secretAccessKey` are secrets and belong in `env`; without `schema`, each source
 *   has a schema of its own
 * @returns the warehouse, for `warehouses` in the config
 * @example warehouses: { tables: { use: databricks({ url: env.DATABRICKS_URL, warehouseId: '1234567890abcdef', catalog: 'events',
 *   clientId: env.DATABRICKS_ID, clientSecret: env.DATABRICKS_SECRET }) } }
 */
export function databricks(input: DatabricksInput): Warehouse {
  const { settings, problems, redacted } = checkDatabricks(input)
  // One for all engines of an invocation, which have the same bindings.
  const tokens = new WeakMap<object, AccessToken>()
  return {
    kind: 'warehouse',
    name: 'databricks',
    problems,
    redacted,
    ...namespacesOf({
      provider: 'deltalake',
      all: settings.schema,
      each: settings.schemas,
      kept: /^information_schema$/,
    }),
    open: (bindings, schema) => {
      const { warehouseId, catalog, partition, replaceWithinDays, staging } = settings
      const url = settings.url.replace(/\/+$/, '')
      const location = staging === undefined ? undefined : locationOf(staging)
      const address = { host: new URL(url).host, warehouseId, catalog, schema, location }
      let token = tokens.get(bindings)
      if (token === undefined) tokens.set(bindings, (token = new AccessToken({ ...settings, url }, address)))
      const statements = new Statements(url, token, address)
      return new DatabricksEngine(
        { statements, staging: staging === undefined ? undefined : stagingOf(staging, schema) },
        { catalog, schema },
        { isDivided: partition === 'day', replaceWithinDays },
      )
    },
  }
}

/**
 * Whether each row of a load is inserted or updated, also by a repeat, so that their number tells whether all were read. What
 * appends is not: it is little, and goes in the statement.
 */
const isCounted = ({ merge, columns }: Load): boolean => merge !== 'append' && columns.length > 1

const stagingOf = (settings: StagingSettings, schema: string): Staging =>
  openStaging(
    settings,
    { root: rootOf(settings), schema },
    { engine: 'Databricks', page: 'docs/warehouse-databricks.md' },
  )

/** By what rows get there. */
interface Carriers {
  readonly statements: Statements
  /** Undefined where rows go in the statement. */
  readonly staging: Staging | undefined
}

/** What is merged, and when its first row was received: milliseconds since the epoch, NaN where that is not known. */
interface Merge extends Pick<Load, 'table' | 'columns' | 'merge'> {
  readonly since: number
}

interface MergeRules {
  /** Whether new tables of events are divided by day. */
  readonly isDivided: boolean
  readonly replaceWithinDays: number | undefined
}

class DatabricksEngine implements Engine {
  readonly provider = 'deltalake'
  readonly kept = databricksKeptNames
  readonly rowColumns = 1_500
  readonly #statements: Statements
  readonly #staging: Staging | undefined
  readonly #place: DatabricksPlace
  readonly #rules: MergeRules
  /** Those of ours are among them. */
  readonly #columns: StoredColumns<ColumnType>
  /** Only a bucket has a place where rows may wait. */
  readonly gather?: (id: string) => Gathering

  constructor({ statements, staging }: Carriers, place: DatabricksPlace, rules: MergeRules) {
    this.#statements = statements
    this.#staging = staging
    this.#place = place
    this.#rules = rules
    this.#columns = new StoredColumns({
      tablesAtOnce,
      ask: (tables) => this.#askColumns(tables),
      columnOf: typeOfColumn,
    })
    if (staging !== undefined)
      this.gather = (id) =>
        new BucketGathering(id, staging, {
          bytesOf: (load) => gzipLines(linesOf(load)),
          merge: (gathered) => this.#mergeGathered(gathered),
        })
  }

  async columns(table: string): Promise<Columns | null> {
    const found = await this.#columns.of(table)
    if (found === null) return null
    return Object.fromEntries(Array.from(found).filter(([name]) => name !== dateColumn && name !== loadColumn))
  }

  foresee(tables: readonly string[]): Promise<void> {
    return this.#columns.read(tables)
  }

  async widen(table: string, added: Columns): Promise<void> {
    if (noTable.test(table))
      throw tableFailure(`Unity Catalog has no table with blanks, "." or "/" in its name: "${table}"`)
    const found = await this.#columns.of(table)
    const missing = Object.fromEntries(Object.entries(added).filter(([name]) => found?.has(name) !== true))
    // Whatever comes of it, what was read is no longer so.
    this.#columns.forget(table)
    if (found === null) {
      await this.#createSchema()
      await this.#statements.run(createTable(this.#name(table), missing, this.#isDivided(table, missing)))
    } else if (Object.keys(missing).length > 0) await this.#statements.run(addColumns(this.#name(table), missing))
  }

  load(load: Load): Promise<void> {
    return this.#load([load])
  }

  appendTogether(loads: readonly Load[]): Promise<void> {
    return this.#load(loads)
  }

  /** Does one load, or several of one table that append. */
  async #load(loads: readonly Load[]): Promise<void> {
    const [given, ...more] = loads.filter(({ rows }) => rows.length > 0)
    if (given === undefined) return
    const look = { statements: this.#statements, table: this.#name(given.table) }
    const load = foldMore(given, await storedMore(given, look))
    const { table, columns, merge } = load
    const stored = merge === 'append' ? await this.#withLoadColumn(table) : await this.#columns.of(table)
    if (stored === null) throw tableFailure(`there is no table "${table}"`)
    const since = merge === 'replace' ? receivedSince(load) : Number.NaN
    const sqlOf = (rows: string): string => this.#mergeSql({ table, columns, merge, since }, stored, rows)
    const lines = merge === 'append' ? await appendedLines([load, ...more]) : linesOf(load)
    try {
      await this.#send(load, lines, sqlOf)
    } catch (thrown) {
      // What is known of the table may be why.
      this.#columns.forget(table)
      throw thrown
    }
  }

  async loadTogether(loads: readonly Load[]): Promise<void> {
    await this.#columns.readUnknown(loads.map(({ table }) => table))
    await fewAtOnce(loads, { most: atOnce, work: (load) => this.load(load) })
  }

  async receivedAt(table: string, ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if ((await this.#columns.of(table))?.has('received_at') !== true) return new Map()
    return storedTimes(ids, { statements: this.#statements, table: this.#name(table) })
  }

  async probe(): Promise<void> {
    const name = '_sluiceway_probe'
    const table = this.#name(name)
    const columns = { id: 'string', event: 'string' } as const
    const load: Load = {
      id: name,
      table: name,
      columns: Object.entries(columns).map(([column, type]) => ({ name: column, type })),
      rows: [['probe', 'probe']],
      merge: 'replace',
    }
    await this.#createSchema()
    await this.#statements.run(createTable(table, columns, false))
    await this.#send(
      load,
      linesOf(load),
      (rows) => `INSERT INTO ${table} SELECT ${cellAt(0)}, ${cellAt(1)} FROM ${rows}`,
    )
    await this.#statements.run(`DROP TABLE ${table}`)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** Runs a statement with the rows: one for each piece of them, or one that reads the object that has them all. */
  async #send(load: Load, lines: Iterable<string>, sqlOf: (rows: string) => string): Promise<void> {
    if (this.#staging === undefined || !isCounted(load)) {
      for (const rows of bodiesOf(lines)) await this.#statements.run(sqlOf(rowsOfParameter), { rows })
      return
    }
    const { object } = await this.#staging.nameOf(load)
    const bytes = await gzipLines(lines)
    await this.#staging.during([{ object, bytes }], () => this.#take(sqlOf, object, load.rows.length))
  }

  /** Runs a statement that reads an object, or all of a folder, and checks that it took all their rows. */
  async #take(sqlOf: (rows: string) => string, path: string, count: number): Promise<void> {
    const [[affected] = []] = await this.#statements.run(sqlOf(rowsOfObjects(path)))
    // A location that is another bucket, or an object that is gone, may be read as no rows at all.
    if (Number(affected) !== count) throw unreadFailure(path, { affected, of: count })
  }

  async #mergeGathered({ tables, whileRead }: Gathered): Promise<void> {
    await this.#columns.readUnknown(tables.map(({ table }) => table))
    const mergeOne = async (one: GatheredTable): Promise<void> => {
      const stored = await this.#columns.of(one.table)
      if (stored === null) throw tableFailure(`there is no table "${one.table}"`)
      const sqlOf = (rows: string): string => this.#mergeSql({ ...one, merge: 'replace' }, stored, rows)
      await whileRead(one.objects, () => this.#take(sqlOf, one.folder, one.rows)).catch((thrown: unknown) => {
        this.#columns.forget(one.table)
        throw thrown
      })
    }
    await fewAtOnce(tables, { most: atOnce, work: mergeOne })
  }

  #askColumns(tables: readonly string[]): ReturnType<Statements['run']> {
    return this.#statements.run(
      `SELECT table_name, column_name, data_type, comment FROM ${quoteName(this.#place.catalog)}.information_schema.columns
         WHERE table_schema = :schema AND table_name IN (${tables.map((_, n) => `:t${n}`).join(', ')})
         ORDER BY table_name, ordinal_position`,
      { schema: this.#place.schema, ...Object.fromEntries(tables.map((table, n) => [`t${n}`, table])) },
    )
  }

  async #withLoadColumn(table: string): Promise<ReadonlyMap<string, ColumnType> | null> {
    const stored = await this.#columns.of(table)
    if (stored === null || stored.has(loadColumn)) return stored
    this.#columns.forget(table)
    await this.#statements.run(addColumns(this.#name(table), { [loadColumn]: 'string' }))
    return this.#columns.of(table)
  }

  #isDivided(table: string, columns: Columns): boolean {
    return (
      this.#rules.isDivided &&
      table !== 'users' &&
      Object.hasOwn(columns, 'id') &&
      columns['received_at'] === 'datetime'
    )
  }

  #mergeSql({ table, columns, merge, since }: Merge, stored: ReadonlyMap<string, unknown>, rows: string): string {
    const { replaceWithinDays } = this.#rules
    const isPruned = replaceWithinDays !== undefined && stored.has(dateColumn) && Number.isFinite(since)
    return mergeSql({
      table: this.#name(table),
      rows,
      columns,
      merge,
      stored: [...stored.keys()].filter((name) => name !== dateColumn && name !== loadColumn),
      since: isPruned ? new Date(since - replaceWithinDays * dayMs).toISOString().slice(0, 10) : undefined,
    })
  }

  async #createSchema(): Promise<void> {
    const { catalog, schema } = this.#place
    // CREATE SCHEMA IF NOT EXISTS asks for the right to create one even when it is there.
    const there = await this.#statements.run(
      `SELECT 1 FROM ${quoteName(catalog)}.information_schema.schemata WHERE schema_name = :schema`,
      { schema },
    )
    if (there.length === 0)
      await this.#statements.run(`CREATE SCHEMA IF NOT EXISTS ${quoteName(catalog)}.${quoteName(schema)}`)
  }

  #name(table: string): string {
    return tableName(this.#place, table)
  }
}
