import { SluicewayError } from '../../core/errors.ts'
import type { Column, Load, Value } from '../../core/warehouse.ts'

/** A row of a load. */
export type LoadRow = Load['rows'][number]

/** Makes a function that reads a column of a row; null where the row has no value. */
export function readerOf(columns: readonly Column[], name: string): (row: LoadRow) => Value {
  const at = columns.findIndex((column) => column.name === name)
  return (row) => row[at] ?? null
}

/** Says that a value is in the way of a load. */
export const rowProblem = (problem: string): SluicewayError =>
  new SluicewayError('warehouse_failed', `Lake: ${problem}`, { details: { scope: 'rows' } })
