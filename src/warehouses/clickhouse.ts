import { checkSettings, type Input } from '../configure/settings.ts'
import type { Columns, ColumnType, Engine, Gathering, Load, Warehouse } from '../core/warehouse.ts'
import { ClickHouseGathering } from './clickhouse/gathering.ts'
import { ClickHouseHttp } from './clickhouse/http.ts'
import { clickhouseKeptNames } from './clickhouse/kept-names.ts'
import { bodiesOf, bodyUnits, checkIds, linesOf, positionalRows, type PositionalRows } from './clickhouse/rows.ts'
import { addLoadColumn, createDatabase, createTable, loadColumn, quoteName, quoteText } from './clickhouse/sql.ts'
import { type ClickHousePlace, retypeTable, tableName, typeOfColumn, widenTable } from './clickhouse/sql.ts'
import { widerNumber } from './mapping/wider-number.ts'
import { foldStored, keysOf, storedTimes } from './clickhouse/stored-rows.ts'
import { type Insert, TableWriter } from './clickhouse/table-writer.ts'
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
      const place = { database, cluster, partition }
      return new ClickHouseEngine(http, place, new TableWriter(http, place, replaceWithinDays))
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
  readonly #writer: TableWriter
  /** What was read ahead; each is asked for once. */
  readonly #columns: StoredColumns<ColumnType>

  constructor(http: ClickHouseHttp, place: ClickHousePlace, writer: TableWriter) {
    this.#http = http
    this.#place = place
    this.#writer = writer
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
      const stored = await this.#writer.stored(table)
      if (stored !== undefined)
        await this.#http.run(widenTable(this.#place, table, added, stored.engine.includes('Aggregating')))
      else {
        await this.#createDatabase()
        await this.#http.run(createTable(this.#place, table, added))
        this.#writer.forget()
      }
    })
  }

  // What orders a table keeps its type: the server says so (524), and the loader discards what does not fit.
  retype(table: string, changed: Columns): Promise<void> {
    return this.#call(async () => {
      const isAggregating = (await this.#writer.stored(table))?.engine.includes('Aggregating') === true
      await this.#http.run(retypeTable(this.#place, table, changed, isAggregating))
    })
  }

  load(load: Load): Promise<void> {
    if (load.rows.length === 0) return Promise.resolve()
    return this.#call(() => (load.merge === 'append' ? this.#append([load]) : this.#merge(load)))
  }

  appendTogether(loads: readonly Load[]): Promise<void> {
    return this.#call(() => this.#append(loads))
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

  gather(): Gathering {
    return new ClickHouseGathering(this.#writer)
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
    checkIds(load.table, given)
    const rows = load.merge === 'coalesce' ? await foldStored(given, await this.#writer.look(load.table)) : given
    // Parts of a load that failed have its id, too: the token says which rows it is for.
    const own = await hexHash(JSON.stringify(rowIdentities(load, load.rows)), 16)
    await this.#writer.replace(load.table, keysOf(rows), insertsOf(rows, `${load.id}#${own}`))
  }

  // Rows of an append have no id: each has its load's, so that a repeat is seen also where tokens are not kept.
  async #append(loads: readonly Load[]): Promise<void> {
    const [first] = loads
    if (first === undefined) return
    await this.#http.run(addLoadColumn(this.#place, first.table))
    const there = await this.#http.rows(
      `SELECT DISTINCT ${quoteName(loadColumn)} FROM ${tableName(this.#place, first.table)}
       WHERE ${quoteName(loadColumn)} IN (${loads.map(({ id }) => quoteText(id)).join(', ')})`,
      { select_sequential_consistency: 1 },
    )
    const known = new Set(there.map(([id]) => id))
    const names = [...positionalRows(first).names, loadColumn]
    for (const whole of together(loads.filter(({ id, rows }) => !known.has(id) && rows.length > 0)))
      await this.#writer.insert(first.table, {
        names,
        lines: whole.lines,
        token: await hexHash(JSON.stringify(whole.ids), 16),
      })
  }

  async #createDatabase(): Promise<void> {
    // CREATE DATABASE IF NOT EXISTS asks for the right to create one even when it is there.
    const there = await this.#http.rows(
      `SELECT 1 FROM system.databases WHERE name = ${quoteText(this.#place.database)}`,
    )
    if (there.length === 0) await this.#http.run(createDatabase(this.#place))
  }

  async #call<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (thrown) {
      // What is known of the tables may be why.
      this.#writer.forget()
      throw thrown
    }
  }
}

/** Rows as inserts of bounded size. */
function* insertsOf(rows: PositionalRows, token: string): Generator<Insert> {
  let start = 0
  for (const { text, rows: count } of bodiesOf(rows)) {
    yield { names: rows.names, lines: text, token: `${token}#${start}` }
    start += count
  }
}

/** Loads as texts of bounded size: one that is there is there as a whole. */
function* together(loads: readonly Load[]): Generator<{ readonly ids: readonly string[]; readonly lines: string }> {
  let ids: string[] = []
  let lines = ''
  for (const load of loads) {
    const own = linesOf(positionalRows(load).rows.map((row) => [...row, load.id]))
    if (lines.length > 0 && lines.length + own.length > bodyUnits) {
      yield { ids, lines }
      ids = []
      lines = ''
    }
    ids.push(load.id)
    lines += own
  }
  if (ids.length > 0) yield { ids, lines }
}
