import type { Columns, ColumnType } from '../core/warehouse.ts'
import { fit } from '../warehouses/mapping/fit.ts'
import { moreColumn } from '../warehouses/mapping/more-column.ts'
import { type Discard, discardOf } from './discards.ts'
import type { PendingRow } from './rows-of.ts'

/** Rows whose values fit their columns, and what did not fit. */
export interface FittedRows {
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  /** Where each of the rows came from. */
  readonly pending: readonly PendingRow[]
  readonly discards: readonly Discard[]
  /** Rows whose id does not fit, so that they cannot be stored at all. */
  readonly refused: readonly PendingRow[]
}

const smallestBeyondInt = 2 ** 63

/** The rows of one load for one table: of those with the same id the newest, or all of them folded into one. */
export class TableRows {
  readonly table: string
  readonly merge: 'replace' | 'coalesce'
  readonly #rows = new Map<string, PendingRow>()
  /** Rows with a value that is not of its column's first type: only they are looked at value by value. */
  readonly #mixed = new Set<PendingRow>()
  // A column may be named `constructor`.
  readonly #own = Object.create(null) as Record<string, ColumnType>
  readonly #others = Object.create(null) as Record<string, ColumnType>
  readonly #now: string

  /** `now` becomes the `uuid_ts` of the rows. */
  constructor(table: string, now: string) {
    this.table = table
    this.#now = now
    this.merge = table === 'users' ? 'coalesce' : 'replace'
  }

  add(pending: PendingRow): void {
    const before = this.#rows.get(pending.id)
    const row = before === undefined ? pending : this.#merge(pending, before)
    if (row === before) return
    this.#rows.set(pending.id, row)
    // Here rather than for all rows at the end: a row that was just made is still in the processor's cache.
    this.#look(row)
  }

  /** The rows as they were added, or folded. */
  get pending(): readonly PendingRow[] {
    return [...this.#rows.values()]
  }

  /** Some of the rows by themselves, with the columns that they alone need. */
  only(some: readonly PendingRow[]): TableRows {
    const rows = new TableRows(this.table, this.#now)
    for (const one of some) rows.add(one)
    return rows
  }

  /**
   * The columns that the rows have, ours first: a table that has no room for all has room for them. Columns of ours have fixed
   * types, others the type of their first value.
   */
  get wanted(): Columns {
    return Object.assign(Object.create(null), this.#own, this.#others) as Columns
  }

  #merge(pending: PendingRow, before: PendingRow): PendingRow {
    const [older, newer] = timeOf(pending) < timeOf(before) ? [pending, before] : [before, pending]
    return this.merge === 'replace' ? newer : foldRows(older, newer)
  }

  #look(one: PendingRow): void {
    const { columns, ownTypes } = one.row
    // Rows belong to this load alone, and copying them would cost as much as the mapping does.
    const data = one.row.data as Record<string, unknown>
    data['uuid_ts'] = this.#now
    if (one.row.dropped !== undefined) this.#mixed.add(one)
    for (const name of Object.keys(columns)) {
      const type = columns[name] as ColumnType
      const own = ownTypeOf(name, ownTypes)
      const beyond = type === 'int' && isBeyondInt(data[name])
      const first = own === undefined ? (this.#others[name] ??= beyond ? 'float' : type) : (this.#own[name] ??= own)
      if (beyond || first !== type) this.#mixed.add(one)
    }
  }

  /** Fits the rows to the columns that the table has. */
  fit(columns: Columns): FittedRows {
    const asWanted = Object.entries(this.wanted).every(([name, type]) => columns[name] === type)
    const rows: Readonly<Record<string, unknown>>[] = []
    const pending: PendingRow[] = []
    const discards: Discard[] = []
    const refused: PendingRow[] = []
    for (const one of this.#rows.values()) {
      if (asWanted && !this.#mixed.has(one)) {
        rows.push(one.row.data)
        pending.push(one)
        continue
      }
      const fitted = this.#fitOne(one, columns)
      if (fitted.data['id'] === undefined) {
        refused.push(one)
        continue
      }
      discards.push(...fitted.discards)
      rows.push(fitted.data)
      pending.push(one)
    }
    return { rows, pending, discards, refused }
  }

  // The row stays as it is: after a failure it is fitted again, to what the table has then.
  #fitOne(one: PendingRow, columns: Columns): { data: Record<string, unknown>; discards: readonly Discard[] } {
    const data = Object.create(null) as Record<string, unknown>
    const beyond = Object.create(null) as Record<string, unknown>
    const discard = (name: string, value: unknown, reason: string): Discard =>
      discardOf(one, { name, value, reason, now: this.#now })
    const discards = (one.row.dropped ?? []).map(({ column, value, reason }) => discard(column, value, reason))
    for (const name of Object.keys(one.row.columns)) {
      const value = one.row.data[name]
      if (value === undefined || value === null) continue
      const from = one.row.columns[name] as ColumnType
      const to = columns[name]
      if (to === undefined && columns[moreColumn] !== undefined) beyond[name] = value
      else {
        const isText = to === 'string' || to === 'text'
        const fitting = fitValue((isText ? one.row.texts?.[name] : undefined) ?? value, from, to)
        if (isDiscard(fitting)) discards.push(discard(name, value, fitting.discard))
        else data[name] = fitting
      }
    }
    if (Object.keys(beyond).length > 0) data[moreColumn] = joined(data[moreColumn], beyond)
    return { data, discards }
  }
}

/** JSON text of an object, with more values in it. */
function joined(text: unknown, more: Readonly<Record<string, unknown>>): string {
  const before = typeof text === 'string' ? (JSON.parse(text) as object) : {}
  return JSON.stringify({ ...before, ...more })
}

const noRoom = { discard: 'the table has no room for more columns' }

const isDiscard = (fitting: unknown): fitting is { readonly discard: string } =>
  typeof fitting === 'object' && fitting !== null && 'discard' in fitting

function ownTypeOf(name: string, ownTypes: PendingRow['row']['ownTypes']): ColumnType | undefined {
  if (name === 'id') return 'string'
  if (name === 'uuid_ts') return 'datetime'
  if (name === moreColumn) return 'json'
  return Object.hasOwn(ownTypes, name) ? ownTypes[name] : undefined
}

function fitValue(value: unknown, from: ColumnType, to: ColumnType | undefined): unknown {
  if (to === undefined) return noRoom
  if (from === to) return typeof value === 'number' ? checkRange(value, to) : value
  const found = fit(value, from, to)
  if ('discard' in found) return found
  return typeof found.value === 'number' ? checkRange(found.value, to) : found.value
}

function checkRange(value: number, type: ColumnType): unknown {
  if (type === 'int') return isBeyondInt(value) ? { discard: 'the number does not fit into 64 bits' } : value
  return Number.isFinite(value) ? value : { discard: 'the number is not finite' }
}

const isBeyondInt = (value: unknown): boolean => typeof value === 'number' && Math.abs(value) >= smallestBeyondInt

const timeOf = ({ row }: PendingRow): number => Date.parse(row.receivedAt)

/** The newer row, with the older one's values where it has none. */
function foldRows(older: PendingRow, newer: PendingRow): PendingRow {
  const row = {
    ...newer.row,
    columns: { ...older.row.columns, ...newer.row.columns },
    data: { ...older.row.data, ...newer.row.data },
    texts: { ...older.row.texts, ...newer.row.texts },
    dropped: [...(older.row.dropped ?? []), ...(newer.row.dropped ?? [])],
  }
  return { ...newer, row, folded: [...(older.folded ?? [older]), ...(newer.folded ?? [newer])] }
}
