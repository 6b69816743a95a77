import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { Columns, Engine } from '../core/warehouse.ts'
import { isNarrow, isPassing, scopeOf, TableRefused } from './load-failure.ts'
import { PartRows, type ReadyRows, type SliceTools } from './part-rows.ts'
import type { PendingRow } from './rows-of.ts'
import type { SlicePart } from './slice.ts'
import type { TableRows } from './table-rows.ts'

/** Tables that are loaded in one call where the engine can. */
const tablesTogether = 50
/** Rows that a table is tried with by themselves before it is believed to refuse all. */
const mostProbes = 3
/** Rows above which a table is tried with some of them, before the one that is in the way is looked for by halves. */
const mostSearched = 100
/** Rows that it is then tried with, from everywhere among them. */
const mostSamples = 12

/** A row that the warehouse refused, for a reason that may not be in the row. */
interface Refusal {
  readonly pending: PendingRow
  readonly rows: TableRows
  readonly thrown: unknown
}

/**
 * Loads what of one slice is for one namespace. A row that is in the way is looked for and becomes a dead letter; rows that a
 * table refuses, though others are taken, wait for it.
 */
export class SliceLoader {
  readonly #tools: SliceTools
  readonly #part: SlicePart
  #engine!: Engine
  readonly #refusals: Refusal[] = []
  /** Tables that have refused something. */
  readonly #doubted = new Set<string>()
  /** What became of the rows. */
  readonly partRows: PartRows

  constructor(part: SlicePart, tools: SliceTools) {
    this.#part = part
    this.#tools = tools
    this.partRows = new PartRows(part, tools)
  }

  /**
   * Loads the rows that are not refused.
   *
   * @throws {SluicewayError} warehouse_failed when the warehouse, not a row or table, is the reason; all may be repeated
   */
  async loadRows(): Promise<void> {
    this.#engine = await this.#tools.engines.of(this.#part.namespace)
    const tried = this.partRows.sift()
    await this.#engine.foresee?.(tried.map(({ table }) => table).filter((table) => !this.partRows.schema.knows(table)))
    const ready: ReadyRows[] = []
    const late: TableRows[] = []
    for (const all of tried) {
      const rows = await this.partRows.fresh(all, late, this.#engine)
      const one = await this.partRows
        .prepare(rows, this.#engine)
        .catch((thrown: unknown) => this.#unprepared(rows, thrown))
      if (one !== undefined) ready.push(one)
    }
    for (let i = 0; i < ready.length; i += tablesTogether) await this.#loadTogether(ready.slice(i, i + tablesTogether))
    for (const rows of late) await this.#loadSome(rows, rows.pending)
  }

  async #loadTogether(ready: readonly ReadyRows[]): Promise<void> {
    const engine = this.#engine
    if (engine.loadTogether !== undefined && ready.length > 1)
      try {
        await engine.loadTogether(ready.map(({ load }) => load))
        for (const one of ready) this.partRows.note(one)
        return
      } catch (thrown) {
        // One of them is in the way: each by itself tells which.
        if (!isNarrow(thrown)) throw thrown
      }
    for (const one of ready) await this.#load(one)
  }

  async #load(ready: ReadyRows): Promise<void> {
    try {
      await this.#engine.load(ready.load)
      this.partRows.note(ready)
    } catch (thrown) {
      await this.#failed(ready.rows, thrown)
    }
  }

  async #loadSome(from: TableRows, some: readonly PendingRow[]): Promise<void> {
    if (some.length === 0) return
    const rows = from.only(some)
    let ready: ReadyRows
    try {
      ready = await this.partRows.prepare(rows, this.#engine)
    } catch (thrown) {
      return this.#unprepared(rows, thrown)
    }
    await this.#load(ready)
  }

  /** Finds out which columns a table that was not made or widened does without: rows that need none of them are loaded. */
  async #unprepared(rows: TableRows, thrown: unknown): Promise<undefined> {
    if (scopeOf(thrown) !== 'table') return this.#failed(rows, thrown)
    this.partRows.schema.forget(rows.table)
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
      if (this.partRows.loaded.has(rows.table)) await this.#loadSome(rows, others)
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
    // What is known of the table may no longer be so: to look costs less than to look for rows.
    const isDoubted = !this.#doubted.has(rows.table)
    this.#doubted.add(rows.table)
    if (isDoubted || scopeOf(thrown) === 'table') this.partRows.schema.forget(rows.table)
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
    // Each row would wait for the lock anew.
    if (isPassing(thrown)) return this.#refuse(rows, all, thrown)
    const tried = new Set<PendingRow>()
    if (scopeOf(thrown) === 'table' && !this.partRows.loaded.has(rows.table)) {
      for (const one of plainestOf(all).slice(0, mostProbes)) {
        if (this.partRows.loaded.has(rows.table)) break
        tried.add(one)
        await this.#loadSome(rows, [one])
      }
      const others = all.filter((one) => !tried.has(one))
      if (this.partRows.loaded.has(rows.table)) await this.#loadSome(rows, others)
      else this.#refuse(rows, others, thrown)
      return
    }
    if (all.length > mostSearched && !this.partRows.loaded.has(rows.table)) return this.#sample(rows, thrown)
    const middle = all.length >> 1
    for (const some of [all.slice(0, middle), all.slice(middle)]) await this.#loadSome(rows, some)
  }

