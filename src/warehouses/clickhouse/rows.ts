import { SluicewayError } from '../../core/errors.ts'
import type { Load } from '../../core/warehouse.ts'
import { moreColumn } from '../mapping/more-column.ts'

/** Rows as lists of values, in the order of the names. */
export interface PositionalRows {
  readonly names: readonly string[]
  readonly rows: readonly (readonly unknown[])[]
}

/** UTF-16 units of one body. */
export const bodyUnits = 8_000_000
const escapedHalf = /\\ud[89a-f]/

/** The rows of a load, and the names of its columns. */
export function positionalRows({ columns, rows }: Load): PositionalRows {
  return { names: columns.map(({ name }) => name), rows }
}

/** Throws with the scope `rows` where a row has no id. */
export function checkIds(table: string, { names, rows }: PositionalRows): void {
  const id = names.indexOf('id')
  if (id < 0 || rows.some((row) => row[id] === null || row[id] === ''))
    throw new SluicewayError('warehouse_failed', `ClickHouse: a row for "${table}" has no id`, {
      details: { scope: 'rows' },
    })
}

/**
 * Writes rows in the format JSONCompactEachRow, in texts of bounded size.
 *
 * Measured with 10,000 rows of 40 columns: 35 ms of processor time, where TabSeparated takes 77 (each text is escaped by itself)
 * and RowBinary 24. RowBinary would have to know the exact type of every column that is there, such as DateTime or DateTime64.
 * https://clickhouse.com/docs/interfaces/formats/JSONCompactEachRow (checked 2026-11-29)
 */
export function* bodiesOf({ rows }: PositionalRows): Generator<{ readonly text: string; readonly rows: number }> {
  let text = ''
  let count = 0
  for (const row of rows) {
    const line = lineOf(row)
    if (count > 0 && text.length + line.length > bodyUnits) {
      yield { text, rows: count }
      text = ''
      count = 0
    }
    text += line
    text += '\n'
    count++
  }
  if (count > 0) yield { text, rows: count }
}

/** Writes rows in the same format, as one text. */
export const linesOf = (rows: PositionalRows['rows']): string => rows.map((row) => `${lineOf(row)}\n`).join('')

function lineOf(row: readonly unknown[]): string {
  const line = JSON.stringify(row)
  // Half a surrogate pair is refused, and no text of UTF-8 can hold one.
  return escapedHalf.test(line) ? JSON.stringify(row.map(wellFormed)) : line
}

const wellFormed = (value: unknown): unknown => (typeof value === 'string' ? value.toWellFormed() : value)

/**
 * Folds two rows of one id: of the values of both, those of the row that was received later.
 *
 * @param names of the columns
 * @param fresh the row that comes
 * @param stored the row that is there
 * @returns the row that both make
 */
export function foldRow(names: readonly string[], fresh: readonly unknown[], stored: readonly unknown[]): unknown[] {
  const time = names.indexOf('received_at')
  const isOlder = time >= 0 && timeOf(fresh[time]) < timeOf(stored[time])
  return names.map((name, i) => {
    const [top, below] = isOlder && name !== 'uuid_ts' ? [stored[i], fresh[i]] : [fresh[i], stored[i]]
    return name === moreColumn ? joined(top, below) : (top ?? below ?? null)
  })
}

/** Milliseconds since the epoch; of a value that is missing, before all others. */
export const timeOf = (value: unknown): number =>
  typeof value === 'string' ? Date.parse(value) : Number.NEGATIVE_INFINITY

function joined(top: unknown, below: unknown): unknown {
  if (typeof top !== 'string' || typeof below !== 'string') return top ?? below ?? null
  return JSON.stringify({ ...(JSON.parse(below) as object), ...(JSON.parse(top) as object) })
}
