import type { Columns, ColumnType } from '../core/warehouse.ts'
import { fit } from '../warehouses/mapping/fit.ts'
import type { PendingRow } from './rows-of.ts'

/** A value that its column did not take: a row of `rudder_discards`. */
export interface Discard {
  readonly file: string
  readonly row: Readonly<Record<string, string>>
}

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
const noRoom = { discard: 'the table has no room for more columns' }

/** The rows of one load for one table: of those with the same id the newest, or all of them folded into one. */
export class TableRows {
  readonly table: string
  readonly merge: 'replace' | 'coalesce'
  readonly #rows = new Map<string, PendingRow>()
  /** Rows with a value that is not of its column's first type: only they are looked at value by value. */
  readonly #mixed = new Set<PendingRow>()
  // A column may be named `constructor`.
  readonly #wanted = Object.create(null) as Record<string, ColumnType>
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

  /** The columns that the rows have, each with its first type; an `id` is text, so that none is lost when types differ. */
  get wanted(): Columns {
    return this.#wanted
  }

  #merge(pending: PendingRow, before: PendingRow): PendingRow {
    const [older, newer] = timeOf(pending) < timeOf(before) ? [pending, before] : [before, pending]
    return this.merge === 'replace' ? newer : foldRows(older, newer)
  }

  #look(one: PendingRow): void {
    const { columns } = one.row
    // Rows belong to this load alone, and copying them would cost as much as the mapping does.
    const data = one.row.data as Record<string, unknown>
    data['uuid_ts'] = this.#now
    for (const name of Object.keys(columns)) {
      const type = columns[name] as ColumnType
      const beyond = type === 'int' && isBeyondInt(data[name])
      const first = (this.#wanted[name] ??= name === 'id' ? 'string' : beyond ? 'float' : type)
      if (beyond || first !== type) this.#mixed.add(one)
    }
  }

  /** Fits the rows to the columns that the table has. */
  fit(columns: Columns): FittedRows {
    const asWanted = Object.entries(this.#wanted).every(([name, type]) => columns[name] === type)
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
      const data = one.row.data as Record<string, unknown>
      const unfit: Discard[] = []
      for (const name of Object.keys(one.row.columns)) {
        const value = data[name]
        if (value === undefined || value === null) continue
        const fitting = fitValue(value, one.row.columns[name] as ColumnType, columns[name])
        if (fitting === value) continue
        if (typeof fitting === 'object' && fitting !== null && 'discard' in fitting) {
          delete data[name]
          unfit.push(discardOf(one, { name, value, reason: String(fitting.discard), now: this.#now }))
        } else data[name] = fitting
      }
      if (data['id'] === undefined) {
        refused.push(one)
        continue
      }
      discards.push(...unfit)
      rows.push(data)
      pending.push(one)
    }
    return { rows, pending, discards, refused }
  }
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

function discardOf(
  one: PendingRow,
  what: { readonly name: string; readonly value: unknown; readonly reason: string; readonly now: string },
): Discard {
  const { name, value, reason, now } = what
  return {
    file: one.file,
    row: {
      table_name: one.row.table,
      row_id: one.id,
      column_name: name,
      column_value: typeof value === 'object' ? JSON.stringify(value) : String(value),
      received_at: one.envelope.header.receivedAt,
      uuid_ts: now,
      reason,
    },
  }
}

/** What `rudder_discards` looks like. */
export const discardColumns: Columns = {
  table_name: 'string',
  row_id: 'string',
  column_name: 'string',
  column_value: 'string',
  received_at: 'datetime',
  uuid_ts: 'datetime',
  reason: 'string',
}

const isBeyondInt = (value: unknown): boolean => typeof value === 'number' && Math.abs(value) >= smallestBeyondInt

const timeOf = ({ row }: PendingRow): number => Date.parse(row.receivedAt)

/** The newer row, with the older one's values where it has none. */
function foldRows(older: PendingRow, newer: PendingRow): PendingRow {
  const row = {
    ...newer.row,
    columns: { ...older.row.columns, ...newer.row.columns },
    data: { ...older.row.data, ...newer.row.data },
  }
  return { ...newer, row }
}