  /**
   * Tries a table that refuses a value with some of many rows. Where it takes none, it is the table that refuses: to find the rows
   * one by one would take thousands of loads, and end in as many dead letters.
   */
  async #sample(rows: TableRows, thrown: unknown): Promise<undefined> {
    const before = this.#refusals.length
    const tried = new Set<PendingRow>()
    for (const one of spreadOf(rows.pending, mostSamples)) {
      if (this.partRows.loaded.has(rows.table)) break
      tried.add(one)
      await this.#loadSome(rows, [one])
    }
    const others = rows.pending.filter((one) => !tried.has(one))
    if (this.partRows.loaded.has(rows.table)) {
      await this.#loadSome(rows, others)
      return
    }
    const refused = this.#refusals.splice(before).map(({ pending }) => pending)
    this.#refuse(rows, [...refused, ...others], ofTable(thrown))
  }

  #refuse(rows: TableRows, some: readonly PendingRow[], thrown: unknown): undefined {
    for (const pending of some) this.#refusals.push({ pending, rows, thrown })
  }

  /**
   * Lets rows wait that a table refused. That it was the table is believed only when others were taken, or there is but one
   * table or event; when the warehouse then takes rows of ours, or says that it takes none there; and when the table refuses once
   * more.
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
    await this.#engine.probe().catch((thrown: unknown) => {
      // Whoever may fill tables and make none is no warehouse that is down.
      if (!isNarrow(thrown) || (this.partRows.loaded.size === 0 && this.#tools.from === undefined)) throw thrown
    })
    for (const [table, refusals] of doubtful) {
      const refused = this.#part.rowsFor(table).only(refusals.map(({ pending }) => pending))
      const late: TableRows[] = []
      const fresh = await this.partRows.fresh(refused, late, this.#engine)
      for (const rows of [fresh, ...late]) await this.#loadSome(rows, rows.pending)
      const again = this.#settleRows()
      if (again[0] !== undefined) this.#hold(table, again, again[0].thrown)
    }
  }

  /** Buries rows that are refused for a value of theirs, and gives the other refusals. */
  #settleRows(): Refusal[] {
    return this.#refusals.splice(0).filter(({ pending, rows, thrown }) => {
      if (scopeOf(thrown) !== 'rows') return true
      this.partRows.refuse(pending, rows, thrown)
      return false
    })
  }

  #hold(name: string, refusals: readonly Refusal[], thrown: unknown): void {
    const table = this.partRows.nameOf(name)
    // Values may be all that was wrong with some of many rows: later ones are tried.
    const isOfValues = isSampled(thrown) && this.#tools.from?.table !== table
    const whole = !this.partRows.loaded.has(name) && !isOfValues
    if (whole && this.#tools.from?.table === table) throw new TableRefused(thrown)
    const failure = { reason: reasonOf(thrown), code: thrown instanceof SluicewayError ? thrown.code : 'internal' }
    const before = this.partRows.waiting.findIndex((one) => one.table === table)
    const [earlier] = before === -1 ? [] : this.partRows.waiting.splice(before, 1)
    const pending = [...(earlier?.pending ?? []), ...refusals.map((refusal) => refusal.pending)]
    this.partRows.waiting.push({ table, pending, whole, failure })
  }
}

/** The rows, those with fewest columns first. */
const plainestOf = (rows: readonly PendingRow[]): readonly PendingRow[] =>
  rows.toSorted((a, b) => a.row.shape.names.length - b.row.shape.names.length)

/** Some of the rows, with as many others between them. */
const spreadOf = (rows: readonly PendingRow[], most: number): readonly PendingRow[] =>
  Array.from({ length: most }, (_, i) => rows[Math.floor((i * (rows.length - 1)) / (most - 1))] as PendingRow)

/** The refusal of a value as one of the table. */
const ofTable = (thrown: unknown): SluicewayError =>
  new SluicewayError('warehouse_failed', reasonOf(thrown), {
    cause: thrown,
    details: { ...(thrown instanceof SluicewayError ? thrown.details : {}), scope: 'table', sampled: true },
  })

const isSampled = (thrown: unknown): boolean => thrown instanceof SluicewayError && thrown.details['sampled'] === true
