import { expect } from 'vitest'
import { SluicewayError } from '../../../src/core/errors.ts'
import { mapEvent, type MapOptions } from '../../../src/warehouses/mapping/map-event.ts'
import type { Row } from '../../../src/warehouses/mapping/row.ts'

/** A column's type and value; the value is missing in columns that the loader fills. */
type Cell = readonly unknown[]

interface GoldenRow {
  readonly table: string
  readonly cells: Readonly<Record<string, Cell>>
  readonly merge?: unknown
}

/** An event, and what becomes of it: all rows, or some facts about them, or an error. */
export interface GoldenCase {
  readonly name: string
  readonly options?: Partial<MapOptions>
  readonly event: object
  /** Every row with every cell. */
  readonly rows?: readonly GoldenRow[]
  /** The tables of the rows, in order. */
  readonly tables?: readonly string[]
  /** Cells that a table's row has, and columns that it lacks. */
  readonly expect?: Readonly<
    Record<string, { readonly has?: Readonly<Record<string, Cell>>; readonly lacks?: readonly string[] }>
  >
  readonly receivedAt?: string
  /** Values that have no column, by the table that tells of them: the column or key, the value and why. */
  readonly lost?: Readonly<Record<string, readonly (readonly [column: string, value: unknown, reason: string])[]>>
  readonly error?: { readonly code: string; readonly message: string }
}

export const OPTIONS: MapOptions = {
  provider: 'postgres',
  now: () => '2026-11-22T12:00:00.000Z',
  uuid: () => '11111111-2222-4333-8444-555555555555',
}

/** Maps the event of a case, and compares what comes out with what the case says. */
export function checkCase({ options, event, ...want }: GoldenCase): void {
  const before = structuredClone(event)
  const map = (): readonly Row[] => mapEvent(event, { ...OPTIONS, ...options })
  if (want.error !== undefined) {
    expect(map).toThrow(SluicewayError)
    expect(map).toThrow(expect.objectContaining(want.error))
    return
  }
  const rows = map()
  expect(event).toEqual(before)
  if (want.rows !== undefined) expect(rows.map(goldenRow)).toEqual(want.rows)
  if (want.tables !== undefined) expect(rows.map(({ table }) => table)).toEqual(want.tables)
  if (want.lost !== undefined) {
    const lost = rows.flatMap(({ table, dropped }): [string, unknown][] =>
      dropped === undefined ? [] : [[table, dropped.map(({ column, value, reason }) => [column, value, reason])]],
    )
    expect(Object.fromEntries(lost)).toEqual(want.lost)
  }
  if (want.receivedAt !== undefined) for (const row of rows) expect(row.receivedAt).toBe(want.receivedAt)
  for (const [table, { has = {}, lacks = [] }] of Object.entries(want.expect ?? {})) {
    const row = rows.find((one) => one.table === table)
    expect(row, `a row for ${table}`).toBeDefined()
    if (row === undefined) continue
    expect(goldenRow(row).cells).toMatchObject(has)
    for (const column of lacks) expect(Object.keys(row.columns)).not.toContain(column)
  }
}

/** A row as the golden files write it. */
export function goldenRow({ table, columns, data, merge }: Row): GoldenRow {
  const cells: Record<string, Cell> = {}
  for (const [column, type] of Object.entries(columns)) {
    cells[column] = Object.hasOwn(data, column) ? [type, data[column]] : [type]
  }
  expect(Object.keys(columns)).toEqual(expect.arrayContaining(Object.keys(data)))
  return merge === undefined ? { table, cells } : { table, cells, merge }
}
