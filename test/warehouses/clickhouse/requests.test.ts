// The exact requests of an engine on a cluster, which the engine on one machine has none of; requests.json is to be reviewed.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { clickhouse } from '../../../src/warehouses/clickhouse.ts'
import { discard, goldenRequests, linesOf, order, orderColumns } from '../golden-requests.ts'

interface Request {
  readonly statement: readonly string[]
  readonly settings: Readonly<Record<string, string>>
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
  seen.push({ statement: linesOf(body), settings: Object.fromEntries(searchParams) })
  response.end(answers.find(([statement]) => statement.test(body))?.[1] ?? '')
})
beforeAll(() => new Promise<void>((done) => void server.listen(0, '127.0.0.1', done)))
afterAll(() => server.close())

goldenRequests({
  name: 'clickhouse',
  file: join(import.meta.dirname, 'requests.json'),
  calls: [
    ['a new table', (engine) => engine.widen('product_viewed', orderColumns)],
    [
      'a new table of users',
      (engine) => engine.widen('users', { id: 'string', plan: 'string', received_at: 'datetime' }),
    ],
    ['a new column', (engine) => engine.widen('order_completed', { coupon: 'string' })],
    [
      'a column of integers that gets a fraction',
      (engine) => engine.retype?.('order_completed', { quantity: 'float' }) ?? Promise.reject(new Error('no retype')),
    ],
    ['an event that comes again', (engine) => engine.load(order)],
    ['a discard', (engine) => engine.load(discard)],
    ['the columns of a table', (engine) => engine.columns('order_completed')],
  ],
  open: () =>
    clickhouse({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      user: 'loader',
      password: 'analytical engine',
      database: 'analytics',
      cluster: 'main',
      partition: 'month',
      replaceWithinDays: 30,
      allowPrivate: true,
    }).open({}, 'analytics'),
  forget: () => void (seen.length = 0),
  seen: () => seen,
})
