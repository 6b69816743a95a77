import type { Sql } from 'postgres'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import { checkSettings, type Input } from '../configure/settings.ts'
import { isRecord } from '../core/json.ts'
import type { Columns, ColumnType, Engine, Load, QueryAnswer, Warehouse } from '../core/warehouse.ts'
import { quoteIdentifier } from './identifier.ts'
import { namespacesOf, schemaFields } from './namespace.ts'
import { widerNumber } from './mapping/wider-number.ts'
import { failureHintOf, type PostgresPlace } from './postgres/failure-hint.ts'
import { scopeOfThrown, stateOf } from './postgres/failure-scope.ts'
import { postgresKeptNames } from './postgres/kept-names.ts'
import { PostgresLoads } from './postgres/loads.ts'
import { queryPostgres } from './postgres/query.ts'
import { ConnectionsOfRuns, type RunConnections } from './postgres/run-connections.ts'
import { boundLocks, columnsOf, createTable, retypeTable, typeOfColumn, widenTable } from './postgres/sql.ts'
import { inTransaction } from './postgres/transaction.ts'
import { StoredColumns } from './stored-columns.ts'

const schemaProblem = (name: string): string | undefined =>
  /^(?!pg_|information_schema$)[a-z_][a-z0-9_]{0,62}$/.test(name)
    ? undefined
    : 'must have at most 63 of a-z, 0-9 and "_", and be no schema of the system'

/** Whether every `%` of a part of a URL begins a byte of UTF-8. */
function isEncoded(part: string): boolean {
  try {
    decodeURIComponent(part)
    return true
  } catch {
    return false
  }
}

const places = schemaFields(schemaProblem)

const fields = {
  url: {
    type: 'string',
    about: 'Connection string: postgres://user:password@host:5432/database.',
    secret: true,
    check: (url: string) => {
      if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol))
        return 'must look like postgres://user:password@host:5432/database'
      const { username, password, pathname } = new URL(url)
      return [username, password, pathname].every(isEncoded)
        ? undefined
        : 'has a "%" that stands for nothing: write %25 for each "%" in user, password and database'
    },
  },
  ...places,
} as const

const boundFields = {
  hyperdrive: { type: 'string', about: 'Name of the Hyperdrive binding in wrangler.toml, in place of `url`.' },
  ...places,
} as const

const longestCallMs = 120_000
/** https://www.postgresql.org/docs/18/errcodes-appendix.html (checked 2026-12-01) */
const lockNotAvailable = '55P03'
const tooManyColumns = '54011'
/** Tables whose columns are asked for in one statement. */
const tablesAtOnce = 200

/**
 * Makes the warehouse that is a PostgreSQL database, reached over TCP or through Hyperdrive.
 *
 * New rows are copied into their tables, others into a temporary table and merged by `id`, over up to three connections. U+0000,
 * which PostgreSQL cannot store, is left out of texts and JSON. The user needs CREATE on the schema, and on the database when the
 * schema does not exist.
 * https://www.postgresql.org/docs/18/sql-copy.html (checked 2026-11-22)
 *
 * @param input `url` is a secret and belongs in `env`, or `hyperdrive` names a binding; without `schema`, each source has a schema
 *   of its own
 * @returns the warehouse, for `warehouses` in the config
 * @example warehouses: { tables: { use: postgres({ url: env.POSTGRES_URL }) } }
 */
export function postgres(input: Input<typeof fields> | Input<typeof boundFields>): Warehouse {
  const { settings, problems, redacted } =
    isRecord(input) && 'hyperdrive' in input ? checkSettings(boundFields, input) : checkSettings(fields, input)
  const runs = new ConnectionsOfRuns()
  return {
    kind: 'warehouse',
    name: 'postgres',
    problems,
    redacted,
    ...namespacesOf({
      provider: 'postgres',
      all: settings.schema,
      each: settings.schemas,
      kept: /^(?:pg_|information_schema$)/,
    }),
    takesQueries: true,
    open: (bindings, schema) => {
      const url = 'hyperdrive' in settings ? boundUrl(bindings[settings.hyperdrive], settings.hyperdrive) : settings.url
      return new PostgresEngine(runs.of(bindings, url), placeOf(url, schema))
    },
  }
}

