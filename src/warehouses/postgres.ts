import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import connect, { type Sql, type TransactionSql } from 'postgres'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import { checkSettings, type Input } from '../configure/settings.ts'
import { isRecord } from '../core/json.ts'
import type { Columns, ColumnType, Engine, Load, QueryAnswer, Warehouse } from '../core/warehouse.ts'
import { quoteIdentifier } from './identifier.ts'
import { namespacesOf, schemaFields } from './namespace.ts'
import { failureHintOf, type PostgresPlace } from './postgres/failure-hint.ts'
import { scopeOfState } from './postgres/failure-scope.ts'
import { postgresKeptNames } from './postgres/kept-names.ts'
import { widerNumber } from './mapping/wider-number.ts'
import { copyWhole } from './postgres/copy-whole.ts'
import { copyPieces } from './postgres/copy.ts'
import { queryPostgres } from './postgres/query.ts'
import { createStage, createTable, keyedOf, mergeSql, retypeTable, typeOfColumn, widenTable } from './postgres/sql.ts'

const schemaProblem = (name: string): string | undefined =>
  /^(?!pg_|information_schema$)[a-z_][a-z0-9_]{0,62}$/.test(name)
    ? undefined
    : 'must have at most 63 of a-z, 0-9 and "_", and be no schema of the system'

const places = schemaFields(schemaProblem)

const fields = {
  url: {
    type: 'string',
    about: 'Connection string: postgres://user:password@host:5432/database.',
    secret: true,
    check: (url: string) =>
      URL.canParse(url) && /^postgres(ql)?:$/.test(new URL(url).protocol)
        ? undefined
        : 'must look like postgres://user:password@host:5432/database',
  },
  ...places,
} as const

const boundFields = {
  hyperdrive: { type: 'string', about: 'Name of the Hyperdrive binding in wrangler.toml, in place of `url`.' },
  ...places,
} as const

const longestCallMs = 120_000
/** https://www.postgresql.org/docs/18/errcodes-appendix.html (checked 2026-11-29) */
const uniqueViolation = '23505'

