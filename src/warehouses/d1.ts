import { reasonOf, SluicewayError } from '../core/errors.ts'
import { D1_QUERIES_PER_INVOCATION } from '../platform/limits.ts'
import { checkSettings, type Input } from '../configure/settings.ts'
import type { Columns, ColumnType, Engine, Load, QueryAnswer, Warehouse } from '../core/warehouse.ts'
import { NoAnswer, withTimeout } from '../core/with-timeout.ts'
import { d1FailureHintOf } from './d1/failure-hint.ts'
import { scopeOfD1Error } from './d1/failure-scope.ts'
import { D1Insert } from './d1/insert.ts'
import { d1KeptNames } from './d1/kept-names.ts'
import { D1Layout, type RealColumn, realColumns, realColumnsOfAll } from './d1/layout.ts'
import { queryD1 } from './d1/query.ts'
import { quoteIdentifier } from './identifier.ts'
import { widerNumber } from './mapping/wider-number.ts'
import { longestQueryMs } from './query-limits.ts'

const fields = {
  binding: { type: 'string', about: 'Name of the D1 binding in wrangler.toml.', default: 'DB' },
  idIndex: {
    type: 'boolean',
    about:
      'Gives new tables an index for their ids: D1 bills each row twice, and stores and loads it in half the room and time.',
    default: false,
  },
} as const

/** UTF-16 units that go to D1 in one batch, which is one transaction. */
const batchUnits = 8_000_000
/** Statements in one batch. */
const batchStatements = 100
/** Statements in one batch that widens a table. */
const widenStatements = 20
/** Statements of one invocation; the rest is for what else may ask D1 in it. */
const mostStatements = D1_QUERIES_PER_INVOCATION - 50
const bookkeeping = [
  `CREATE TABLE IF NOT EXISTS "_sluiceway_columns" ("table_name" TEXT, "column_name" TEXT, "type" TEXT, PRIMARY KEY ("table_name", "column_name")) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS "_sluiceway_loads" ("load_id" TEXT, "table_name" TEXT, PRIMARY KEY ("load_id", "table_name")) WITHOUT ROWID`,
]

/**
 * Makes the warehouse that lives in Cloudflare's own SQLite database, D1: no account elsewhere, no server.
 *
 * Columns beyond the 99th of a table (D1 allows 100) are kept as JSON in its column `_sluiceway_more`. Datetimes are
 * RFC 3339 text, booleans 0 and 1. https://developers.cloudflare.com/d1/platform/limits/ (checked 2026-11-22)
 *
 * @param input `binding` is `DB` when left out; `idIndex` is for tables that are not there yet
 * @returns the warehouse, for `warehouses` in the config
 * @example warehouses: { tables: { use: d1() } }
 */
export function d1(input: Input<typeof fields> = {}): Warehouse {
  const { settings, problems, redacted } = checkSettings(fields, input)
  return {
    kind: 'warehouse',
    name: 'd1',
    problems,
    redacted,
    // One database is one namespace.
    namespaceOf: () => '',
    takesQueries: true,
    open: (bindings) => {
      const database = bindings[settings.binding]
      if (!isDatabase(database))
        throw new SluicewayError(
          'warehouse_failed',
          `There is no D1 binding "${settings.binding}"; add it to wrangler.toml under [[d1_databases]]`,
          { details: { scope: 'warehouse', lasting: true } },
        )
      return new D1Engine(database, settings.idIndex)
    },
  }
}

class D1Engine implements Engine {
  readonly provider = 'postgres'
  readonly kept = d1KeptNames
  // A table has 100 columns and keeps all others in one: only the number of names is bounded.
  readonly rowColumns = 1_500
  readonly widerType = widerNumber
  rowsWritten = 0
  #statements = 0
  readonly #database: D1Database
  readonly #idIndex: boolean
  readonly #layouts = new Map<string, D1Layout>()
  #ready: Promise<unknown> | undefined
  #eachFound: Promise<string> | undefined

  constructor(database: D1Database, idIndex: boolean) {
    this.#database = database
    this.#idIndex = idIndex
  }

  async columns(table: string): Promise<Columns | null> {
    const layout = this.#layouts.get(table) ?? (await this.#read(table))
    return layout.exists ? layout.columns : null
  }