/** The connection string of a binding. https://developers.cloudflare.com/hyperdrive/ (checked 2026-11-29) */
function boundUrl(binding: unknown, name: string): string {
  const isBound = typeof binding === 'object' && binding !== null && 'connectionString' in binding
  if (isBound) return String(binding.connectionString)
  throw new SluicewayError(
    'warehouse_failed',
    `There is no Hyperdrive binding "${name}"; add it to wrangler.toml under [[hyperdrive]]`,
    { details: { scope: 'warehouse', lasting: true } },
  )
}

interface ColumnRow {
  readonly table: string
  readonly name: string
  readonly type: string
}

class PostgresEngine implements Engine {
  readonly provider = 'postgres'
  readonly kept = postgresKeptNames
  // A row must fit into a page of 8,192 bytes. A text takes up to 24 there, a longer one 18: 320 of them do, beside the map of NULLs.
  // https://www.postgresql.org/docs/18/storage-toast.html (checked 2026-12-01)
  readonly rowColumns = 320
  readonly widerType = widerNumber
  readonly #run: RunConnections
  readonly #sql: Sql
  readonly #schema: string
  readonly #place: PostgresPlace
  readonly #loads: PostgresLoads
  /** What was read ahead; each is asked for once. */
  readonly #columns: StoredColumns<ColumnType>

