import { SluicewayError } from '../core/errors.ts'
import type { Port } from '../core/port.ts'
import type { Engine, Load } from '../core/warehouse.ts'
import type { RecentKeys } from '../storage/recent-keys.ts'
import type { EnginePool } from './engine-pool.ts'
import type { KnownSchema, KnownTables } from './known-schema.ts'
import { scopeOf } from './load-failure.ts'
import type { PendingRow } from './rows-of.ts'
import type { SlicePart } from './slice.ts'
import { type Discard, discardKey, discardTableOf, discardValues } from './discards.ts'
import type { TableRows } from './table-rows.ts'

/** UTF-16 units of one load of discards, which an engine does in one piece. */
const discardUnits = 400_000
/** Tables that are loaded in one call where the engine can. */
const tablesTogether = 50

/** What a slice is loaded with. */
export interface SliceTools {
  readonly engines: EnginePool
  readonly schema: KnownSchema
  readonly discarded: RecentKeys
  readonly port: Pick<Port, 'now'>
}

/** A row that the warehouse refused, for a reason that may not be in the row. */
interface Refusal {
  readonly pending: PendingRow
  readonly thrown: unknown
}

interface Ready {
  readonly load: Load
  readonly pending: readonly PendingRow[]
  readonly rows: TableRows
  readonly discards: readonly Discard[]
}

/** Loads what of one slice is for one namespace: what fails in one table fails its rows alone, down to the single row. */
export class SliceLoader {
  readonly #tools: SliceTools
  readonly #engines: EnginePool
  #engine!: Engine
  readonly #schema: KnownTables
  readonly #slice: SlicePart
  readonly #discards: Discard[] = []
  readonly #refusals: Refusal[] = []
  #rows = 0
  #written = 0

  constructor(part: SlicePart, tools: SliceTools) {
    this.#slice = part
    this.#tools = tools
    this.#engines = tools.engines
    this.#schema = tools.schema.of(part.namespace)
  }

  /**
   * Loads the rows; those that are refused become dead letters of the slice.
   *
   * @returns how many rows
   * @throws {SluicewayError} warehouse_failed when the warehouse, not a row or table, is the reason; all may be repeated
   */
  async loadRows(): Promise<number> {
    const { tables, namespace } = this.#slice
    this.#engine = await this.#engines.of(namespace)
    await this.#engine.foresee?.([...tables.keys()].filter((table) => !this.#schema.knows(table)))
    const ready: Ready[] = []
    const late: TableRows[] = []
    for (const all of tables.values()) {
      const rows = await this.#fresh(all, late)
      const one = await this.#prepare(rows, this.#slice.id).catch((thrown: unknown) => this.#failed(rows, thrown))
      if (one !== undefined) ready.push(one)
    }
    for (let i = 0; i < ready.length; i += tablesTogether) await this.#loadTogether(ready.slice(i, i + tablesTogether))
    for (const rows of late) await this.#loadSome(rows, rows.pending)
    await this.#judge()
    return this.#rows
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
  async #prepare(rows: TableRows, id: string): Promise<Ready> {
    const { table, merge, wanted } = rows
    const columns = await this.#schema.evolve(table, { wanted, engine: this.#engine })
    const { pending, discards, refused, ...fitted } = rows.fit(columns)
    for (const one of refused)
      this.#slice.bury(one, new SluicewayError('mapping_failed', `The id does not fit into the table "${table}"`))
    return { load: { id, table, ...fitted, merge }, pending, rows, discards }
  }

  async #loadTogether(ready: readonly Ready[]): Promise<void> {
    if (this.#engine.loadTogether !== undefined && ready.length > 1)
      try {
        await this.#engine.loadTogether(ready.map(({ load }) => load))
        for (const one of ready) this.#loaded(one)
        return
      } catch (thrown) {
        // One of them is in the way: each by itself tells which.
        if (!isNarrow(thrown)) throw thrown
      }
    for (const one of ready)
      try {
        await this.#engine.load(one.load)
        this.#loaded(one)
      } catch (thrown) {
        await this.#failed(one.rows, thrown)
      }
  }

