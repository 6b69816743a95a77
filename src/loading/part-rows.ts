import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { Port } from '../core/port.ts'
import type { Engine, Load } from '../core/warehouse.ts'
import type { Discard } from './discards.ts'
import type { EnginePool } from './engine-pool.ts'
import { type HeldFile, type HeldRows, printOf, type TableFailure } from './held-rows.ts'
import { type KnownSchema, type KnownTables, qualifiedName } from './known-schema.ts'
import { isNarrow } from './load-failure.ts'
import type { PendingRow } from './rows-of.ts'
import type { SlicePart } from './slice.ts'
import type { TableRows } from './table-rows.ts'

/** Rows of one table that fit it. */
export interface ReadyRows {
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
export interface SliceTools {
  readonly engines: EnginePool
  readonly schema: KnownSchema
  readonly held: HeldRows
  readonly port: Pick<Port, 'now'>
  /** The file of held rows that the slice is of. */
  readonly from?: HeldFile | undefined
}

/**
 * What of one slice is for one namespace, on its way into the tables: sets rows apart that wait, widens tables, fits values, and
 * keeps what became of them.
 */
export class PartRows {
  readonly part: SlicePart
  readonly schema: KnownTables
  readonly #tools: SliceTools
  /** What is in the warehouse, by table. */
  readonly loaded = new Map<string, LoadedTable>()
  /** What did not fit, of rows that are in the warehouse, and rows that it refused. */
  readonly discards: Discard[] = []
  readonly waiting: WaitingRows[] = []
  readonly #refused = new Set<PendingRow>()

  constructor(part: SlicePart, tools: SliceTools) {
    this.part = part
    this.#tools = tools
    this.schema = tools.schema.of(part.namespace)
  }

  /** Sets rows apart that wait without being tried: those of the plan, else those that may not overtake others. */
  sift(): TableRows[] {
    const { held, from } = this.#tools
    const plan = held.planOf(this.part.sliceId)
    return [...this.part.tables.values()].flatMap((rows) => {
      const table = this.nameOf(rows.table)
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
  async fresh(rows: TableRows, late: TableRows[], engine: Engine): Promise<TableRows> {
    const ids = rows.mixed
    if (ids.length === 0 || engine.receivedAt === undefined) return rows
    try {
      const [fresh, older] = rows.parted(await engine.receivedAt(rows.table, ids))
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
  async prepare(rows: TableRows, engine: Engine): Promise<ReadyRows> {
    const { table, merge, wanted } = rows
    const need = { wanted, engine }
    let fit = rows.fit(await this.schema.evolve(table, need))
    if (fit.hasMisfits && this.doubts(table)) fit = rows.fit(await this.schema.evolve(table, need))
    const { pending, discards, refused, columns, rows: values } = fit
    for (const one of refused)
      this.refuse(one, rows, new SluicewayError('mapping_failed', `The id does not fit into the table "${table}"`))
    return { load: { id: this.part.id, table, columns, rows: values, merge }, pending, rows, discards }
  }

  /** Gives up a row: its event becomes a dead letter, and what it was is discarded. */
  refuse(one: PendingRow, rows: TableRows, thrown: unknown): void {
    this.part.bury(one, thrown)
    if (this.#refused.has(one)) return
    this.#refused.add(one)
    this.discards.push(rows.discardOf(one, reasonOf(thrown)))
  }

  /** Notes rows that are in the warehouse, or are there once the slice counts. */
  note({ load, discards, pending }: ReadyRows): void {
    this.discards.push(...discards)
    const before = this.loaded.get(load.table)
    let newest = before?.newest ?? ''
    for (const { row } of pending) if (row.receivedAt > newest) newest = row.receivedAt
    if (load.rows.length > 0) this.loaded.set(load.table, { rows: (before?.rows ?? 0) + load.rows.length, newest })
  }

  /** Has a table read anew, unless it was within the hour. */
  doubts(table: string): boolean {
    return this.schema.doubt(table, this.#tools.port.now())
  }

  /** Names a table with its namespace. */
  nameOf(table: string): string {
    return qualifiedName(this.part.namespace, table)
  }
}