  async widen(table: string, added: Columns): Promise<void> {
    const layout = this.#layouts.get(table) ?? (await this.#read(table))
    const { statements, next } = layout.widen(added)
    this.#layouts.delete(table)
    // In parts, each of which stays: where an invocation has no room for all of them, the next one goes on.
    for (let i = 0; i < statements.length; i += widenStatements) {
      const some = statements.slice(i, i + widenStatements)
      await this.#run(some.map(([sql, ...values]) => this.#bound(sql, values)))
    }
    this.#layouts.set(table, next)
  }

  async retype(table: string, changed: Columns): Promise<void> {
    const layout = this.#layouts.get(table) ?? (await this.#read(table))
    const { statement, next } = layout.retype(changed)
    const [sql, ...values] = statement
    this.#layouts.delete(table)
    await this.#run([this.#bound(sql, values)])
    this.#layouts.set(table, next)
  }

  async foresee(tables: readonly string[]): Promise<void> {
    const unread = tables.filter((table) => !this.#layouts.has(table))
    // A name of SQLite or of the platform would fail the statement for all of them.
    const readable = unread.filter((table) => !d1KeptNames.tables.test(table))
    if (readable.length > 1) await this.#readAll(readable)
  }

  async loadTogether(loads: readonly Load[]): Promise<void> {
    const each = await this.#each()
    let statements: D1PreparedStatement[] = []
    let units = 0
    for (const load of loads) {
      if (load.rows.length === 0) continue
      const insert = new D1Insert(load, this.#layouts.get(load.table) ?? (await this.#read(load.table)))
      for (const text of insert.texts()) {
        if (statements.length >= batchStatements || (units > 0 && units + text.length > batchUnits)) {
          await this.#run(statements)
          statements = []
          units = 0
        }
        for (const [sql, values] of insert.statements(each, text, load.id)) statements.push(this.#bound(sql, values))
        units += text.length
      }
    }
    if (statements.length > 0) await this.#run(statements)
  }

  async receivedAt(table: string, ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const layout = this.#layouts.get(table) ?? (await this.#read(table))
    if (!layout.real.has('received_at')) return new Map()
    const name = quoteIdentifier(table)
    const sql = `SELECT "id", "received_at" AS "at" FROM ${name} WHERE "id" IN (SELECT value FROM json_each(?))`
    const [found = []] = await this.#run([this.#bound(sql, [JSON.stringify(ids)])])
    return new Map((found as { id: unknown; at: string }[]).map(({ id, at }) => [String(id), Date.parse(at)]))
  }

  async probe(): Promise<void> {
    const of = `"load_id" = '_sluiceway_probe'`
    await this.#run(
      [
        ...bookkeeping,
        `INSERT OR IGNORE INTO "_sluiceway_loads" ("load_id", "table_name") VALUES ('_sluiceway_probe', '')`,
        `DELETE FROM "_sluiceway_loads" WHERE ${of}`,
        'CREATE TABLE IF NOT EXISTS "_sluiceway_probe" ("id" TEXT)',
        'DROP TABLE "_sluiceway_probe"',
      ].map((sql) => this.#database.prepare(sql)),
    )
  }

  async query(sql: string): Promise<QueryAnswer> {
    const run = async (text: string) => this.#database.prepare(text).raw({ columnNames: true })
    try {
      return await withTimeout(queryD1(sql, run), longestQueryMs, 'D1')
    } catch (thrown) {
      if (thrown instanceof SluicewayError) throw thrown
      const reason = `D1: ${reasonOf(thrown)}`
      const isRefused = !(thrown instanceof NoAnswer) && scopeOfD1Error(thrown, reason) !== 'warehouse'
      throw new SluicewayError(isRefused ? 'bad_request' : 'warehouse_failed', reason, { cause: thrown })
    }
  }

  async load(load: Load): Promise<void> {
    if (load.rows.length === 0) return
    try {
      await this.#load(load)
    } catch (thrown) {
      this.#layouts.delete(load.table)
      throw thrown
    }
  }

  async #load(load: Load): Promise<void> {
    const insert = new D1Insert(load, this.#layouts.get(load.table) ?? (await this.#read(load.table)))
    const each = await this.#each()
    let statements: D1PreparedStatement[] = []
    let units = 0
    let part = 0
    const flush = async () => {
      const note = 'INSERT OR IGNORE INTO "_sluiceway_loads" ("load_id", "table_name") VALUES (?, ?)'
      if (load.merge === 'append') statements.push(this.#bound(note, [`${load.id}#${part}`, load.table]))
      await this.#run(statements)
      statements = []
      units = 0
      part++
    }
    for (const text of insert.texts()) {
      if (units > 0 && units + text.length > batchUnits) await flush()
      for (const [sql, values] of insert.statements(each, text, `${load.id}#${part}`))
        statements.push(this.#bound(sql, values))
      units += text.length
    }
    await flush()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #read(table: string): Promise<D1Layout> {
    await this.#prepare()
    const [real, more] = await this.#run([
      this.#bound(realColumns, [table]),
      this.#bound('SELECT "column_name" AS "name", "type" FROM "_sluiceway_columns" WHERE "table_name" = ?', [table]),
    ])
    const found = { real: real as RealColumn[], more: more as MoreColumn[] }
    const layout = new D1Layout(table, found, this.#idIndex)
    this.#layouts.set(table, layout)
    return layout
  }

  async #readAll(tables: readonly string[]): Promise<void> {
    await this.#prepare()
    const names = JSON.stringify(tables)
    const [real, more] = (await this.#run([
      this.#bound(realColumnsOfAll, [names]),
      this.#bound(
        `SELECT "table_name" AS "table", "column_name" AS "name", "type" FROM "_sluiceway_columns"
         WHERE "table_name" IN (SELECT value FROM json_each(?1))`,
        [names],
      ),
    ])) as [InTable<RealColumn>[], InTable<MoreColumn>[]]
    const realOf = Map.groupBy(real, ({ table }) => table)
    const moreOf = Map.groupBy(more, ({ table }) => table)
    for (const table of tables) {
      const found = { real: realOf.get(table) ?? [], more: moreOf.get(table) ?? [] }
      this.#layouts.set(table, new D1Layout(table, found, this.#idIndex))
    }
  }

