import type { Columns, Load, Value } from '../../src/core/warehouse.ts'

/** A load as tests write it: rows are records, and what a row does not name is null. */
export interface RecordLoad extends Omit<Load, 'columns' | 'rows'> {
  readonly columns: Columns
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}

/** Makes the load that an engine takes. */
export function loadOf({ columns, rows, ...load }: RecordLoad): Load {
  const all = Object.entries(columns).map(([name, type]) => ({ name, type }))
  const valueOf = (row: RecordLoad['rows'][number], name: string) =>
    Object.hasOwn(row, name) ? ((row[name] ?? null) as Value) : null
  return { ...load, columns: all, rows: rows.map((row) => all.map(({ name }) => valueOf(row, name))) }
}

/** The rows of a load as records; what is null is left out. */
export const recordsOf = ({ columns, rows }: Pick<Load, 'columns' | 'rows'>): Record<string, Value>[] =>
  rows.map((row) =>
    Object.fromEntries(columns.flatMap(({ name }, i) => (row[i] === null ? [] : [[name, row[i] as Value] as const]))),
  )