/**
 * Makes the warehouse that is a PostgreSQL database, reached over TCP or through Hyperdrive.
 *
 * Rows are copied into a temporary table and merged by `id` in one transaction. U+0000, which PostgreSQL cannot store, is
 * left out of texts and JSON. The user needs CREATE on the schema, and on the database when the schema does not exist.
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
      return new PostgresEngine(
        // A pooler in front may hand each transaction another connection: nothing may be prepared.
        connect(url, { max: 1, prepare: false, fetch_types: false, onnotice: () => {}, connect_timeout: 10 }),
        placeOf(url, schema),
      )
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

class PostgresEngine implements Engine {
  readonly provider = 'postgres'
  readonly kept = postgresKeptNames
  // A row must fit into a page of 8,192 bytes, in which a long text takes 18: 400 of them do, beside the map of NULLs.
  // https://www.postgresql.org/docs/18/limits.html (checked 2026-11-28)
  readonly rowColumns = 400
  readonly widerType = widerNumber
  readonly #sql: Sql
  readonly #schema: string
  readonly #place: PostgresPlace
  /** Tables, as `#name` gives them, that refuse a second row with the same id. */
  readonly #keyed = new Set<string>()

  constructor(sql: Sql, place: PostgresPlace) {
    this.#sql = sql
    this.#schema = place.schema
    this.#place = place
  }

  columns(table: string): Promise<Columns | null> {
    return this.#call(async () => {
      const found = await this.#sql<{ name: string; type: string }[]>`
        SELECT column_name AS name, data_type AS type FROM information_schema.columns
        WHERE table_schema = ${this.#schema} AND table_name = ${table} ORDER BY ordinal_position`
      if (found.length === 0) return null
      return Object.fromEntries(found.map(({ name, type }): [string, ColumnType] => [name, typeOfColumn(type)]))
    })
  }

  widen(table: string, added: Columns): Promise<void> {
    return this.#call(async () => {
      await this.#createSchema()
      await this.#sql.unsafe(createTable(this.#name(table), added))
      for (const sql of widenTable(this.#name(table), added)) await this.#sql.unsafe(sql)
    })
  }

  retype(table: string, changed: Columns): Promise<void> {
    return this.#call(async () => void (await this.#sql.unsafe(retypeTable(this.#name(table), changed))))
  }

  load(load: Load): Promise<void> {
    if (load.rows.length === 0) return Promise.resolve()
    return this.#call(async () => {
      if (await this.#copyNew([load])) return
      await this.#sql.begin(async (sql) => {
        if (load.merge === 'append' && !(await this.#isFirst(sql, load))) return
        await this.#merge(sql, load, '"_sluiceway_stage"')
      })
    })
  }

  async loadTogether(loads: readonly Load[]): Promise<void> {
    const some = loads.filter(({ rows }) => rows.length > 0)
    if (some.length > 1 && (await this.#call(() => this.#copyNew(some)))) return
    for (const load of some) await this.load(load)
  }

  /**
   * Copies rows straight into their tables, which is the half of the work, and merges those of `users`, in one transaction. False
   * when that cannot be: a row is there already, or a value is refused; nothing is kept of it then.
   */
  async #copyNew(loads: readonly Load[]): Promise<boolean> {
    const direct = loads.filter(({ merge }) => merge === 'replace')
    const merged = loads.filter(({ merge }) => merge === 'coalesce')
    if (direct.length === 0 || direct.length + merged.length < loads.length) return false
    if (!(await this.#areKeyed(direct))) return false
    try {
      return await copyWhole(
        this.#sql,
        // The comment is for those who look into pg_stat_activity.
        direct.map((load) => ({
          statement: `COPY ${this.#name(load.table)} (${listOf(load)}) FROM STDIN /* not through _sluiceway_stage */`,
          pieces: copyPieces(load),
        })),
        async (sql) => {
          for (const [i, load] of merged.entries()) await this.#merge(sql, load, `"_sluiceway_stage_${i}"`)
        },
      )
    } catch (thrown) {
      const state = stateOf(thrown)
      if (state === uniqueViolation || scopeOfState(state) !== 'warehouse') return false
      throw thrown
    }
  }

  /** Copies rows into a temporary table, and merges them from there. */
  async #merge(sql: TransactionSql, load: Load, stage: string): Promise<void> {
    const types = await this.#types(sql, load)
    await sql.unsafe(
      createStage(
        stage,
        load.columns.map(({ name }) => name),
      ),
    )
    await copy(sql, `COPY ${stage} (${listOf(load)}) FROM STDIN`, copyPieces(load))
    const move = { table: this.#name(load.table), stage, types, merge: load.merge }
    for (const statement of mergeSql(move)) await sql.unsafe(statement)
  }

  /** Whether all of the tables refuse a second row with the same id. */
  async #areKeyed(loads: readonly Load[]): Promise<boolean> {
    const names = loads.map(({ table }) => this.#name(table))
    const unknown = names.filter((name) => !this.#keyed.has(name))
    if (unknown.length > 0)
      for (const { name } of await this.#sql.unsafe<{ name: string }[]>(keyedOf, [JSON.stringify(unknown)]))
        this.#keyed.add(name)
    return names.every((name) => this.#keyed.has(name))
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
      await this.#sql.begin(async (sql) => {
        const note: Load = { id: '_sluiceway_probe', table: '_sluiceway_probe', columns: [], rows: [], merge: 'append' }
        await this.#isFirst(sql, note)
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
    return this.#sql.end({ timeout: 5 })
  }

  #name(table: string): string {
    return `${quoteIdentifier(this.#schema)}.${quoteIdentifier(table)}`
  }

  async #createSchema(): Promise<void> {
    // CREATE SCHEMA IF NOT EXISTS asks for the right to create one even when it is there.
    const there = await this.#sql`SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ${this.#schema}`
    if (there.length === 0) await this.#sql.unsafe(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(this.#schema)}`)
  }

  /** The types that the table's columns have, as SQL, without lengths: what is too long is refused, not cut. */
  async #types(sql: TransactionSql, { table, columns }: Load): Promise<ReadonlyMap<string, string>> {
    const found = await sql.unsafe<{ name: string; type: string }[]>(
      `SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_catalog.pg_attribute
       WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`,
      [this.#name(table)],
    )
    const types = new Map(found.map(({ name, type }) => [name, type]))
    return new Map(columns.map(({ name }) => [name, types.get(name) ?? 'text']))
  }

  /** Notes the load; false when it was noted before, which then was in the transaction that loaded the rows. */
  async #isFirst(sql: TransactionSql, load: Load): Promise<boolean> {
    const loads = this.#name('_sluiceway_loads')
    await sql.unsafe(
      `CREATE TABLE IF NOT EXISTS ${loads} (load_id text, table_name text, PRIMARY KEY (load_id, table_name))`,
    )
    const noted = await sql.unsafe(
      `INSERT INTO ${loads} (load_id, table_name) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING load_id`,
      [load.id, load.table],
    )
    return noted.length > 0
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
      const state = stateOf(thrown)
      const reason = reasonOf(thrown) || state || 'no answer'
      const { hint, lasting } = failureHintOf(state, reason, this.#place)
      const code = /^[0-9A-Z]{5}$/.test(state) ? ` (${state})` : ''
      throw new SluicewayError('warehouse_failed', `PostgreSQL: ${reason}${code}${hint && `. ${hint}`}`, {
        cause: thrown,
        details: { state, scope: scopeOfState(state), ...(lasting ? { lasting } : {}) },
      })
    } finally {
      clearTimeout(timer)
    }
  }
}

const listOf = ({ columns }: Load): string => columns.map(({ name }) => quoteIdentifier(name)).join(', ')

const stateOf = (thrown: unknown): string =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : ''

/** Where a connection string leads, without what is secret in it. */
function placeOf(url: string, schema: string): PostgresPlace {
  const { host, username, pathname } = new URL(url)
  const user = decodeURIComponent(username)
  return { host, user, database: decodeURIComponent(pathname.slice(1)) || user, schema }
}

/** Sends bytes as the data of a COPY, no faster than the server takes them. */
async function copy(sql: TransactionSql, statement: string, pieces: Iterable<Uint8Array>): Promise<void> {
  const stream = await sql.unsafe(statement).writable()
  await pipeline(Readable.from(pieces, { objectMode: false }), stream)
}
