import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { Port } from '../core/port.ts'
import type { Columns, Engine, Load } from '../core/warehouse.ts'
import type { Discard } from './discards.ts'
import type { EnginePool } from './engine-pool.ts'
import { type HeldFile, type HeldRows, printOf, type TableFailure } from './held-rows.ts'
import { type KnownSchema, type KnownTables, qualifiedName } from './known-schema.ts'
import { isNarrow, scopeOf, TableRefused } from './load-failure.ts'
import type { PendingRow } from './rows-of.ts'
import type { SlicePart } from './slice.ts'
import type { TableRows } from './table-rows.ts'

/** Tables that are loaded in one call where the engine can. */
const tablesTogether = 50
/** Rows that a table is tried with by themselves before it is believed to refuse all. */
const mostProbes = 3

/** A row that the warehouse refused, for a reason that may not be in the row. */
interface Refusal {
  readonly pending: PendingRow
  readonly rows: TableRows
  readonly thrown: unknown
}

interface Ready {
  readonly load: Load
  readonly pending: readonly PendingRow[]
  readonly rows: TableRows
  readonly discards: readonly Discard[]
}

/** Rows that wait for their table. */
export interface WaitingRows {
  /** With its namespace (see `qualifiedName`). */
  readonly table: string
  readonly pending: readonly PendingRow[]
  /** True when they are all rows of the slice for this table. */
  readonly whole: boolean
  readonly failure: TableFailure
}

/** What a slice brought into one table. */
export interface LoadedTable {
  readonly rows: number
  /** The latest `received_at` of them. */
  readonly newest: string
}

/** What a slice is loaded with. */
interface Tools {
  readonly engines: EnginePool
  readonly schema: KnownSchema
  readonly held: HeldRows
  readonly port: Pick<Port, 'now'>
  /** The file of held rows that the slice is of. */
  readonly from?: HeldFile | undefined
}

/**
 * Loads what of one slice is for one namespace. A row that is in the way is looked for and becomes a dead letter; rows that a
 * table refuses, though others are taken, wait for it.
 */
export class SliceLoader {
  readonly #tools: Tools
  readonly #part: SlicePart
  readonly #schema: KnownTables
  #engine!: Engine
  readonly #refusals: Refusal[] = []
  /** What is in the warehouse, by table. */
  readonly loaded = new Map<string, LoadedTable>()
  /** What did not fit, of rows that are in the warehouse. */
  readonly discards: Discard[] = []
  readonly waiting: WaitingRows[] = []

  constructor(part: SlicePart, tools: Tools) {
    this.#part = part
    this.#tools = tools
    this.#schema = tools.schema.of(part.namespace)
  }

  /**
   * Loads the rows that are not refused.
   *
   * @throws {SluicewayError} warehouse_failed when the warehouse, not a row or table, is the reason; all may be repeated
   */
  async loadRows(): Promise<void> {
    this.#engine = await this.#tools.engines.of(this.#part.namespace)
    const tried = this.#sift()
    await this.#engine.foresee?.(tried.map(({ table }) => table).filter((table) => !this.#schema.knows(table)))
    const ready: Ready[] = []
    const late: TableRows[] = []
    for (const all of tried) {
      const rows = await this.#fresh(all, late)
      const one = await this.#prepare(rows).catch((thrown: unknown) => this.#unprepared(rows, thrown))
      if (one !== undefined) ready.push(one)
    }
    for (let i = 0; i < ready.length; i += tablesTogether) await this.#loadTogether(ready.slice(i, i + tablesTogether))
    for (const rows of late) await this.#loadSome(rows, rows.pending)
  }

