import { Envelope } from '../core/envelope.ts'
import { reasonOf } from '../core/errors.ts'
import type { Column, ColumnType, Engine, Gathering, Load } from '../core/warehouse.ts'
import { positionOf } from '../warehouses/mapping/fold-more.ts'
import { fingerprintOf } from '../storage/fingerprint.ts'
import { isNarrow } from './load-failure.ts'
import type { Loading } from './load-group.ts'
import type { SettledSlice } from './load-slice.ts'
import { PartRows, type ReadyRows } from './part-rows.ts'
import type { PendingRow } from './rows-of.ts'
import { type Slice, SlicePart } from './slice.ts'
import type { TableRows } from './table-rows.ts'

/** Events, and written loads, of one gather: an invocation has a number of calls. */
const mostEvents = 100_000
const mostLoads = 2_000
/** Roughly the bytes of what is kept in memory until the merge. */
const mostBytes = 16_000_000
/** What a value takes beside its characters. */
const valueBytes = 24
/** What a discard takes beside its value. */
const discardBytes = 350

/** Slices that were to be merged together, some row or table of which was refused. */
export class GatherRefused extends Error {
  readonly slices: number

  constructor(slices: number, cause: unknown) {
    super(reasonOf(cause), { cause })
    this.name = 'GatherRefused'
    this.slices = slices
  }
}

/** What of a gather is for one namespace. */
interface GatheredNamespace {
  readonly gathering: Gathering
  /** Columns of the tables of which rows are written. */
  readonly tables: Map<string, Map<string, ColumnType>>
  /** Of rows that are written, and of those that wait: an event has the same id in all tables. */
  readonly ids: Set<number>
  /** Tables for which all rows of a slice wait, with the namespace: later ones wait behind them. */
  readonly blocked: Set<string>
  /** Rows that are folded, or have no id: they are loaded after the merge. */
  readonly kept: Map<string, TableRows>
}

/** What of a slice is for one namespace, before it is written. */
interface Plan {
  readonly part: PartRows
  readonly into: GatheredNamespace
  readonly written: readonly ReadyRows[]
  readonly kept: readonly TableRows[]
}

/**
 * Slices of which the rows are written one after the other, and merged into the tables together.
 *
 * It looks for no row that is in the way: a refusal says so, and the caller gathers fewer slices, in the end loads each by itself.
 * Until the merge nothing of a slice counts, and all of it may be repeated.
 */
export class Gather {
  readonly #tools: Loading
  readonly #scratch: Slice
  readonly #namespaces = new Map<string, GatheredNamespace>()
  readonly slices: SettledSlice[] = []
  #events = 0
  #loads = 0
  #bytes = 0
  /** Slices that it must have, as an earlier run has begun to merge them. */
  readonly #together: number | undefined

  /** `scratch` is a slice of no events. */
  constructor(tools: Loading, scratch: Slice) {
    this.#tools = tools
    this.#scratch = scratch
    this.#together = tools.position.together
  }

  /** Whether it takes no more. */
  get isFull(): boolean {
    const { length } = this.slices
    if (this.#together !== undefined) return length >= this.#together
    const isLong = this.#events >= mostEvents || length >= this.#tools.position.gather
    return isLong || this.#loads >= mostLoads || this.#bytes + this.#heldBytes >= mostBytes
  }

  /** Of rows that are staged and still in memory. */
  get #heldBytes(): number {
    return [...this.#namespaces.values()].reduce((sum, { gathering }) => sum + (gathering.heldBytes ?? 0), 0)
  }

  /**
   * Writes the rows of a slice. Tables that are not there are created, and columns added.
   *
   * @param slice it has no rows afterwards
   * @returns false where it cannot be merged together with those before, as it has a row again; nothing of it is written then
   * @throws {GatherRefused} when a row or table is refused
   * @throws {SluicewayError} warehouse_failed when the warehouse is the reason
   */
  async take(slice: Slice): Promise<boolean> {
    return this.#refusable(this.slices.length + 1, async () => {
      const plans: Plan[] = []
      for (const part of slice.parts) plans.push(await this.#planOf(new PartRows(part, this.#tools)))
      if (this.slices.length > 0 && !plans.every(follows)) return false
      for (const plan of plans) await this.#write(plan)
      this.#events += slice.events
      this.#bytes += 2 * slice.letterUnits + bytesOf(plans)
      slice.release()
      this.slices.push({ slice, parts: plans.map(({ part }) => part) })
      return true
    })
  }

