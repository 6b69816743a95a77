import { type MappedColumnType, hasJson, isBlank, textualTypeOf, toTimestamp, type Typing } from './types.ts'

/** One row for one table of a warehouse. Names are final: cased, cut and escaped for the provider. */
export interface Row {
  readonly table: string
  /** Every column that the row has or that the loader fills for it (`uuid_ts`), with its type. */
  readonly columns: Readonly<Record<string, MappedColumnType>>
  readonly data: Readonly<Record<string, unknown>>
  /** When the event arrived, as the event says it. */
  readonly receivedAt: string
  /** The identities that the row joins; only rows of the table of merge rules have it. */
  readonly merge?: MergeRule
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
  readonly #typing: Typing

  /** Starts with a copy of `nodesBelow`, and of `above` on top of it. */
  constructor(typing: Typing, below?: RowDraft, above?: RowDraft) {
    this.#typing = typing
    this.columns = below === undefined ? {} : { ...below.columns }
    this.data = below === undefined ? {} : { ...below.data }
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
    if (typeof value !== 'object' && !isBlank(value)) this.put(column, value)
    else if (Object.hasOwn(this.columns, column)) {
      delete this.columns[column]
      delete this.data[column]
    }
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