  /** Sets rows apart that wait without being tried: those of the plan, else those that may not overtake others. */
  #sift(): TableRows[] {
    const { held, from } = this.#tools
    const plan = held.planOf(this.#part.sliceId)
    return [...this.#part.tables.values()].flatMap((rows) => {
      const table = this.#nameOf(rows.table)
      const planned = plan.get(table)
      const all = rows.pending
      const isOwn = from?.table === table
      const isWhole = planned === undefined ? !isOwn && held.isBlocked(table) : planned.whole
      const prints = planned?.prints ?? held.printsOf(table, isOwn ? from : undefined)
      if (!isWhole && prints.size === 0) return [rows]
      const waiting = isWhole ? all : all.filter(({ envelope }) => prints.has(printOf(envelope.id)))
      if (waiting.length === 0) return [rows]
      const failure = held.failureOf(table) ?? { reason: 'earlier rows wait', code: 'warehouse_failed' }
      this.waiting.push({ table, pending: waiting, whole: isWhole, failure })
      const kept = new Set(waiting)
      return waiting.length === all.length ? [] : [rows.only(all.filter((one) => !kept.has(one)))]
    })
  }

  /** The rows without those that are older than what is there, beside newer ones of the same id; these go to `late`. */
  async #fresh(rows: TableRows, late: TableRows[]): Promise<TableRows> {
    const ids = rows.mixed
    if (ids.length === 0 || this.#engine.receivedAt === undefined) return rows
    try {
      const [fresh, older] = rows.parted(await this.#engine.receivedAt(rows.table, ids))
      if (older.pending.length === 0) return rows
      late.push(older)
      return fresh
    } catch (thrown) {
      // There is no such table yet, or it has no such column.
      if (!isNarrow(thrown)) throw thrown
      return rows
    }
  }

  /** Widens the table and fits the rows to it. */
  async #prepare(rows: TableRows): Promise<Ready> {
    const { table, merge, wanted } = rows
    const need = { wanted, engine: this.#engine }
    let fit = rows.fit(await this.#schema.evolve(table, need))
    if (fit.hasMisfits && this.#doubts(table)) fit = rows.fit(await this.#schema.evolve(table, need))
    const { pending, discards, refused, columns, rows: values } = fit
    for (const one of refused)
      this.#part.bury(one, new SluicewayError('mapping_failed', `The id does not fit into the table "${table}"`))
    return { load: { id: this.#part.id, table, columns, rows: values, merge }, pending, rows, discards }
  }

  async #loadTogether(ready: readonly Ready[]): Promise<void> {
    const engine = this.#engine
    if (engine.loadTogether !== undefined && ready.length > 1)
      try {
        await engine.loadTogether(ready.map(({ load }) => load))
        for (const one of ready) this.#note(one)
        return
      } catch (thrown) {
        // One of them is in the way: each by itself tells which.
        if (!isNarrow(thrown)) throw thrown
      }
    for (const one of ready) await this.#load(one)
  }

  async #load(ready: Ready): Promise<void> {
    try {
      await this.#engine.load(ready.load)
      this.#note(ready)
    } catch (thrown) {
      await this.#failed(ready.rows, thrown)
    }
  }

  #note({ load, discards, pending }: Ready): void {
    this.discards.push(...discards)
    const before = this.loaded.get(load.table)
    let newest = before?.newest ?? ''
    for (const { row } of pending) if (row.receivedAt > newest) newest = row.receivedAt
    if (load.rows.length > 0) this.loaded.set(load.table, { rows: (before?.rows ?? 0) + load.rows.length, newest })
  }

  async #loadSome(from: TableRows, some: readonly PendingRow[]): Promise<void> {
    if (some.length === 0) return
    const rows = from.only(some)
    let ready: Ready
    try {
      ready = await this.#prepare(rows)
    } catch (thrown) {
      return this.#unprepared(rows, thrown)
    }
    await this.#load(ready)
  }

  /** Finds out which columns a table that was not made or widened does without: rows that need none of them are loaded. */
  async #unprepared(rows: TableRows, thrown: unknown): Promise<undefined> {
    if (scopeOf(thrown) !== 'table') return this.#failed(rows, thrown)
    this.#schema.forget(rows.table)
    const all = rows.pending
    let columns: Columns | null
    try {
      columns = await this.#engine.columns(rows.table)
    } catch (again) {
      if (!isNarrow(again)) throw again
      return this.#refuse(rows, all, again)
    }
    if (columns === null) {
      const [plainest] = plainestOf(all)
      if (all.length === 1 || plainest === undefined) return this.#refuse(rows, all, thrown)
      await this.#loadSome(rows, [plainest])
      const others = all.filter((one) => one !== plainest)
      if (this.loaded.has(rows.table)) await this.#loadSome(rows, others)
      else this.#refuse(rows, others, thrown)
      return
    }
    const groups = Map.groupBy(all, ({ row }) => row.shape.names.filter((name) => !Object.hasOwn(columns, name)).join())
    if (groups.size < 2) return this.#refuse(rows, all, thrown)
    // Those that need fewest columns come first.
    for (const some of [...groups.keys()].toSorted((a, b) => a.length - b.length))
      await this.#loadSome(rows, groups.get(some) ?? [])
  }

  /** Halves rows that failed until the one is found that is in the way; a table that takes none at all is tried with some. */
  async #failed(rows: TableRows, thrown: unknown): Promise<undefined> {
    if (!isNarrow(thrown)) throw thrown
    // What is known of the table may no longer be so.
    const isDoubted = this.#doubts(rows.table)
    if (scopeOf(thrown) === 'table') this.#schema.forget(rows.table)
    const all = rows.pending
    const [only] = all
    if (all.length === 1 && isDoubted && scopeOf(thrown) === 'rows') {
      await this.#loadSome(rows, all)
      return
    }
    if (all.length === 1 && only !== undefined) {
      // Of a row that was folded of several, each by itself.
      if (only.folded !== undefined) for (const one of only.folded) await this.#loadSome(rows, [one])
      else this.#refusals.push({ pending: only, rows, thrown })
      return
    }
    const tried = new Set<PendingRow>()
    if (scopeOf(thrown) === 'table' && !this.loaded.has(rows.table)) {
      for (const one of plainestOf(all).slice(0, mostProbes)) {
        if (this.loaded.has(rows.table)) break
        tried.add(one)
        await this.#loadSome(rows, [one])
      }
      const others = all.filter((one) => !tried.has(one))
      if (this.loaded.has(rows.table)) await this.#loadSome(rows, others)
      else this.#refuse(rows, others, thrown)
      return
    }
    const middle = all.length >> 1
    for (const some of [all.slice(0, middle), all.slice(middle)]) await this.#loadSome(rows, some)
  }

  /** Has a table read anew, unless it was within the hour. */
  #doubts(table: string): boolean {
    return this.#schema.doubt(table, this.#tools.port.now())
  }

  #refuse(rows: TableRows, some: readonly PendingRow[], thrown: unknown): undefined {
    for (const pending of some) this.#refusals.push({ pending, rows, thrown })
  }

  /**
   * Lets rows wait that a table refused. That it was the table is believed only when others were taken, or there is but one
   * table or event; when the warehouse then takes rows of ours; and when the table refuses once more.
   *
   * @param isTaken whether rows of the slice were taken, in whatever namespace
   * @throws {SluicewayError} warehouse_failed when the warehouse, not a table, is the reason
   * @throws {TableRefused} when the table whose held rows these are takes none of them
   */
  async judge(isTaken: boolean): Promise<void> {
    const doubtful = Map.groupBy(this.#settleRows(), ({ rows }) => rows.table)
    const all = [...doubtful.values()].flat()
    if (all[0] === undefined) return
    const events = new Set(all.map(({ pending }) => pending.envelope))
    if (!isTaken && doubtful.size > 1 && events.size > 1) throw all[0].thrown
    // It may have been closed for the engine of another namespace.
    this.#engine = await this.#tools.engines.of(this.#part.namespace)
    await this.#engine.probe()
    for (const [table, refusals] of doubtful) {
      const refused = this.#part.rowsFor(table).only(refusals.map(({ pending }) => pending))
      const late: TableRows[] = []
      const fresh = await this.#fresh(refused, late)
      for (const rows of [fresh, ...late]) await this.#loadSome(rows, rows.pending)
      const again = this.#settleRows()
      if (again[0] !== undefined) this.#hold(table, again, again[0].thrown)
    }
  }

  /** Buries rows that are refused for a value of theirs, and gives the other refusals. */
  #settleRows(): Refusal[] {
    return this.#refusals.splice(0).filter(({ pending, thrown }) => {
      if (scopeOf(thrown) !== 'rows') return true
      this.#part.bury(pending, thrown)
      return false
    })
  }

  #hold(name: string, refusals: readonly Refusal[], thrown: unknown): void {
    const table = this.#nameOf(name)
    const whole = !this.loaded.has(name)
    if (whole && this.#tools.from?.table === table) throw new TableRefused(thrown)
    const failure = { reason: reasonOf(thrown), code: thrown instanceof SluicewayError ? thrown.code : 'internal' }
    const before = this.waiting.findIndex((one) => one.table === table)
    const [earlier] = before === -1 ? [] : this.waiting.splice(before, 1)
    const pending = [...(earlier?.pending ?? []), ...refusals.map((refusal) => refusal.pending)]
    this.waiting.push({ table, pending, whole, failure })
  }

  #nameOf(table: string): string {
    return qualifiedName(this.#part.namespace, table)
  }
}

/** The rows, those with fewest columns first. */
const plainestOf = (rows: readonly PendingRow[]): readonly PendingRow[] =>
  rows.toSorted((a, b) => a.row.shape.names.length - b.row.shape.names.length)
