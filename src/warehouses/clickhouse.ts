import { SluicewayError } from '../core/errors.ts'
import { checkSettings, type Input } from '../configure/settings.ts'
import type { Columns, ColumnType, Engine, Load, Warehouse } from '../core/warehouse.ts'
import { ClickHouseHttp } from './clickhouse/http.ts'
import { clickhouseKeptNames } from './clickhouse/kept-names.ts'
import { bodiesOf, positionalRows, type PositionalRows } from './clickhouse/rows.ts'
import { addLoadColumn, createDatabase, createTable, loadColumn, quoteName, quoteText } from './clickhouse/sql.ts'
import { type ClickHousePlace, retypeTable, tableName, typeOfColumn, widenTable } from './clickhouse/sql.ts'
import { widerNumber } from './mapping/wider-number.ts'
import { readTables, type StoredTable } from './clickhouse/stored-tables.ts'
import { foldStored, replacedElsewhere, type StoredRow, storedTimes } from './clickhouse/stored-rows.ts'
import { fewAtOnce } from './few-at-once.ts'
import { hexHash } from './hex-hash.ts'
import { eachNamespace, namespacesOf } from './namespace.ts'
import { replaceWithinDays } from './replace-within-days.ts'
import { rowIdentities } from './row-identities.ts'
import { StoredColumns } from './stored-columns.ts'

const databaseProblem = (name: string): string | undefined =>
  /^(?!(?:system|information_schema)$)[a-z_][a-z0-9_]{0,126}$/i.test(name)
    ? undefined
    : 'must have at most 127 letters, digits and "_", and be no database of the system'

const fields = {
  url: { type: 'url', about: 'Address of the HTTP interface: https://host:8443.' },
  user: { type: 'string', about: 'Name of the user.', default: 'default' },
  password: { type: 'string', about: 'Password of the user.', secret: true, optional: true },
  database: {
    type: 'string',
    about: 'Database for the tables of all sources; left out, each source has one of its own, named as the source.',
    optional: true,
    check: databaseProblem,
  },
  databases: {
    type: 'texts',
    about: 'Databases of single sources, by the name of the source.',
    optional: true,
    check: eachNamespace(databaseProblem),
  },
  cluster: {
    type: 'string',
    about: 'Cluster of self-hosted servers that all get the tables, as replicas; not for ClickHouse Cloud.',
    optional: true,
  },
  partition: {
    type: 'choice',
    choices: ['day', 'week', 'month'],
    about: 'How new tables are divided: by the day, week or month in which events were received.',
    default: 'day',
  },
  replaceWithinDays,
} as const

/** Loads that run at once. */
const atOnce = 4
/** Names of tables in one question about columns. */
const tablesAtOnce = 1_000

/**
 * Makes the warehouse that is a ClickHouse, on ClickHouse Cloud or your own, reached over HTTP.
 *
 * Tables are those of RudderStack: ReplacingMergeTree by `received_at` and `id`, and AggregatingMergeTree for `users`. An event
 * that comes again replaces itself. https://clickhouse.com/docs/interfaces/http (checked 2026-11-29)
 *
 * @param input `password` is a secret and belongs in `env`; without `database`, each source has a database of its own
 * @returns the warehouse, for `warehouses` in the config
 * @example warehouses: { tables: { use: clickhouse({ url: env.CLICKHOUSE_URL, password: env.CLICKHOUSE_PASSWORD }) } }
 */
export function clickhouse(input: Input<typeof fields>): Warehouse {
  const { settings, problems, redacted } = checkSettings(fields, input)
  return {
    kind: 'warehouse',
    name: 'clickhouse',
    problems,
    redacted,
    ...namespacesOf({
      provider: 'clickhouse',
      all: settings.database,
      each: settings.databases,
      kept: /^(?:system|information_schema|default)$/,
    }),
    open: (_, database) => {
      const { url, user, password = '', cluster, partition, replaceWithinDays } = settings
      const http = new ClickHouseHttp({ url, host: new URL(url).host, user, password, database })
      return new ClickHouseEngine(http, { database, cluster, partition }, replaceWithinDays)
    },
  }
}

class ClickHouseEngine implements Engine {
  readonly provider = 'clickhouse'
  readonly kept = clickhouseKeptNames
  // RudderStack's limit of a ClickHouse table.
  readonly rowColumns = 1_000
  readonly widerType = widerNumber
  readonly #http: ClickHouseHttp
  readonly #place: ClickHousePlace
  readonly #withinDays: number | undefined
  /** All tables of the database: read once, and again after a failure. */
  #tables: Promise<Map<string, StoredTable>> | undefined
  /** What was read ahead; each is asked for once. */
  readonly #columns: StoredColumns<ColumnType>