  constructor(run: RunConnections, place: PostgresPlace) {
    this.#run = run
    this.#sql = run.sql
    this.#schema = place.schema
    this.#place = place
    this.#loads = new PostgresLoads(run, (table) => this.#name(table))
    this.#columns = new StoredColumns({
      tablesAtOnce,
      ask: (tables) => this.#askColumns(tables),
      columnOf: (type) => typeOfColumn(type),
    })
  }

  columns(table: string): Promise<Columns | null> {
    return this.#call(async () => {
      const found = await this.#columns.of(table)
      this.#columns.forget(table)
      return found === null ? null : Object.fromEntries(found)
    })
  }

  foresee(tables: readonly string[]): Promise<void> {
    return this.#call(() => this.#columns.read(tables))
  }

  widen(table: string, added: Columns): Promise<void> {
    return this.#call(async () => {
      this.#run.types.delete(this.#name(table))
      await this.#createSchema()
      // As one, they go to the server and back once.
      await this.#sql.unsafe(
        [boundLocks, createTable(this.#name(table), added), ...widenTable(this.#name(table), added)].join('; '),
      )
    })
  }

  retype(table: string, changed: Columns): Promise<void> {
    this.#run.types.delete(this.#name(table))
    return this.#call(
      async () => void (await this.#sql.unsafe([boundLocks, retypeTable(this.#name(table), changed)].join('; '))),
    )
  }

  load(load: Load): Promise<void> {
    return load.rows.length === 0 ? Promise.resolve() : this.#call(() => this.#loads.load(load))
  }

  async loadTogether(loads: readonly Load[]): Promise<void> {
    const some = loads.filter(({ rows }) => rows.length > 0)
    const left = some.length > 1 ? await this.#call(() => this.#loads.loadMany(some)) : some
    for (const load of left) await this.load(load)
  }

  receivedAt(table: string, ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.#call(async () => {
      const found = await this.#sql.unsafe<{ id: string; at: string }[]>(
        `SELECT "id"::text AS id, floor(extract(epoch FROM "received_at") * 1000)::text AS at FROM ${this.#name(table)}
         WHERE "id"::text = ANY (ARRAY(SELECT jsonb_array_elements_text($1::text::jsonb))) AND "received_at" IS NOT NULL`,
        [JSON.stringify(ids)],
      )
      return new Map(found.map(({ id, at }) => [id, Number(at)]))
    })
  }

  probe(): Promise<void> {
    return this.#call(async () => {
      await this.#createSchema()
      await inTransaction(this.#sql, async (sql) => {
        const note: Load = { id: '_sluiceway_probe', table: '_sluiceway_probe', columns: [], rows: [], merge: 'append' }
        await this.#loads.isFirst(sql, note)
        await sql.unsafe(`DELETE FROM ${this.#name('_sluiceway_loads')} WHERE load_id = $1`, [note.id])
        await sql.unsafe(createTable(this.#name('_sluiceway_probe'), { id: 'string' }))
        await sql.unsafe(`DROP TABLE ${this.#name('_sluiceway_probe')}`)
      })
    })
  }

  async query(sql: string): Promise<QueryAnswer> {
    const found = await this.#call(() =>
      queryPostgres(this.#sql, this.#schema, sql).catch((thrown: unknown) => {
        // Of the statement: its syntax, its names, its data, its rights, what it must not do in a transaction that only reads.
        const isRefused = /^(?:08P01|0A|21|22|25001|25006|26|42|54)/.test(stateOf(thrown))
        if (isRefused) return new SluicewayError('bad_request', `PostgreSQL: ${reasonOf(thrown)}`, { cause: thrown })
        if (thrown instanceof SluicewayError) return thrown
        throw thrown
      }),
    )
    if (found instanceof SluicewayError) throw found
    return found
  }

  close(): Promise<void> {
    return this.#run.close()
  }

  #name(table: string): string {
    return `${quoteIdentifier(this.#schema)}.${quoteIdentifier(table)}`
  }

  async #askColumns(tables: readonly string[]): Promise<readonly string[][]> {
    const found = await this.#sql.unsafe<ColumnRow[]>(columnsOf, [this.#schema, JSON.stringify(tables)])
    return found.map(({ table, name, type }) => [table, name, type])
  }

  async #createSchema(): Promise<void> {
    if (this.#run.schemas.has(this.#schema)) return
    // CREATE SCHEMA IF NOT EXISTS asks for the right to create one even when it is there.
    const there = await this.#sql`SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ${this.#schema}`
    if (there.length === 0) await this.#sql.unsafe(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(this.#schema)}`)
    this.#run.schemas.add(this.#schema)
  }

  async #call<T>(call: () => Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined
    // A COPY whose connection breaks may never settle: https://github.com/porsager/postgres/issues/1173
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        void this.#sql.end({ timeout: 0 })
        reject(new Error(`no answer within ${longestCallMs / 1000} seconds`))
      }, longestCallMs)
    })
    try {
      return await Promise.race([call(), late])
    } catch (thrown) {
      this.#run.types.clear()
      this.#run.schemas.clear()
      const state = stateOf(thrown)
      const reason = reasonOf(thrown) || state || 'no answer'
      const { hint, lasting } = failureHintOf(state, reason, this.#place)
      const code = /^[0-9A-Z]{5}$/.test(state) ? ` (${state})` : ''
      throw new SluicewayError('warehouse_failed', `PostgreSQL: ${reason}${code}${hint && `. ${hint}`}`, {
        cause: thrown,
        details: {
          state,
          scope: scopeOfThrown(thrown),
          ...(lasting ? { lasting } : {}),
          ...(state === lockNotAvailable ? { passing: true } : {}),
          ...(state === tooManyColumns ? { full: true } : {}),
        },
      })
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Where a connection string leads, without what is secret in it. */
function placeOf(url: string, schema: string): PostgresPlace {
  const { host, username, pathname, searchParams } = new URL(url)
  const user = decodeURIComponent(username)
  const tls = !['disable', null].includes(searchParams.get('sslmode'))
  return { host, user, database: decodeURIComponent(pathname.slice(1)) || user, schema, tls }
}
