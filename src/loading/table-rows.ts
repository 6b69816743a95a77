import type { Column, Columns, ColumnType, Engine, Value } from '../core/warehouse.ts'
import { moreColumn, moreColumnIn } from '../warehouses/mapping/more-column.ts'
import type { Row } from '../warehouses/mapping/row.ts'
import type { Shape } from '../warehouses/mapping/shape.ts'
import { toTimestamp } from '../warehouses/mapping/types.ts'
import { type Discard, discardOf, discardOfRow } from './discards.ts'
import { fitValue, idNumberOf, isBeyondInt, isDiscard, scalarOf } from './fit-value.ts'
import type { PendingRow } from './rows-of.ts'

/** Rows whose values fit their columns, and what did not fit. */
export interface FittedRows {
  readonly columns: readonly Column[]
  /** One value for each of the columns. */
  readonly rows: readonly (readonly Value[])[]
  /** Where each of the rows came from. */
  readonly pending: readonly PendingRow[]
  readonly discards: readonly Discard[]
  /** Rows whose id does not fit, so that they cannot be stored at all. */
  readonly refused: readonly PendingRow[]
  /** Whether a value did not fit its column. */
  readonly hasMisfits: boolean
}

/** Tells the type of a column that takes values of both types; undefined where there is none. */
export type WiderType = NonNullable<Engine['widerType']>

/** One row as columns and values that fit, and what did not. */
interface FittedRow {
  readonly data: Record<string, Value>
  readonly discards: readonly Discard[]
}

/** How the rows of a shape are laid out as rows of the load. */
interface ShapePlan {
  /** For each column of the load the position among the row's values; -1 where it has none. */
  readonly at: readonly number[]
  /** Positions in the load that take the time of the load. */
  readonly stamps: readonly number[]
  /** Whether its values are taken as they are. */
  readonly isPlain: boolean
}

const noWiderType: WiderType = () => undefined

/** The rows of one load for one table: of those with the same id the newest, or all of them folded into one. */
export class TableRows {
  readonly table: string
  readonly merge: 'replace' | 'coalesce'
  /** By id; of those that are folded all, as they came. */
  readonly #rows = new Map<string, PendingRow[]>()
  #folded: readonly PendingRow[] | undefined
  /** Rows that are looked at value by value. */
  readonly #odd = new Set<PendingRow>()
  /** The positions of integers in the shapes that were seen. */
  readonly #integers = new Map<Shape, readonly number[]>()
  // A column may be named `constructor`.
  readonly #own = Object.create(null) as Record<string, ColumnType>
  readonly #others = Object.create(null) as Record<string, ColumnType>
  readonly #now: string
  readonly #engine: Pick<Engine, 'widerType' | 'keepsTimes'>
  readonly #widerType: WiderType
  readonly #keepsTimes: boolean
  #hasMisfits = false

  /** `now` becomes the `uuid_ts` of the rows; `engine` is that of the warehouse, where it is known. */
  constructor(table: string, now: string, engine: Pick<Engine, 'widerType' | 'keepsTimes'> = {}) {
    this.table = table
    this.#now = now
    this.#engine = engine
    this.#widerType = engine.widerType?.bind(engine) ?? noWiderType
    this.#keepsTimes = engine.keepsTimes === true
    this.merge = table.toLowerCase() === 'users' ? 'coalesce' : 'replace'
  }

  add(pending: PendingRow): void {
    const before = this.#rows.get(pending.id)
    if (before === undefined) this.#rows.set(pending.id, [pending])
    else if (this.merge === 'coalesce') before.push(pending)
    else if (timeOf(pending) >= timeOf(before[0] as PendingRow)) before[0] = pending
    else return
    this.#folded = undefined
    this.#look(pending)
  }