  constructor(http: ClickHouseHttp, place: ClickHousePlace, withinDays: number | undefined) {
    this.#http = http
    this.#place = place
    this.#withinDays = withinDays
    this.#columns = new StoredColumns({
      tablesAtOnce,
      ask: (tables) => this.#askColumns(tables),
      columnOf: (type, comment) => typeOfColumn(type, comment ?? ''),
    })
  }

  async columns(table: string): Promise<Columns | null> {
    const found = await this.#columns.of(table)
    this.#columns.forget(table)
    return found === null ? null : Object.fromEntries(found)
  }

  foresee(tables: readonly string[]): Promise<void> {
    return this.#columns.read(tables)
  }

  widen(table: string, added: Columns): Promise<void> {
    return this.#call(async () => {
      const stored = (await this.#stored()).get(table)
      if (stored !== undefined)
        await this.#http.run(widenTable(this.#place, table, added, stored.engine.includes('Aggregating')))
      else {
        await this.#createDatabase()
        await this.#http.run(createTable(this.#place, table, added))
        this.#tables = undefined
      }
    })
  }

  // What orders a table keeps its type: the server says so (524), and the loader discards what does not fit.
  retype(table: string, changed: Columns): Promise<void> {
    return this.#call(async () => {
      const isAggregating = (await this.#stored()).get(table)?.engine.includes('Aggregating') === true
      await this.#http.run(retypeTable(this.#place, table, changed, isAggregating))
    })
  }

  load(load: Load): Promise<void> {
    if (load.rows.length === 0) return Promise.resolve()
    return this.#call(() => (load.merge === 'append' ? this.#append(load) : this.#merge(load)))
  }

  receivedAt(table: string, ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.#call(async () => {
      const look = { http: this.#http, table: tableName(this.#place, table), stored: undefined, withinDays: undefined }
      const found = await storedTimes(ids, { ...look, since: undefined })
      const newest = new Map<string, number>()
      for (const { id, at } of found) newest.set(id, Math.max(at, newest.get(id) ?? at))
      return newest
    })
  }

  loadTogether(loads: readonly Load[]): Promise<void> {
    return fewAtOnce(loads, { most: atOnce, work: (load) => this.load(load) })
  }

  probe(): Promise<void> {
    return this.#call(async () => {
      const table = tableName(this.#place, '_sluiceway_probe')
      await this.#createDatabase()
      await this.#http.run(`CREATE TABLE IF NOT EXISTS ${table} ("id" String) ENGINE = MergeTree ORDER BY "id"`)
      await this.#http.run(`INSERT INTO ${table} ("id") VALUES ('probe')`, { async_insert: 0 })
      await this.#http.run(`DROP TABLE ${table}`)
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #askColumns(tables: readonly string[]): Promise<readonly string[][]> {
    const found = await this.#http.rows(
      `SELECT table, name, type, comment FROM system.columns WHERE database = ${quoteText(this.#place.database)}
       AND table IN (${tables.map(quoteText).join(', ')}) AND name != ${quoteText(loadColumn)} ORDER BY table, position`,
    )
    return found as string[][]
  }

  async #merge(load: Load): Promise<void> {
    const given = positionalRows(load)
    const id = given.names.indexOf('id')
    if (id < 0 || given.rows.some((row) => row[id] === null || row[id] === ''))
      throw new SluicewayError('warehouse_failed', `ClickHouse: a row for "${load.table}" has no id`, {
        details: { scope: 'rows' },
      })
    const stored = (await this.#stored()).get(load.table)
    const look = {
      http: this.#http,
      table: tableName(this.#place, load.table),
      stored,
      withinDays: this.#withinDays,
    }
    const rows = load.merge === 'coalesce' ? await foldStored(given, look) : given
    const old = await replacedElsewhere(rows, look)
    await this.#insert(load, rows)
    if (old.length > 0) await this.#delete(look.table, old)
  }

  // Rows of an append have no id: each has the load's, so that a repeat is seen also where tokens are not kept.
  async #append(load: Load): Promise<void> {
    const table = tableName(this.#place, load.table)
    await this.#http.run(addLoadColumn(this.#place, load.table))
    const there = await this.#http.rows(
      `SELECT 1 FROM ${table} WHERE ${quoteName(loadColumn)} = ${quoteText(load.id)} LIMIT 1`,
      { select_sequential_consistency: 1 },
    )
    if (there.length > 0) return
    const { names, rows } = positionalRows(load)
    await this.#insert(load, { names: [...names, loadColumn], rows: rows.map((row) => [...row, load.id]) })
  }

  async #insert(load: Load, rows: PositionalRows): Promise<void> {
    const into = `INSERT INTO ${tableName(this.#place, load.table)} (${rows.names.map(quoteName).join(', ')})`
    // Parts of a load that failed have its id, too: the token says which rows it is for.
    const own = await hexHash(JSON.stringify(rowIdentities(load, load.rows)), 16)
    let start = 0
    for (const body of bodiesOf(rows)) {
      await this.#http.run(new TextEncoder().encode(`${into} FORMAT JSONCompactEachRow\n${body.text}`), {
        async_insert: 0,
        date_time_input_format: 'best_effort',
        input_format_null_as_default: 1,
        // One block, so that a row that cannot be read leaves nothing behind of the others.
        input_format_parallel_parsing: 0,
        insert_deduplicate: 1,
        insert_deduplication_token: `${load.id}#${start}#${own}`,
        max_partitions_per_insert_block: 0,
      })
      start += body.rows
    }
  }

  async #delete(table: string, old: readonly StoredRow[]): Promise<void> {
    const pairs = old.map(({ id, at }) => `(${quoteText(id)}, ${at})`).join(', ')
    const times = old.map(({ at }) => at)
    await this.#http.run(
      `DELETE FROM ${table} WHERE ("id", toUnixTimestamp64Milli(toDateTime64("received_at", 3))) IN (${pairs})
       AND "received_at" >= fromUnixTimestamp64Milli(${Math.min(...times)}) AND "received_at" <= fromUnixTimestamp64Milli(${Math.max(...times)})`,
    )
  }

  async #createDatabase(): Promise<void> {
    // CREATE DATABASE IF NOT EXISTS asks for the right to create one even when it is there.
    const there = await this.#http.rows(
      `SELECT 1 FROM system.databases WHERE name = ${quoteText(this.#place.database)}`,
    )
    if (there.length === 0) await this.#http.run(createDatabase(this.#place))
  }

  #stored(): Promise<Map<string, StoredTable>> {
    this.#tables ??= readTables(this.#http, this.#place.database)
    return this.#tables
  }

  async #call<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (thrown) {
      // What is known of the tables may be why.
      this.#tables = undefined
      throw thrown
    }
  }
}
