import type { ColumnType } from '../../core/warehouse.ts'
import { type MappedColumnType, hasJson, isBlank, textualTypeOf, toTimestamp, type Typing } from './types.ts'

/** One row for one table of a warehouse. Names are final: cased, cut and escaped for the provider. */
export interface Row {
  readonly table: string
  /** Every column that the row has or that the loader fills for it (`uuid_ts`), with its type. */
  readonly columns: Readonly<Record<string, MappedColumnType>>
  readonly data: Readonly<Record<string, unknown>>
  /** When the event arrived, as the event says it. */
  readonly receivedAt: string
  /** The types of the columns that are ours in this row. */
  readonly ownTypes: Readonly<Record<string, ColumnType>>
  /** Texts of columns of ours that were rewritten as timestamps, as they were. */
  readonly texts?: Readonly<Record<string, string>> | undefined
  /** Values of the event that have no column in the row. */
  readonly dropped?: readonly DroppedValue[] | undefined
  /** The identities that the row joins; only rows of the table of merge rules have it. */
  readonly merge?: MergeRule
}

/** A value of an event that has no column, and why. */
export interface DroppedValue {
  /** The column that it would have, or its key where that gives no name. */
  readonly column: string
  readonly value: unknown
  readonly reason: string
}

/** Two identities that are one person; `two` is missing when only one is known. */
export interface MergeRule {
  readonly one: unknown
  readonly two?: unknown
}

/** A row while it is being filled. A later value of a column replaces an earlier one and its type. */
export class RowDraft {
  readonly columns: Record<string, MappedColumnType>
  readonly data: Record<string, unknown>
  texts: Record<string, string> | undefined
  dropped: DroppedValue[] | undefined
  readonly #typing: Typing

  /** Starts with a copy of `below`, and of `above` on top of it; what was dropped is that of `below`. */
  constructor(typing: Typing, below?: RowDraft, above?: RowDraft) {
    this.#typing = typing
    this.columns = below === undefined ? {} : { ...below.columns }
    this.data = below === undefined ? {} : { ...below.data }
    if (below?.texts !== undefined || above?.texts !== undefined) this.texts = { ...below?.texts, ...above?.texts }
    if (below?.dropped !== undefined) this.dropped = [...below.dropped]
    if (above === undefined) return
    for (const column of Object.keys(above.data))
      this.set(column, above.data[column], above.columns[column] ?? 'string')
  }

  /** Stores a value under the type that it has; timestamps are rewritten in UTC. */
  put(column: string, value: unknown): void {
    if (typeof value === 'string') {
      const timestamp = toTimestamp(value)
      if (timestamp === undefined) this.set(column, value, textualTypeOf(value, this.#typing))
      else this.set(column, timestamp, 'datetime')
    } else if (typeof value === 'number') this.set(column, value, Number.isInteger(value) ? 'int' : 'float')
    else if (typeof value === 'boolean') this.set(column, value, 'boolean')
    else this.set(column, value, textualTypeOf(value, this.#typing))
  }

  /** Stores JSON text, as `json` where the provider has that. */
  putJson(column: string, text: string): void {
    this.set(column, text, hasJson(this.#typing.provider) ? 'json' : textualTypeOf(text, this.#typing))
  }

  /** Stores a scalar, or removes the column when the value is blank, an object or an array. */
  putScalar(column: string, value: unknown): void {
    if (typeof value !== 'object' && !isBlank(value)) {
      this.put(column, value)
      if (typeof value === 'string' && this.data[column] !== value) (this.texts ??= {})[column] = value
    } else if (Object.hasOwn(this.columns, column)) {
      delete this.columns[column]
      delete this.data[column]
    }
  }

  /** Notes a value that has no column. */
  drop(dropped: DroppedValue): void {
    ;(this.dropped ??= []).push(dropped)
  }

  /** Stores a value as it is. */
  set(column: string, value: unknown, type: MappedColumnType): void {
    if (column === '__proto__') return this.#define(column, value, type)
    this.columns[column] = type
    this.data[column] = value
  }

  // Assignment to `__proto__` would change the object's prototype instead of adding a column.
  #define(column: string, value: unknown, type: MappedColumnType): void {
    const property = { configurable: true, enumerable: true, writable: true }
    Object.defineProperty(this.columns, column, { ...property, value: type })
    Object.defineProperty(this.data, column, { ...property, value })
  }
}
