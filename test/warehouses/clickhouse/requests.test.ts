// The exact requests of an engine on a cluster, which the engine on one machine has none of; requests.json is to be reviewed.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Columns } from '../../../src/core/warehouse.ts'
import { clickhouse } from '../../../src/warehouses/clickhouse.ts'
import { loadOf } from '../../support/load-of.ts'

interface Request {
  readonly statement: readonly string[]
  readonly settings: Readonly<Record<string, string>>
}

const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'requests.json'), 'utf8')) as {
  readonly [call: string]: readonly Request[]
}
/** What the server answers to statements that begin so; nothing to all others. */
const answers: readonly (readonly [RegExp, string])[] = [
  [
    /^SELECT t\.name/,
    '["order_completed","ReplicatedReplacingMergeTree","received_at, id","DateTime64(3, \'UTC\')"]\n',
  ],
  [/^SELECT toString/, '["order-1843","1795860000000"]\n'],
]
const seen: Request[] = []
const server = createServer(async (request, response) => {
  const body = await text(request)
  expect(request.method).toBe('POST')
  expect(request.headers['x-clickhouse-user']).toBe('loader')
  expect(request.headers['x-clickhouse-key']).toBe('analytical engine')
  const { searchParams } = new URL(request.url ?? '', 'http://127.0.0.1')
  seen.push({ statement: body.split('\n').map((line) => line.trim()), settings: Object.fromEntries(searchParams) })
  response.end(answers.find(([statement]) => statement.test(body))?.[1] ?? '')
})
beforeAll(() => new Promise<void>((done) => void server.listen(0, '127.0.0.1', done)))
afterAll(() => server.close())

const columns: Columns = { id: 'string', event: 'string', total: 'float', cart: 'json', received_at: 'datetime' }
const rows = [
  {
    id: 'order-1843',
    event: 'order_completed',
    total: 129.9,
    cart: '{"n":1}',
    received_at: '2026-11-29T10:00:00.000Z',
  },
]
const open = () =>
  clickhouse({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    user: 'loader',
    password: 'analytical engine',
    database: 'analytics',
    cluster: 'main',
    partition: 'month',
    replaceWithinDays: 30,
    allowPrivate: true,
  }).open({}, 'analytics')

test.each([
  ['a new table', (engine) => engine.widen('product_viewed', columns)],
  [
    'a new table of users',
    (engine) => engine.widen('users', { id: 'string', plan: 'string', received_at: 'datetime' }),
  ],
  ['a new column', (engine) => engine.widen('order_completed', { coupon: 'string' })],
  [
    'a column of integers that gets a fraction',
    (engine) => engine.retype?.('order_completed', { quantity: 'float' }) ?? Promise.reject(new Error('no retype')),
  ],
  [
    'an event that comes again',
    (engine) => engine.load(loadOf({ id: 'load-1', table: 'order_completed', columns, rows, merge: 'replace' })),
  ],
  [
    'a discard',
    (engine) =>
      engine.load(
        loadOf({
          id: 'load-1',
          table: 'rudder_discards',
          columns: { row_id: 'string' },
          rows: [{ row_id: 'order-1843' }],
          merge: 'append',
        }),
      ),
  ],
  ['the columns of a table', (engine) => engine.columns('order_completed')],
] as const satisfies readonly (readonly [string, (engine: ReturnType<typeof open>) => Promise<unknown>])[])(
  'the engine clickhouse sends for %s what the golden requests say',
  async (call, run) => {
    seen.length = 0
    await run(open())
    expect(seen).toEqual(golden[call])
  },
)