  /**
   * Brings all rows that are written into the tables.
   *
   * @throws {GatherRefused} when a row or table is refused
   * @throws {SluicewayError} warehouse_failed when the warehouse is the reason
   */
  async merge(): Promise<void> {
    // A repeat that merged other slices would have other names for what it writes, and rows twice in what only grows.
    this.#tools.position.beginMerge(this.slices.map(({ slice }) => slice))
    await this.#refusable(this.slices.length, async () => {
      for (const [namespace, { gathering, kept }] of this.#namespaces) {
        const ends = await Promise.allSettled([gathering.merge(), this.#loadKept(namespace, [...kept.values()])])
        const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []))
        // One that says more than that a row is in the way comes first.
        const failure = failures.find((thrown) => !isNarrow(thrown)) ?? failures[0]
        if (failure !== undefined) throw failure
      }
    })
  }

  /** Removes what was written on the way. */
  async drop(): Promise<void> {
    for (const { gathering } of this.#namespaces.values()) await gathering.drop()
  }

  async #refusable<T>(slices: number, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (thrown) {
      throw isNarrow(thrown) ? new GatherRefused(slices, thrown) : thrown
    }
  }

  async #planOf(part: PartRows): Promise<Plan> {
    const { namespace } = part.part
    const engine = await this.#tools.engines.of(namespace)
    const tried = part.sift()
    await engine.foresee?.(tried.map(({ table }) => table).filter((table) => !part.schema.knows(table)))
    const written: ReadyRows[] = []
    const kept: TableRows[] = []
    for (const rows of tried) {
      const ready = await part.prepare(rows, engine)
      part.note(ready)
      if (ready.load.rows.length === 0) continue
      if (rows.merge === 'replace' && positionOf(ready.load.columns, 'id') >= 0) written.push(ready)
      else kept.push(rows)
    }
    return { part, into: this.#namespace(namespace, engine), written, kept }
  }

  #namespace(namespace: string, engine: Engine): GatheredNamespace {
    const known = this.#namespaces.get(namespace)
    if (known !== undefined) return known
    const gathering = (engine.gather as NonNullable<Engine['gather']>)(this.#tools.port.uuid())
    const made = { gathering, tables: new Map(), ids: new Set<number>(), blocked: new Set<string>(), kept: new Map() }
    this.#namespaces.set(namespace, made)
    return made
  }

  async #write({ part, into, written, kept }: Plan): Promise<void> {
    const loads = written.map(({ load }) => {
      const columns = into.tables.get(load.table) ?? new Map<string, ColumnType>()
      into.tables.set(load.table, columns)
      for (const { name, type } of load.columns) columns.set(name, type)
      return laidOut(load, columns)
    })
    for (const { pending } of [...written, ...part.waiting]) for (const one of pending) into.ids.add(numberOf(one))
    for (const { table, whole } of part.waiting) if (whole) into.blocked.add(table)
    if (loads.length > 0) await into.gathering.stage(loads)
    this.#loads += loads.length
    for (const rows of kept) {
      const all = into.kept.get(rows.table) ?? this.#scratch.rowsFor(rows.table)
      into.kept.set(rows.table, all)
      for (const one of rows.pending) for (const each of one.folded ?? [one]) all.add(withoutText(each))
    }
  }

  /** What did not fit of these rows was noted with their slices. */
  async #loadKept(namespace: string, kept: readonly TableRows[]): Promise<void> {
    const [first] = this.slices
    if (first === undefined || kept.length === 0) return
    const engine = await this.#tools.engines.of(namespace)
    const part = new PartRows(new SlicePart(namespace, this.#scratch), this.#tools)
    const id = `${first.slice.id}*${this.slices.length}${namespace === '' ? '' : `@${namespace}`}`
    const late: TableRows[] = []
    for (const rows of kept) await load(await part.fresh(rows, late, engine))
    for (const rows of late) await load(rows)

    async function load(rows: TableRows): Promise<void> {
      await engine.load({ ...(await part.prepare(rows, engine)).load, id })
    }
  }
}

/** Whether no row of a slice was written before, or waits, or has to wait, and its columns have the types that they had. */
const follows = ({ part, into: { tables, ids, blocked }, written, kept }: Plan): boolean =>
  ![...written.map(({ rows }) => rows), ...kept].some(({ table }) => blocked.has(part.nameOf(table))) &&
  written.every(({ load, pending }) => {
    const columns = tables.get(load.table)
    const isTyped = load.columns.every(({ name, type }) => (columns?.get(name) ?? type) === type)
    return isTyped && !pending.some((one) => ids.has(numberOf(one)))
  })

/** Lays a load out as all columns that its table has had. */
function laidOut(load: Load, columns: ReadonlyMap<string, ColumnType>): Load {
  const all: readonly Column[] = Array.from(columns, ([name, type]) => ({ name, type }))
  const at = all.map(({ name }) => load.columns.findIndex((column) => column.name === name))
  if (at.length === load.columns.length && at.every((from, i) => from === i)) return load
  return { ...load, columns: all, rows: load.rows.map((row) => at.map((from) => row[from] ?? null)) }
}

/** A number for the id of a row: of two that share one, the later goes into another gather. */
function numberOf({ id }: PendingRow): number {
  const [one = 0, two = 0] = fingerprintOf('', id)
  return one * 2 ** 20 + (two & (2 ** 20 - 1))
}

/** A row whose event is not needed any more: what does not fit was noted with its slice. */
const withoutText = (pending: PendingRow): PendingRow => ({
  ...pending,
  envelope: new Envelope(pending.envelope.header, ''),
})

/** Roughly the bytes of what lives on when the rows are written: kept rows, and events of which rows wait or values were discarded. */
function bytesOf(plans: readonly Plan[]): number {
  const events = new Set<Envelope>()
  let bytes = 0
  for (const { part, kept } of plans) {
    for (const { row } of kept.flatMap((rows) => rows.pending).flatMap((one) => one.folded ?? [one]))
      for (const value of row.values) bytes += typeof value === 'string' ? valueBytes + value.length : valueBytes
    const pending = [
      ...part.waiting.flatMap((rows) => rows.pending),
      ...part.discards.map((discard) => discard.pending),
    ]
    for (const one of pending) for (const { envelope } of one.folded ?? [one]) events.add(envelope)
    bytes += discardBytes * part.discards.length
  }
  return [...events].reduce((sum, { text }) => sum + 2 * text.length, bytes)
}