  #loaded({ load, discards }: Ready): void {
    this.#rows += load.rows.length
    this.#discards.push(...discards)
  }

  /** Halves rows that failed until the one is found that is in the way. */
  async #failed(rows: TableRows, thrown: unknown): Promise<undefined> {
    if (!isNarrow(thrown)) throw thrown
    // What is known of the table may no longer be so.
    if (scopeOf(thrown) === 'table') this.#schema.forget(rows.table)
    const all = rows.pending
    const [only] = all
    if (all.length === 1 && only !== undefined) {
      // Of a row that was folded of several, each by itself.
      if (only.folded !== undefined) for (const one of only.folded) await this.#loadSome(rows, [one])
      else this.#refusals.push({ pending: only, thrown })
      return
    }
    const middle = all.length >> 1
    for (const some of [all.slice(0, middle), all.slice(middle)]) await this.#loadSome(rows, some)
  }

  async #loadSome(from: TableRows, some: readonly PendingRow[]): Promise<void> {
    const rows = from.only(some)
    try {
      const ready = await this.#prepare(rows, this.#slice.id)
      await this.#engine.load(ready.load)
      this.#loaded(ready)
    } catch (thrown) {
      await this.#failed(rows, thrown)
    }
  }

  /**
   * Buries what was refused. A refusal that may be the warehouse's own is believed only when other rows were taken, or there is
   * but one event; when the warehouse then takes rows of ours; and when it refuses the row once more.
   */
  async #judge(): Promise<void> {
    const refusals = this.#refusals.splice(0)
    const doubtful = refusals.filter(({ thrown }) => scopeOf(thrown) !== 'rows')
    for (const { pending, thrown } of refusals) if (scopeOf(thrown) === 'rows') this.#slice.bury(pending, thrown)
    const [first] = doubtful
    if (first === undefined) return
    if (this.#rows === 0 && new Set(doubtful.map(({ pending }) => pending.envelope)).size > 1) throw first.thrown
    await this.#engine.probe()
    for (const { pending } of doubtful) {
      await this.#loadSome(this.#slice.rowsFor(pending.row.table), [pending])
      const again = this.#refusals.pop()
      if (again !== undefined) this.#slice.bury(pending, again.thrown)
    }
  }

  /** Whether something was discarded that is not in the warehouse yet: a lane that dies may stage events twice, in files that overlap. */
  get hasDiscards(): boolean {
    return this.#newDiscards.length > 0
  }

  get #newDiscards(): readonly Discard[] {
    const { discarded, port } = this.#tools
    const now = port.now()
    return this.#discards.filter((discard) => !discarded.has(this.#keyOf(discard), now))
  }

  #keyOf(discard: Discard): string {
    return `${this.#slice.namespace} ${discardKey(discard)}`
  }

  /** Discards that are in the warehouse. */
  get discards(): number {
    return this.#written
  }

  /** Writes what was discarded of the rows; once all of them are loaded, since a repeat must have the same ones. */
  async loadDiscards(): Promise<void> {
    const discards = this.#newDiscards
    if (discards.length === 0) return
    // It may have been closed for the engine of another namespace.
    this.#engine = await this.#engines.of(this.#slice.namespace)
    for (const { some, part } of partsOf(discards))
      await this.#append(part === 0 ? this.#slice.id : `${this.#slice.id}/${part}`, some)
  }

  /** Notes what was discarded; once all discards of the slice are written, since a repeat must have the same ones. */
  noteDiscards(): void {
    const { discarded, port } = this.#tools
    for (const discard of this.#discards) discarded.note(this.#keyOf(discard), port.now())
  }

  /** Appends discards; one that cannot be kept makes a dead letter of its event instead. */
  async #append(id: string, some: readonly Discard[], isLast = false): Promise<void> {
    const { table, wanted, columns } = discardTableOf(this.#engine.provider)
    try {
      await this.#schema.evolve(table, { wanted, engine: this.#engine })
      const rows = some.map(discardValues)
      await this.#engine.load({ id, table, columns, rows, merge: 'append' })
      this.#written += rows.length
    } catch (thrown) {
      if (!isNarrow(thrown)) throw thrown
      this.#schema.forget(table)
      const middle = some.length >> 1
      if (middle > 0) {
        await this.#append(`${id}.0`, some.slice(0, middle))
        await this.#append(`${id}.1`, some.slice(middle))
      } else if (isLast) for (const { pending } of some) this.#slice.bury(pending, thrown)
      else {
        await this.#engine.probe()
        await this.#append(id, some, true)
      }
    }
  }
}

/** Whether a failure may be that of some rows or of one table. */
const isNarrow = (thrown: unknown): boolean => scopeOf(thrown) === 'rows' || scopeOf(thrown) === 'table'

function* partsOf(
  discards: readonly Discard[],
): Generator<{ readonly some: readonly Discard[]; readonly part: number }> {
  let some: Discard[] = []
  let units = 0
  let part = 0
  for (const discard of discards) {
    const length = (discard.row['column_value'] as string).length + 300
    if (some.length > 0 && units + length > discardUnits) {
      yield { some, part: part++ }
      some = []
      units = 0
    }
    some.push(discard)
    units += length
  }
  yield { some, part }
}
