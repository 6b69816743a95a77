import type { Columns, ColumnType, Engine, Load, Warehouse } from '../core/warehouse.ts'
import { AccessToken } from './databricks/access-token.ts'
import { tableFailure, unreadFailure } from './databricks/failure.ts'
import { databricksKeptNames } from './databricks/kept-names.ts'
import { bodiesOf, linesOf } from './databricks/rows.ts'
import { checkDatabricks, type DatabricksInput } from './databricks/settings.ts'
import { addColumns, createTable, dateColumn, loadColumn, mergeSql, quoteName } from './databricks/sql.ts'
import { type DatabricksPlace, rowsOfObject, rowsOfParameter, tableName, typeOfColumn } from './databricks/sql.ts'
import { locationOf, rootOf } from './databricks/location.ts'
import { Statements } from './databricks/statements.ts'
import { fewAtOnce } from './few-at-once.ts'
import { hexHash } from './hex-hash.ts'
import { foldMore, idsWithMore, storedMoreOf } from './mapping/fold-more.ts'
import { moreColumn } from './mapping/more-column.ts'
import { storableText } from './mapping/storable-text.ts'
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

  async load(given: Load): Promise<void> {
    if (given.rows.length === 0) return
    const load = await this.#withMore(given)
    const { table, columns, merge } = load
    const stored = merge === 'append' ? await this.#withLoadColumn(table) : await this.#columns.of(table)
    if (stored === null) throw tableFailure(`there is no table "${table}"`)
    const sqlOf = (rows: string): string =>
      mergeSql({
        table: this.#name(table),
        rows,
        columns,
        merge,
        stored: [...stored.keys()].filter((name) => name !== dateColumn && name !== loadColumn),
        since: this.#sinceOf(load, stored.has(dateColumn)),
      })
    const key = merge === 'append' ? await hexHash(load.id, 16) : ''
    const lines = merge === 'append' ? linesOf(load, (row) => `${key}#${row}`) : linesOf(load)
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
    const rows = await this.#rowsOf(
      ids,
      (isOne) => `SELECT \`id\`, unix_millis(\`received_at\`) FROM ${this.#name(table)} WHERE ${isOne}`,
    )
    return new Map(rows.flatMap(([id, at]) => (typeof at === 'string' ? [[String(id), Number(at)]] : [])))
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
    await this.#send(load, linesOf(load), (rows) => `INSERT INTO ${table} SELECT r[0], r[1] FROM ${rows}`)
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
    await this.#staging.during([{ object, bytes }], async () => {
      const [[affected] = []] = await this.#statements.run(sqlOf(rowsOfObject(object)))
      // A location that is another bucket, or an object that is gone, may be read as no rows at all.
      if (Number(affected) !== load.rows.length) throw unreadFailure(object, { affected, of: load.rows.length })
    })
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

  #sinceOf({ columns, rows, merge }: Load, isDivided: boolean): string | undefined {
    const { replaceWithinDays } = this.#rules
    const time = columns.findIndex(({ name }) => name === 'received_at')
    if (replaceWithinDays === undefined || !isDivided || merge !== 'replace' || time < 0) return undefined
    const times = rows.map((row) => Date.parse(String(row[time]))).filter(Number.isFinite)
    if (times.length < rows.length) return undefined
    return new Date(Math.min(...times) - replaceWithinDays * dayMs).toISOString().slice(0, 10)
  }

  /** Folds what has no column of its own: SQL cannot join two objects. */
  async #withMore(load: Load): Promise<Load> {
    const ids = idsWithMore(load)
    if (ids.length === 0) return load
    const more = quoteName(moreColumn)
    const time = load.columns.some(({ name }) => name === 'received_at') ? 'unix_millis(`received_at`)' : 'NULL'
    const rows = await this.#rowsOf(
      ids,
      (isOne) =>
        `SELECT \`id\`, ${more}, ${time} FROM ${this.#name(load.table)}
       WHERE ${more} IS NOT NULL AND ${isOne}`,
    )
    return foldMore(load, storedMoreOf(rows, Number))
  }

  #rowsOf(ids: readonly string[], sqlOf: (isOne: string) => string): ReturnType<Statements['run']> {
    const isOne = `\`id\` IN (SELECT explode(from_json(:ids, 'array<string>', map('mode', 'FAILFAST'))))`
    return this.#statements.run(sqlOf(isOne), { ids: JSON.stringify(ids.map(storableText)) })
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
