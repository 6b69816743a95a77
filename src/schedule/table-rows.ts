import type { Columns, ColumnType } from '../core/warehouse.ts'
import { fit } from '../warehouses/fit.ts'
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
  #wanted: Columns = {}

  constructor(table: string) {
    this.table = table
    this.merge = table === 'users' ? 'coalesce' : 'replace'
  }

  add(pending: PendingRow): void {
    const before = this.#rows.get(pending.id)
    if (before === undefined) return void this.#rows.set(pending.id, pending)
    const [older, newer] = timeOf(pending) < timeOf(before) ? [pending, before] : [before, pending]
    this.#rows.set(pending.id, this.merge === 'replace' ? newer : folded(older, newer))
  }

  /** The columns that the rows have, each with its first type; an `id` is text, so that none is lost when types differ. */
  wanted(): Columns {
    // A column may be named `constructor`.
    const columns = Object.create(null) as Record<string, ColumnType>
    for (const one of this.#rows.values()) {
      const { row } = one
      for (const name in row.columns) {
        const type = row.columns[name] as ColumnType
        const first = columns[name]
        const beyond = type === 'int' && isBeyondInt(row.data[name])
        if (first === undefined) columns[name] = name === 'id' ? 'string' : beyond ? 'float' : type
        if (beyond || columns[name] !== type) this.#mixed.add(one)
      }
    }
    this.#wanted = columns
    return columns
  }

  /** Fits the rows to the columns that the table has; called after `wanted`. `now` becomes their `uuid_ts`. */
  fitted(columns: Columns, now: string): FittedRows {
    const asWanted = Object.entries(this.#wanted).every(([name, type]) => columns[name] === type)
    const rows: Record<string, unknown>[] = []
    const pending: PendingRow[] = []
    const discards: Discard[] = []
    const refused: PendingRow[] = []
    for (const one of this.#rows.values()) {
      // Rows belong to this load alone, and copying them would cost as much as the mapping does.
      const data = one.row.data as Record<string, unknown>
      data['uuid_ts'] = now
      const unfit: Discard[] = []
      const plain = asWanted && !this.#mixed.has(one)
      for (const name in plain ? {} : one.row.columns) {
        const value = data[name]
        if (value === undefined || value === null) continue
        const fitting = fitted(value, one.row.columns[name] as ColumnType, columns[name])
        if (fitting === value) continue
        if (typeof fitting === 'object' && fitting !== null && 'discard' in fitting) {
          delete data[name]
          unfit.push(discardOf(one, { name, value, reason: String(fitting.discard), now }))
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

function fitted(value: unknown, from: ColumnType, to: ColumnType | undefined): unknown {
  if (to === undefined) return noRoom
  if (from === to) return typeof value === 'number' ? inRange(value, to) : value
  const found = fit(value, from, to)
  if ('discard' in found) return found
  return typeof found.value === 'number' ? inRange(found.value, to) : found.value
}

function inRange(value: number, type: ColumnType): unknown {
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
function folded(older: PendingRow, newer: PendingRow): PendingRow {
  const row = {
    ...newer.row,
    columns: { ...older.row.columns, ...newer.row.columns },
    data: { ...older.row.data, ...newer.row.data },
  }
  return { ...newer, row }
}
