// The exact requests of an engine on a cluster, which the engine on one machine has none of; requests.json is to be reviewed.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { zstdDecompressSync } from 'node:zlib'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { clickhouse } from '../../../src/warehouses/clickhouse.ts'
import { discard, gatheredOrders, goldenRequests, linesOf, order, orderColumns } from '../golden-requests.ts'

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
  [/^SELECT toString.*order-185/, ''],
  [/^SELECT toString/, '["order-1843","1795860000000"]\n["order-1843","1795946400000"]\n'],
]
/** Where the row is that came again, until the others are deleted. */
const olderParts = '["order-1843","1795946400000",["202611_7_7_0","202611_10_10_0","202611_1_5_2_6"]]\n'
const seen: Request[] = []
/** The first bytes of a frame: https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1 (checked 2026-12-01). */
const magic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])
/** What is in a body, which may be frames of zstd: Node inflates the first alone. */
function textOf(bytes: Buffer, encoding: string | undefined): string {
  if (encoding === undefined) return bytes.toString()
  expect(encoding).toBe('zstd')
  const next = bytes.indexOf(magic, 1)
  const first = zstdDecompressSync(bytes).toString()
  return next < 0 ? first : first + textOf(bytes.subarray(next), encoding)
}
const server = createServer(async (request, response) => {
  const body = textOf(await buffer(request), request.headers['content-encoding'])
  expect(request.method).toBe('POST')
  expect(request.headers['x-clickhouse-user']).toBe('loader')
  expect(request.headers['x-clickhouse-key']).toBe('analytical engine')
  const { searchParams } = new URL(request.url ?? '', 'http://127.0.0.1')
  seen.push({ statement: linesOf(body), settings: Object.fromEntries(searchParams) })
  const isFirst = seen.every(({ statement: [line = ''] }) => !line.includes('_part) IN'))
  if (body.includes('groupUniqArray')) response.end(isFirst ? olderParts : '')
  else response.end(answers.find(([statement]) => statement.test(body))?.[1] ?? '')
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
    gatheredOrders,
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
