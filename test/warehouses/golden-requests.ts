import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { Columns, Engine, Load } from '../../src/core/warehouse.ts'
import { loadOf } from '../support/load-of.ts'

/** What an engine is asked for, under the name that its requests have in requests.json. */
export type GoldenCall = readonly [string, (engine: Engine) => Promise<unknown> | undefined]

/** Columns of a table of orders, one of each kind that matters to requests. */
export const orderColumns: Columns = {
  id: 'string',
  event: 'string',
  total: 'float',
  cart: 'json',
  received_at: 'datetime',
}

/** An order, as it comes and comes again. */
export const order = loadOf({
  id: 'load-1',
  table: 'order_completed',
  columns: orderColumns,
  rows: [
    {
      id: 'order-1843',
      event: 'order_completed',
      total: 129.9,
      cart: '{"n":1}',
      received_at: '2026-11-29T10:00:00.000Z',
    },
  ],
  merge: 'replace',
})

/** What was discarded of an order. */
export const discard = loadOf({
  id: 'load-1',
  table: 'rudder_discards',
  columns: { row_id: 'string' },
  rows: [{ row_id: 'order-1843' }],
  merge: 'append',
})

const users: Columns = { id: 'string', plan: 'string', received_at: 'datetime' }
const user = loadOf({
  id: 'load-1',
  table: 'users',
  columns: users,
  rows: [{ id: 'ada', plan: 'pro', received_at: '2026-11-29T10:00:00.000Z' }],
  merge: 'coalesce',
})

/** Calls that make tables, fill and read them, each from what the ones before it left. */
export const calls: readonly GoldenCall[] = [
  ['a new table', (engine) => engine.widen('order_completed', orderColumns)],
  ['a new table of users', (engine) => engine.widen('users', users)],
  ['a new column', (engine) => engine.widen('order_completed', { coupon: 'string', gift: 'boolean' })],
  ['an event', (engine) => engine.load(order)],
  ['a user', (engine) => engine.load(user)],
  ['a table of discards', (engine) => engine.widen('rudder_discards', { row_id: 'string' })],
  ['a discard', (engine) => engine.load(discard)],
  ['the columns of a table', (engine) => engine.columns('order_completed')],
]

/** Gathers loads one after the other, and merges them. */
export const gathered = (loads: readonly Load[]): GoldenCall => [
  'gathered loads',
  async (engine) => {
    const gathering = engine.gather?.('gathering-1')
    await engine.foresee?.([...new Set(loads.map(({ table }) => table))])
    for (const load of loads) await gathering?.stage([load])
    await gathering?.merge()
    await gathering?.drop()
  },
]

/** Two loads of one table, of which the second has a column more and an earlier day. */
export const gatheredOrders: GoldenCall = gathered(
  [
    { id: 'order-1852', event: 'order_completed', received_at: '2026-11-29T10:00:00.000Z' },
    { id: 'order-1853', event: 'order_completed', received_at: '2026-11-27T23:00:00.000Z', total: 39.95 },
  ].map((row, i) => {
    const columns = { id: 'string', event: 'string', received_at: 'datetime' } as const
    return loadOf({
      id: `load-${i}`,
      table: 'order_completed',
      columns: i === 0 ? columns : { ...columns, total: 'float' },
      rows: [row],
      merge: 'replace',
    })
  }),
)

/** Requests to a bucket. Those that delete are sent a few at once: their order says nothing. */
export const bucketRequests = (answers: readonly string[]): readonly string[] => {
  const isDelete = (answer: string): boolean => answer.startsWith('DELETE')
  return [...answers.filter((answer) => !isDelete(answer)), ...answers.filter(isDelete).toSorted()]
}

/** The texts of objects in a bucket, by their names. */
export const textsIn = (stored: ReadonlyMap<string, Buffer>): readonly string[] =>
  Array.from(stored)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, bytes]) => (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString())

/** How requests of an engine are seen. */
export interface GoldenEngine {
  readonly name: string
  /** Path of requests.json. */
  readonly file: string
  /** Calls in their order; each gets an engine of its own. */
  readonly calls: readonly GoldenCall[]
  readonly open: () => Engine
  /** Forgets what was seen. */
  readonly forget: () => void
  /** What was seen since, as requests.json has it. */
  readonly seen: () => unknown
}

/** Tests that an engine sends exactly what requests.json says, which is to be reviewed. */
export function goldenRequests({ name, file, calls, open, forget, seen }: GoldenEngine): void {
  const golden = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  test.each(calls)(`the engine ${name} sends for %s what the golden requests say`, async (call, run) => {
    forget()
    await run(open())
    expect(seen()).toEqual(golden[call])
  })
  test(`the golden requests of the engine ${name} are those of its calls`, () => {
    expect(Object.keys(golden).toSorted()).toEqual(calls.map(([call]) => call).toSorted())
  })
}

/** A statement by its lines, without what indents them. */
export const linesOf = (statement: unknown): string[] =>
  String(statement)
    .split('\n')
    .map((line) => line.trim())