  /** The rows as they were added, or folded. */
  get pending(): readonly PendingRow[] {
    this.#folded ??= [...this.#rows.values()].flatMap((parts) =>
      this.#keepsTimes ? Array.from(Map.groupBy(parts, timeOf).values(), foldRows) : [foldRows(parts)],
    )
    return this.#folded
  }

  /** Ids of which rows of several times are folded. */
  get mixed(): readonly string[] {
    if (this.merge === 'replace' || this.#keepsTimes) return []
    return [...this.#rows].flatMap(([id, parts]) => (new Set(parts.map(timeOf)).size > 1 ? [id] : []))
  }

  /**
   * Parts rows that are older than what is there from those that are newer: folded into one, they would seem as new as these.
   *
   * @param times when what is there was received, by id, in milliseconds since the epoch
   * @returns two, of which the first has all rows unless some are late
   */
  parted(times: ReadonlyMap<string, number>): readonly [fresh: TableRows, late: TableRows] {
    const parts = [...this.#rows.values()].flat()
    const isLate = (one: PendingRow): boolean => timeOf(one) < (times.get(one.id) ?? -Infinity)
    return [this.only(parts.filter((one) => !isLate(one))), this.only(parts.filter(isLate))]
  }

  /** Some of the rows by themselves, with the columns that they alone need. */
  only(some: readonly PendingRow[]): TableRows {
    const rows = new TableRows(this.table, this.#now, this.#engine)
    for (const one of some) for (const part of one.folded ?? [one]) rows.add(part)
    return rows
  }

  /**
   * The columns that the rows have, ours first: a table that has no room for all has room for them. Columns of ours have fixed
   * types, others the type of their first value, or a wider one that takes the others too.
   */
  get wanted(): Columns {
    return Object.assign(Object.create(null), this.#own, this.#others) as Columns
  }

  /** Whether some of the rows have a column. */
  has(column: string): boolean {
    return column in this.#own || column in this.#others
  }

  #look(one: PendingRow): void {
    const { shape, values, dropped } = one.row
    if (dropped !== undefined) this.#odd.add(one)
    const integers = this.#integers.get(shape) ?? this.#lookAtShape(one.row)
    for (const at of integers)
      if (isBeyondInt(values[at])) {
        this.#odd.add(one)
        const name = shape.names[at] as string
        const before = this.#others[name]
        if (before !== undefined) this.#others[name] = this.#widerType(before, 'float') ?? before
      }
  }

  #lookAtShape({ shape, values, ownTypes }: Row): readonly number[] {
    const integers: number[] = []
    shape.names.forEach((name, i) => {
      const type = shape.types[i] as ColumnType
      if (type === 'int') integers.push(i)
      const own = ownTypeOf(name, ownTypes)
      if (own !== undefined) return void (this.#own[name] ??= own)
      const before = this.#others[name]
      if (before === undefined) this.#others[name] = type === 'int' && isBeyondInt(values[i]) ? 'float' : type
      else if (before !== type) this.#others[name] = this.#widerType(before, type) ?? before
    })
    this.#integers.set(shape, integers)
    return integers
  }

  /** The discard of one of the rows, which the warehouse refused. */
  discardOf(one: PendingRow, reason: string): Discard {
    return discardOfRow(one, { reason, now: this.#now })
  }

  /** Fits the rows to the columns that the table has. */
  fit(table: Columns): FittedRows {
    this.#hasMisfits = false
    const columns = this.#columnsIn(table)
    const plans = new Map<Shape, ShapePlan>()
    const rows: (readonly Value[])[] = []
    const pending: PendingRow[] = []
    const discards: Discard[] = []
    const refused: PendingRow[] = []
    for (const one of this.pending) {
      const { shape } = one.row
      const { folded = [one] } = one
      let plan = plans.get(shape)
      if (plan === undefined) plans.set(shape, (plan = planOf(shape, columns)))
      if (plan.isPlain && !folded.some((part) => this.#odd.has(part))) rows.push(this.#layOut(one.row.values, plan))
      else {
        const fitted = this.#fitFolded(folded, table)
        if (one.row.merge === undefined && fitted.data['id'] === undefined && fitted.data['ID'] === undefined) {
          refused.push(...folded)
          continue
        }
        discards.push(...fitted.discards)
        rows.push(columns.map(({ name }) => fitted.data[name] ?? null))
      }
      pending.push(one)
    }
    return { columns, rows, pending, discards, refused, hasMisfits: this.#hasMisfits }
  }

  /** The columns of the rows that the table has, with the one for the rest where that is needed. */
  #columnsIn(table: Columns): readonly Column[] {
    const names = Object.keys(this.wanted)
    const found = names.flatMap((name) => (table[name] === undefined ? [] : [{ name, type: table[name] }]))
    const more = moreColumnIn(table)
    if (more !== undefined && found.length < names.length && !names.includes(more))
      found.push({ name: more, type: 'json' })
    return found
  }

  #layOut(values: readonly unknown[], { at, stamps }: ShapePlan): readonly Value[] {
    const row = at.map((from) => {
      const value = from === -1 ? null : values[from]
      return value === undefined ? this.#now : scalarOf(value)
    })
    for (const stamp of stamps) row[stamp] = this.#now
    return row
  }

  /** Fits rows that are folded, oldest first: of each column the newest value counts that fits. */
  #fitFolded(folded: readonly PendingRow[], columns: Columns): FittedRow {
    const [first, ...older] = folded.toReversed().map((one) => this.#fitOne(one, columns))
    const { data, discards } = first as FittedRow
    const all = [...discards]
    for (const below of older) {
      // What a newer value has replaced is no loss.
      all.push(...below.discards.filter(({ row }) => !Object.hasOwn(data, row['column_name'] as string)))
      for (const name in below.data)
        data[name] = isMore(name) ? joinMore(below.data[name], data[name]) : (data[name] ?? (below.data[name] as Value))
    }
    return { data, discards: all }
  }

  // The row stays as it is: after a failure it is fitted again, to what the table has then.
  #fitOne(one: PendingRow, columns: Columns): FittedRow {
    const { shape, values, texts, dropped, ownTypes } = one.row
    const data = Object.create(null) as Record<string, Value>
    const beyond = Object.create(null) as Record<string, unknown>
    const more = moreColumnIn(columns)
    const discard = (name: string, value: unknown, reason: string): Discard =>
      discardOf(one, { name, value, reason, now: this.#now })
    const discards = (dropped ?? []).map(({ column, value, reason }) => discard(column, value, reason))
    shape.names.forEach((name, i) => {
      const value = isStamp(name) ? this.#now : (values[i] ?? this.#now)
      const from = shape.types[i] as ColumnType
      const to = columns[name]
      if (to === undefined && more !== undefined) beyond[name] = value
      else {
        const isText = (to === 'string' || to === 'text') && texts !== undefined && Object.hasOwn(texts, name)
        const number = ownTypeOf(name, ownTypes) === 'string' ? idNumberOf(value, to) : undefined
        const fitting = number ?? fitValue(isText ? texts[name] : value, from, to)
        if (isDiscard(fitting)) {
          this.#hasMisfits = true
          discards.push(discard(name, value, fitting.discard))
        } else data[name] = fitting
      }
    })
    if (more !== undefined && Object.keys(beyond).length > 0) data[more] = joinMore(data[more], JSON.stringify(beyond))
    return { data, discards }
  }
}

function planOf(shape: Shape, columns: readonly Column[]): ShapePlan {
  const at = columns.map(({ name }) => shape.positionOf(name))
  const stamps: number[] = []
  let taken = 0
  let isPlain = true
  columns.forEach(({ name, type }, i) => {
    const from = at[i] as number
    if (from === -1) return
    taken++
    const own = shape.types[from]
    if (own !== type && !(own === 'int' && type === 'float') && !(own === 'string' && type === 'text')) isPlain = false
    if (isStamp(name)) stamps.push(i)
  })
  return { at, stamps, isPlain: isPlain && taken === shape.names.length }
}

/** JSON text of the columns and values of two JSON objects, of which the second wins; each may be missing. */
function joinMore(below: unknown, above: unknown): string {
  const [one, two] = [below, above].map((text) => (typeof text === 'string' ? (JSON.parse(text) as object) : {}))
  return JSON.stringify({ ...one, ...two })
}

const isMore = (name: string): boolean => name.toLowerCase() === moreColumn

/** Whether a column takes the time of the load: that is so whatever a property of its name says. */
const isStamp = (name: string): boolean => name === 'uuid_ts' || name === 'UUID_TS'

function ownTypeOf(cased: string, ownTypes: Row['ownTypes']): ColumnType | undefined {
  const name = cased.toLowerCase()
  if (name === 'id') return 'string'
  if (name === 'uuid_ts') return 'datetime'
  if (name === moreColumn) return 'json'
  return Object.hasOwn(ownTypes, name) ? ownTypes[name] : undefined
}

const timeOf = ({ row }: PendingRow): number => Date.parse(toTimestamp(row.receivedAt) ?? row.receivedAt)

/** Folds rows of one id into one: of each column the value of the newest row that has one. */
function foldRows(parts: readonly PendingRow[]): PendingRow {
  const [first, ...others] = parts.length === 1 ? parts : parts.toSorted((a, b) => timeOf(a) - timeOf(b))
  if (others.length === 0) return first as PendingRow
  const newest = others.at(-1) as PendingRow
  const row = others.reduce((below, { row: above }) => layRow(above, below), (first as PendingRow).row)
  return { ...newest, row, folded: [first as PendingRow, ...others] }
}

/** The newer row, with the older one's values where it has none. */
function layRow(newer: Row, older: Row): Row {
  const { to, at } = older.shape.under(newer.shape)
  const values = older.values.slice()
  newer.values.forEach((value, i) => {
    const position = at[i] as number
    const below = values[position]
    values[position] =
      isMore(to.names[position] as string) && below !== undefined ? joinMore(below, value) : (value ?? below)
  })
  return newer.with({
    shape: to,
    values,
    texts: { ...older.texts, ...newer.texts },
    dropped: [...(older.dropped ?? []), ...(newer.dropped ?? [])],
  })
}
