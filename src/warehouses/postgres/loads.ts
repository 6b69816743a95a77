import type { Sql, TransactionSql } from 'postgres'
import type { Load } from '../../core/warehouse.ts'
import { quoteIdentifier } from '../identifier.ts'
import { storableText } from '../mapping/storable-text.ts'
import { copyPieces } from './copy.ts'
import { scopeOfState, stateOf } from './failure-scope.ts'
import { insertStep, isSmall } from './insert.ts'
import type { RunConnections } from './run-connections.ts'
import { createStage, holdingOf, keyedOf, mergeSql, typesOf } from './sql.ts'
import { doSteps, doWhole, type Step } from './steps.ts'
import { inTransaction } from './transaction.ts'

/** https://www.postgresql.org/docs/18/errcodes-appendix.html (checked 2026-11-29) */
const uniqueViolation = '23505'
const tooManyConnections = '53300'

/** Loads rows into the tables of one schema. */
export class PostgresLoads {
  readonly #run: RunConnections
  readonly #sql: Sql
  readonly #name: (table: string) => string

  /** `name` gives the quoted name of a table, with its schema. */
  constructor(run: RunConnections, name: (table: string) => string) {
    this.#run = run
    this.#sql = run.sql
    this.#name = name
  }

  async load(load: Load): Promise<void> {
    if (load.merge === 'replace' && isSmall(load)) {
      // What refuses these rows would refuse them on any way.
      if (await doWhole(this.#sql, [insertStep(this.#name(load.table), load)])) return
    } else if (load.merge !== 'append' && (await this.#loadAtOnce([load])).length === 0) return
    const steps = await this.#merging([load])
    await inTransaction(this.#sql, async (sql) => {
      if (load.merge === 'append' && !(await this.isFirst(sql, load))) return
      await doSteps(sql, steps)
    })
  }

  /** Returns those that it has not loaded. */
  async loadMany(loads: readonly Load[]): Promise<readonly Load[]> {
    const left = await this.#loadAtOnce(loads)
    const there = await this.#holding(left)
    return there.size > 0 ? this.#loadAtOnce(left, there) : left
  }

  /**
   * Copies rows straight into their tables, which is the half of the work, and merges those of `users`, of tables that would take a
   * row twice, and of `there`; over some connections, each of which has one transaction.
   *
   * @returns those of transactions of which nothing is kept: a row is there already, or a value is refused
   */
  async #loadAtOnce(loads: readonly Load[], there: ReadonlySet<Load> = new Set()): Promise<readonly Load[]> {
    const replaced = loads.filter(({ merge }) => merge === 'replace')
    const [small, large] = [replaced.filter(isSmall), replaced.filter((load) => !isSmall(load))]
    const keyed = await this.#keyedOf(large)
    const copied = keyed.filter((load) => !there.has(load))
    const merged = loads.filter((load) => !small.includes(load) && !copied.includes(load))
    const inserts = small.map((load) => insertStep(this.#name(load.table), load))
    const [first = [], ...others] = sharesOf(copied, {
      most: copied.length > 1 ? await this.#run.atOnce() : 1,
      before: 2 * rowsOf(merged),
    })
    const parts = [
      {
        loads: [...small, ...first, ...merged],
        steps: [...inserts, ...this.#copying(first), ...(await this.#merging(merged))],
      },
      ...others.map((share) => ({ loads: share, steps: this.#copying(share) })),
    ]
    const ended = await Promise.allSettled(parts.map(({ steps }) => this.#isDone(steps, parts.length > 1)))
    for (const one of ended) if (one.status === 'rejected') throw one.reason
    return parts.flatMap((part, i) => (ended[i]?.status === 'fulfilled' && ended[i].value ? [] : part.loads))
  }

  /** False when nothing of it is kept: the server refuses a row, or a connection while another part has one (`isShared`). */
  async #isDone(steps: readonly Step[], isShared: boolean): Promise<boolean> {
    try {
      return await doWhole(this.#sql, steps)
    } catch (thrown) {
      const state = stateOf(thrown)
      if (state === uniqueViolation || scopeOfState(state) !== 'warehouse') return false
      if (state === tooManyConnections && isShared) {
        this.#run.stayWithOne()
        return false
      }
      throw thrown
    }
  }

  #copying(loads: readonly Load[]): readonly Step[] {
    return loads.map((load) => ({
      // The comment is for those who look into pg_stat_activity.
      statement: `COPY ${this.#name(load.table)} (${listOf(load)}) FROM STDIN /* not through _sluiceway_stage */`,
      pieces: copyPieces(load),
    }))
  }

  /** The large loads that replace rows of which some are there. */
  async #holding(loads: readonly Load[]): Promise<ReadonlySet<Load>> {
    const asked = loads.filter((load) => load.merge === 'replace' && !isSmall(load))
    if (asked.length === 0) return new Set()
    const types = await this.#typesOf(asked)
    const found = await this.#sql.unsafe<{ at: number }[]>(
      asked
        .map((load, at) => holdingOf(this.#name(load.table), at, types(load).get('id') ?? 'text'))
        .join(' UNION ALL '),
      asked.map(({ columns, rows }) => {
        const idAt = columns.findIndex(({ name }) => name === 'id')
        return JSON.stringify(rows.map((row) => storableText(String(row[idAt]))))
      }),
    )
    return new Set(found.map(({ at }) => asked[at] as Load))
  }

  /** Copies rows into temporary tables, and merges them from there. */
  async #merging(loads: readonly Load[]): Promise<readonly Step[]> {
    const types = await this.#typesOf(loads)
    return loads.flatMap((load, i): Step[] => {
      const stage = `"_sluiceway_stage_${i}"`
      const move = { table: this.#name(load.table), stage, types: types(load), merge: load.merge }
      return [
        {
          statement: createStage(
            stage,
            load.columns.map(({ name }) => name),
          ),
        },
        { statement: `COPY ${stage} (${listOf(load)}) FROM STDIN`, pieces: copyPieces(load) },
        ...mergeSql(move).map((statement) => ({ statement })),
      ]
    })
  }

  /** Those whose table refuses a second row with the same id. */
  async #keyedOf(loads: readonly Load[]): Promise<readonly Load[]> {
    const names = loads.map(({ table }) => this.#name(table))
    const unknown = names.filter((name) => !this.#run.keyed.has(name))
    if (unknown.length > 0)
      for (const { name } of await this.#sql.unsafe<{ name: string }[]>(keyedOf, [JSON.stringify(unknown)]))
        this.#run.keyed.add(name)
    return loads.filter(({ table }) => this.#run.keyed.has(this.#name(table)))
  }

  /** Tells the types that columns of tables have, as SQL, without lengths: what is too long is refused, not cut. */
  async #typesOf(loads: readonly Load[]): Promise<(load: Load) => ReadonlyMap<string, string>> {
    const names = loads.map(({ table }) => this.#name(table))
    if (names.some((name) => !this.#run.types.has(name)))
      for (const { table, types } of await this.#sql.unsafe<{ table: string; types: string }[]>(typesOf, [
        JSON.stringify(names),
      ]))
        this.#run.types.set(table, new Map(Object.entries(JSON.parse(types) as Record<string, string>)))
    return ({ table, columns }) => {
      const found = this.#run.types.get(this.#name(table))
      return new Map(columns.map(({ name }) => [name, found?.get(name) ?? 'text']))
    }
  }

  /** Notes the load; false when it was noted before, which then was in the transaction that loaded the rows. */
  async isFirst(sql: TransactionSql, load: Load): Promise<boolean> {
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
}

const listOf = ({ columns }: Load): string => columns.map(({ name }) => quoteIdentifier(name)).join(', ')

const rowsOf = (loads: readonly Load[]): number => loads.reduce((sum, { rows }) => sum + rows.length, 0)

/** Shares loads out to `most` connections, so that all have about as many rows; the first has `before` already. */
function sharesOf(
  loads: readonly Load[],
  { most, before }: { readonly most: number; readonly before: number },
): readonly (readonly Load[])[] {
  const shares = Array.from({ length: most }, (_, i) => ({
    loads: [] as Load[],
    rows: i === 0 ? before : 0,
  }))
  for (const load of loads.toSorted((a, b) => b.rows.length - a.rows.length)) {
    const least = shares.reduce((a, b) => (b.rows < a.rows ? b : a))
    least.loads.push(load)
    least.rows += load.rows.length
  }
  return [shares[0]?.loads ?? [], ...shares.slice(1).flatMap((share) => (share.loads.length > 0 ? [share.loads] : []))]
}
