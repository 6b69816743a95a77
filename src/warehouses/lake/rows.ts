import { SluicewayError } from '../../core/errors.ts'
import type { Load } from '../../core/warehouse.ts'

/** A row of a load. */
export type LoadRow = Load['rows'][number]

/** A column of a load. */
export interface LoadColumn {
  readonly name: string
  readonly type: Load['columns'][string]
}

/** The columns of a load, in their order. */
export const columnsOf = ({ columns }: Pick<Load, 'columns'>): readonly LoadColumn[] =>
  Object.entries(columns).map(([name, type]) => ({ name, type }))

/** Makes a function that reads a column of a row; null where the row has no value. The one place that knows what rows are. */
export const readerOf =
  (_columns: readonly LoadColumn[], name: string): ((row: LoadRow) => unknown) =>
  (row) => {
    const value = row[name]
    // A row without the column `constructor` still inherits a function of that name.
    return value === undefined || typeof value === 'function' ? null : value
  }

/** Says that a value is in the way of a load. */
export const rowProblem = (problem: string): SluicewayError =>
  new SluicewayError('warehouse_failed', `Lake: ${problem}`, { details: { scope: 'rows' } })
