import type { Column, Columns } from '../core/warehouse.ts'
import { ownName } from '../warehouses/mapping/providers.ts'
import { fingerprintOf } from '../storage/fingerprint.ts'
import type { PendingRow } from './rows-of.ts'

/** A value that its column did not take, or a row that the warehouse refused: a row of `rudder_discards`. */
export interface Discard {
  readonly pending: PendingRow
  readonly row: Readonly<Record<string, string>>
}

/** The table of discards, as a warehouse names it. */
export interface DiscardTable {
  /** No event can have it. */
  readonly table: string
  readonly wanted: Columns
  /** The same columns, in the order in which a load has them. */
  readonly columns: readonly Column[]
}

const discardColumns: Columns = {
  table_name: 'string',
  row_id: 'string',
  column_name: 'string',
  column_value: 'string',
  received_at: 'datetime',
  uuid_ts: 'datetime',
  reason: 'string',
}

/** What `rudder_discards` looks like to a provider. */
export function discardTableOf(provider: string): DiscardTable {
  const columns = Object.entries(discardColumns).map(([name, type]) => ({ name: ownName(name, provider), type }))
  return {
    table: ownName('rudder_discards', provider),
    wanted: Object.fromEntries(columns.map(({ name, type }) => [name, type])),
    columns,
  }
}

/** The values of a discard, in the order of the columns. */
export const discardValues = ({ row }: Discard): readonly string[] =>
  Object.keys(discardColumns).map((name) => row[name] as string)

/** Names a discard: another load of its event has the same. */
export function discardKey({ row }: Discard): string {
  const [one, two] = fingerprintOf(`${row['column_name']} ${row['received_at']}`, row['column_value'] ?? '')
  return JSON.stringify([row['table_name'], row['row_id'], one, two])
}

/** Stands for all columns: no column has such a name. */
const wholeRow = '*'

/** Whether it is a row that was refused as a whole. */
export const isWholeRow = ({ row }: Discard): boolean => row['column_name'] === wholeRow

/**
 * Makes the discard of a row that the warehouse refused.
 *
 * @param pending the row
 * @param why why it was not taken, and the time of the load
 * @returns the discard, whose value is the row as JSON
 */
export const discardOfRow = (pending: PendingRow, why: { readonly reason: string; readonly now: string }): Discard =>
  discardOf(pending, { name: wholeRow, value: pending.row.data, ...why })

/** UTF-16 units of a value that are kept; the whole value is in the event. */
const longestValue = 10_000

/**
 * Makes the row of a value that its column did not take. A value that is too long is cut, and the reason says so.
 *
 * @param pending the row that has the value
 * @param what the column, the value, why it was not taken, and the time of the load
 * @returns the discard
 */
export function discardOf(
  pending: PendingRow,
  what: { readonly name: string; readonly value: unknown; readonly reason: string; readonly now: string },
): Discard {
  const { name, value, reason, now } = what
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  const isCut = text.length > longestValue
  return {
    pending,
    row: {
      table_name: pending.row.table,
      row_id: pending.id,
      column_name: name,
      column_value: isCut ? text.slice(0, longestValue) : text,
      received_at: pending.envelope.header.receivedAt,
      uuid_ts: now,
      reason: isCut ? `${reason}; the value is cut from ${text.length} characters to ${longestValue}` : reason,
    },
  }
}