  #prepare(): Promise<unknown> {
    this.#ready ??= this.#run(bookkeeping.map((sql) => this.#database.prepare(sql))).catch((thrown: unknown) => {
      this.#ready = undefined
      throw thrown
    })
    return this.#ready
  }

  // `jsonb_each` (SQLite 3.51) halves the time of a load; a database that is older has only `json_each`.
  #each(): Promise<string> {
    if (this.#eachFound === undefined) this.#statements++
    this.#eachFound ??= this.#database
      .prepare("SELECT 1 FROM jsonb_each('[]')")
      .all()
      .then(
        () => 'jsonb_each',
        () => 'json_each',
      )
    return this.#eachFound
  }

  #bound(sql: string, values: readonly unknown[]): D1PreparedStatement {
    return values.length === 0 ? this.#database.prepare(sql) : this.#database.prepare(sql).bind(...values)
  }

  async #run(statements: D1PreparedStatement[]): Promise<unknown[][]> {
    if (this.#statements + statements.length > mostStatements)
      throw new SluicewayError('warehouse_failed', `D1: ${mostStatements} queries are made; the next run goes on`, {
        details: { scope: 'invocation' },
      })
    this.#statements += statements.length
    try {
      const results = await this.#database.batch(statements)
      for (const { meta } of results) this.rowsWritten += meta.rows_written
      return results.map((result) => result.results)
    } catch (thrown) {
      const reason = reasonOf(thrown)
      const { hint, lasting } = d1FailureHintOf(reason)
      const details = {
        scope: scopeOfD1Error(thrown, reason),
        ...(lasting ? { lasting } : {}),
        ...(/too many columns/.test(reason) ? { full: true } : {}),
      }
      throw new SluicewayError('warehouse_failed', `D1: ${reason}${hint && `. ${hint}`}`, { cause: thrown, details })
    }
  }
}

interface MoreColumn {
  readonly name: string
  readonly type: ColumnType
}
type InTable<C> = C & { readonly table: string }

const isDatabase = (value: unknown): value is D1Database =>
  typeof value === 'object' && value !== null && 'batch' in value && 'prepare' in value
