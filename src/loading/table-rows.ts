import type { Column, Columns, ColumnType, Engine, Value } from '../core/warehouse.ts'
import { moreColumn, moreColumnIn } from '../warehouses/mapping/more-column.ts'
import type { Row } from '../warehouses/mapping/row.ts'
import type { Shape } from '../warehouses/mapping/shape.ts'
import { type Discard, discardOf } from './discards.ts'
import { fitValue, isBeyondInt, isDiscard, scalarOf } from './fit-value.ts'
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
}

/** Tells the type of a column that takes values of both types; undefined where there is none. */
export type WiderType = NonNullable<Engine['widerType']>

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
  readonly #rows = new Map<string, PendingRow>()
  /** Rows that are looked at value by value. */
  readonly #odd = new Set<PendingRow>()
  /** The positions of integers in the shapes that were seen. */
  readonly #integers = new Map<Shape, readonly number[]>()
  // A column may be named `constructor`.
  readonly #own = Object.create(null) as Record<string, ColumnType>
  readonly #others = Object.create(null) as Record<string, ColumnType>
  readonly #now: string
  readonly #widerType: WiderType

  /** `now` becomes the `uuid_ts` of the rows. */
  constructor(table: string, now: string, widerType: WiderType = noWiderType) {
    this.table = table
    this.#now = now
    this.#widerType = widerType
    this.merge = table.toLowerCase() === 'users' ? 'coalesce' : 'replace'
  }

  add(pending: PendingRow): void {
    const before = this.#rows.get(pending.id)
    const row = before === undefined ? pending : this.#merge(pending, before)
    if (row === before) return
    this.#rows.set(pending.id, row)
    this.#look(row)
  }

  /** The rows as they were added, or folded. */
  get pending(): readonly PendingRow[] {
    return [...this.#rows.values()]
  }

  /** Some of the rows by themselves, with the columns that they alone need. */
  only(some: readonly PendingRow[]): TableRows {
    const rows = new TableRows(this.table, this.#now, this.#widerType)
    for (const one of some) rows.add(one)
    return rows
  }

  /**
   * The columns that the rows have, ours first: a table that has no room for all has room for them. Columns of ours have fixed
   * types, others the type of their first value, or a wider one that takes the others too.
   */
  get wanted(): Columns {
    return Object.assign(Object.create(null), this.#own, this.#others) as Columns
  }

  #merge(pending: PendingRow, before: PendingRow): PendingRow {
    const [older, newer] = timeOf(pending) < timeOf(before) ? [pending, before] : [before, pending]
    return this.merge === 'replace' ? newer : foldRows(older, newer)
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

  /** Fits the rows to the columns that the table has. */
  fit(table: Columns): FittedRows {
    const columns = this.#columnsIn(table)
    const plans = new Map<Shape, ShapePlan>()
    const rows: (readonly Value[])[] = []
    const pending: PendingRow[] = []
    const discards: Discard[] = []
    const refused: PendingRow[] = []
    for (const one of this.#rows.values()) {
      const { shape } = one.row
      let plan = plans.get(shape)
      if (plan === undefined) plans.set(shape, (plan = planOf(shape, columns)))
      if (plan.isPlain && !this.#odd.has(one)) rows.push(this.#layOut(one.row.values, plan))
      else {
        const fitted = this.#fitOne(one, table)
        if (one.row.merge === undefined && fitted.data['id'] === undefined && fitted.data['ID'] === undefined) {
          refused.push(one)
          continue
        }
        discards.push(...fitted.discards)
        rows.push(columns.map(({ name }) => fitted.data[name] ?? null))
      }
      pending.push(one)
    }
    return { columns, rows, pending, discards, refused }
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

  // The row stays as it is: after a failure it is fitted again, to what the table has then.
  #fitOne(one: PendingRow, columns: Columns): { data: Record<string, Value>; discards: readonly Discard[] } {
    const { shape, values, texts, dropped } = one.row
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
        const isText = to === 'string' || to === 'text'
        const fitting = fitValue((isText ? texts?.[name] : undefined) ?? value, from, to)
        if (isDiscard(fitting)) discards.push(discard(name, value, fitting.discard))
        else data[name] = fitting
      }
    })
    if (more !== undefined && Object.keys(beyond).length > 0) data[more] = joined(data[more], beyond)
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

/** JSON text of an object, with more values in it. */
function joined(text: unknown, more: Readonly<Record<string, unknown>>): string {
  const before = typeof text === 'string' ? (JSON.parse(text) as object) : {}
  return JSON.stringify({ ...before, ...more })
}

/** Whether a column takes the time of the load: that is so whatever a property of its name says. */
const isStamp = (name: string): boolean => name === 'uuid_ts' || name === 'UUID_TS'

function ownTypeOf(cased: string, ownTypes: Row['ownTypes']): ColumnType | undefined {
  const name = cased.toLowerCase()
  if (name === 'id') return 'string'
  if (name === 'uuid_ts') return 'datetime'
  if (name === moreColumn) return 'json'
  return Object.hasOwn(ownTypes, name) ? ownTypes[name] : undefined
}

const timeOf = ({ row }: PendingRow): number => Date.parse(row.receivedAt)

/** The newer row, with the older one's values where it has none. */
function foldRows(older: PendingRow, newer: PendingRow): PendingRow {
  const { to, at } = older.row.shape.under(newer.row.shape)
  const values = older.row.values.slice()
  newer.row.values.forEach((value, i) => {
    const position = at[i] as number
    values[position] = value ?? values[position]
  })
  const row = newer.row.with({
    shape: to,
    values,
    texts: { ...older.row.texts, ...newer.row.texts },
    dropped: [...(older.row.dropped ?? []), ...(newer.row.dropped ?? [])],
  })
  return { ...newer, row, folded: [...(older.folded ?? [older]), ...(newer.folded ?? [newer])] }
}
