import type { ColumnType } from '../../core/warehouse.ts'
import { Shape } from './shape.ts'
import { type MappedColumnType, hasJson, isBlank, textualTypeOf, toTimestamp, type Typing } from './types.ts'

/** What a row is made of. */
export interface RowParts {
  readonly table: string
  readonly shape: Shape
  readonly values: readonly unknown[]
  readonly receivedAt: string
  readonly ownTypes: Readonly<Record<string, ColumnType>>
  readonly texts?: Readonly<Record<string, string>> | undefined
  readonly dropped?: readonly DroppedValue[] | undefined
  readonly merge?: MergeRule
}

/** One row for one table of a warehouse. Names are final: cased, cut and escaped for the provider. */
export class Row implements RowParts {
  readonly table: string
  /** Every column that the row has or that the loader fills for it (`uuid_ts`), with its type. */
  readonly shape: Shape
  /** One value for each column of the shape; undefined in those that the loader fills. */
  readonly values: readonly unknown[]
  /** When the event arrived, as the event says it. */
  readonly receivedAt: string
  /** The types of the columns that are ours in this row. */
  readonly ownTypes: Readonly<Record<string, ColumnType>>
  /** Texts of columns of ours that were rewritten as timestamps, as they were. */
  readonly texts: Readonly<Record<string, string>> | undefined
  /** Values of the event that have no column in the row. */
  readonly dropped: readonly DroppedValue[] | undefined
  /** The identities that the row joins; only rows of the table of merge rules have it. */
  declare readonly merge?: MergeRule

  constructor({ table, shape, values, receivedAt, ownTypes, texts, dropped, merge }: RowParts) {
    this.table = table
    this.shape = shape
    this.values = values
    this.receivedAt = receivedAt
    this.ownTypes = ownTypes
    this.texts = texts
    this.dropped = dropped
    if (merge !== undefined) this.merge = merge
  }

  /** The same row with other parts. */
  with(parts: Partial<RowParts>): Row {
    const { table, shape, values, receivedAt, ownTypes, texts, dropped, merge } = this
    const own = {
      table,
      shape,
      values,
      receivedAt,
      ownTypes,
      texts,
      dropped,
      ...(merge === undefined ? {} : { merge }),
    }
    return new Row({ ...own, ...parts })
  }

  /** The types of the columns by name, for those who look at one row: they are put together at each look. */
  get columns(): Readonly<Record<string, MappedColumnType>> {
    const { names, types } = this.shape
    return Object.fromEntries(names.map((name, i) => [name, types[i] as MappedColumnType]))
  }

  /** The values by column, without those that the loader fills; put together at each look, too. */
  get data(): Readonly<Record<string, unknown>> {
    const { values } = this
    return Object.fromEntries(
      this.shape.names.flatMap((name, i) => (values[i] === undefined ? [] : [[name, values[i]] as const])),
    )
  }

  /** The value of a column; undefined where the row has none. */
  get(column: string): unknown {
    const at = this.shape.positionOf(column)
    return at === -1 ? undefined : this.values[at]
  }
}

/** A value of an event that has no column, and why. */
export interface DroppedValue {
  /** The column that it would have, or its key where that gives no name. */
  readonly column: string
  readonly value: unknown
  readonly reason: string
}

/** Why a value has no column: another one has it. */
export const OVERWRITTEN = 'another key of the event has the same column, and the last one wins'
/** Why a property has no column: Sluiceway alone fills the column of its name. */
export const OWN_COLUMN = 'the column is filled from another field of the event'
const NO_SCALAR = 'an object or an array, where the field is a text or a number'

/** Two identities that are one person; `two` is missing when only one is known. */
export interface MergeRule {
  readonly one: unknown
  readonly two?: unknown
}

/** A row while it is being filled. A later value of a column replaces an earlier one and its type. */
export class RowDraft {
  #shape: Shape
  #values: unknown[]
  texts: Record<string, string> | undefined
  dropped: DroppedValue[] | undefined
  readonly #typing: Typing

