// The exact requests of the engine; requests.json is to be reviewed.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Columns, Engine } from '../../../src/core/warehouse.ts'
import { databricks } from '../../../src/warehouses/databricks.ts'
import { accessToken, type FakeDatabricks, startDatabricks, warehouseId } from '../../support/fake-databricks.ts'
import { loadOf } from '../../support/load-of.ts'

const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'requests.json'), 'utf8')) as Record<string, unknown>
let fake: FakeDatabricks
beforeAll(async () => {
  fake = await startDatabricks()
}, 60_000)
afterAll(() => fake?.stop())

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
const users: Columns = { id: 'string', plan: 'string', received_at: 'datetime' }
const open = (): Engine =>
  databricks({
    url: fake.url,
    warehouseId,
    catalog: 'analytics',
    token: accessToken,
    replaceWithinDays: 30,
    allowPrivate: true,
  }).open({}, 'web')

test.each([
  ['a new table', (engine) => engine.widen('order_completed', columns)],
  ['a new table of users', (engine) => engine.widen('users', users)],
  ['a new column', (engine) => engine.widen('order_completed', { coupon: 'string', gift: 'boolean' })],
  [
    'an event',
    (engine) => engine.load(loadOf({ id: 'load-1', table: 'order_completed', columns, rows, merge: 'replace' })),
  ],
  [
    'a user',
    (engine) =>
      engine.load(
        loadOf({
          id: 'load-1',
          table: 'users',
          columns: users,
          rows: [{ id: 'ada', plan: 'pro', received_at: '2026-11-29T10:00:00.000Z' }],
          merge: 'coalesce',
        }),
      ),
  ],
  ['a table of discards', (engine) => engine.widen('rudder_discards', { row_id: 'string' })],
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
] as const satisfies readonly (readonly [string, (engine: Engine) => Promise<unknown>])[])(
  'the engine databricks sends for %s what the golden requests say',
  async (call, run) => {
    fake.requests.length = 0
    await run(open())
    expect(
      fake.requests.map(({ asked, body: { statement, ...body } }) => ({
        asked,
        statement: String(statement)
          .split('\n')
          .map((line) => line.trim()),
        ...body,
      })),
    ).toEqual(golden[call])
  },
)