  /** Starts with a copy of `below`, and of `above` on top of it; what was dropped is that of `below`. */
  constructor(typing: Typing, below?: RowDraft, above?: RowDraft) {
    this.#typing = typing
    this.#shape = below === undefined ? Shape.empty : below.#shape
    this.#values = below === undefined ? [] : below.#values.slice()
    if (below?.texts !== undefined || above?.texts !== undefined) this.texts = { ...below?.texts, ...above?.texts }
    if (below?.dropped !== undefined) this.dropped = [...below.dropped]
    if (above === undefined) return
    const { to, at } = this.#shape.under(above.#shape)
    this.#shape = to
    const own = this.#values.length
    for (let i = 0; i < at.length; i++) {
      const position = at[i] as number
      const [value, before] = [above.#values[i], this.#values[position]]
      this.#values[position] = value
      if (position < own && before !== value)
        this.drop({ column: to.names[position] as string, value: before, reason: OVERWRITTEN })
    }
  }

  get shape(): Shape {
    return this.#shape
  }

  get values(): readonly unknown[] {
    return this.#values
  }

  /** The value of a column; undefined where there is none. */
  get(column: string): unknown {
    const at = this.#shape.positionOf(column)
    return at === -1 ? undefined : this.#values[at]
  }

  /** The type of a column; undefined where there is none. */
  typeOf(column: string): MappedColumnType | undefined {
    return this.#shape.types[this.#shape.positionOf(column)]
  }

  /** Stores a value under the type that it has; timestamps are rewritten in UTC. Returns what the column had before. */
  put(column: string, value: unknown): unknown {
    if (typeof value === 'string') {
      const timestamp = toTimestamp(value)
      if (timestamp === undefined) return this.set(column, value, textualTypeOf(value, this.#typing))
      return this.set(column, timestamp, 'datetime')
    }
    if (typeof value === 'number') return this.set(column, value, Number.isInteger(value) ? 'int' : 'float')
    if (typeof value === 'boolean') return this.set(column, value, 'boolean')
    return this.set(column, value, textualTypeOf(value, this.#typing))
  }

  /** Stores JSON text, as `json` where the provider has that. Returns what the column had before. */
  putJson(column: string, text: string): unknown {
    return this.set(column, text, hasJson(this.#typing.provider) ? 'json' : textualTypeOf(text, this.#typing))
  }

  /** Stores a scalar, or removes the column when the value is blank, an object or an array. What is lost of either is noted. */
  putScalar(column: string, value: unknown): void {
    let before: unknown
    let now = value
    if (typeof value === 'string' && value !== '') {
      const timestamp = toTimestamp(value)
      if (timestamp === undefined) before = this.set(column, value, textualTypeOf(value, this.#typing))
      else {
        now = timestamp
        before = this.set(column, timestamp, 'datetime')
        if (timestamp !== value) (this.texts ??= {})[column] = value
      }
    } else if (typeof value !== 'object' && !isBlank(value)) before = this.put(column, value)
    else {
      before = this.#remove(column)
      if (!isBlank(value)) this.drop({ column, value, reason: NO_SCALAR })
    }
    if (before !== undefined && before !== now) this.drop({ column, value: before, reason: OVERWRITTEN })
  }

  /** What has no column, without what a column of ours holds all the same; undefined where there is nothing. */
  lost(): readonly DroppedValue[] | undefined {
    const lost = this.dropped?.filter(
      ({ column, value, reason }) => reason !== OWN_COLUMN || !this.#holds(column, value),
    )
    return lost === undefined || lost.length === 0 ? undefined : lost
  }

  #holds(column: string, value: unknown): boolean {
    const held = this.get(column)
    if (held === value || this.texts?.[column] === value) return true
    if (typeof value === 'string') return toTimestamp(value) === held && held !== undefined
    // A column of ours holds no object, and an object may have a `toString` that cannot be called.
    return typeof value !== 'object' && String(value) === String(held)
  }

  /** Notes a value that has no column. */
  drop(dropped: DroppedValue): void {
    ;(this.dropped ??= []).push(dropped)
  }

  /** Stores a value as it is; returns what the column had before. */
  set(column: string, value: unknown, type: MappedColumnType): unknown {
    const { to, at } = this.#shape.with(column, type)
    const before = this.#values[at]
    this.#values[at] = value
    this.#shape = to
    return before
  }

  /** Gives a column a type without a value: the loader fills it. */
  stamp(column: string): void {
    const { to, at } = this.#shape.with(column, 'datetime')
    const before = this.#values[at]
    this.#values[at] = undefined
    this.#shape = to
    if (before !== undefined) this.drop({ column, value: before, reason: OWN_COLUMN })
  }

  /** Takes a column away; returns what it had. */
  #remove(column: string): unknown {
    const at = this.#shape.names.indexOf(column)
    if (at === -1) return undefined
    this.#shape = this.#shape.without(at)
    return this.#values.splice(at, 1)[0]
  }
}
