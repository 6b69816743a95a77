// The exact requests of the engine; requests.json is to be reviewed.
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import type { Columns, Engine } from '../../../src/core/warehouse.ts'
import { snowflake } from '../../../src/warehouses/snowflake.ts'
import type { FakeSnowflake } from '../../support/fake-snowflake.ts'
import { loadOf } from '../../support/load-of.ts'
import { startFakeAccount } from '../../support/real-snowflake.ts'
import { goldenRequests, linesOf } from '../golden-requests.ts'

let fake: FakeSnowflake
let open: () => Engine
beforeAll(async () => {
  const account = await startFakeAccount()
  fake = account.fake
  open = () => snowflake(account.settings).open({}, 'WEB')
  await open().widen('ORDER_COMPLETED', {
    ID: 'string',
    TOTAL: 'float',
    CART: 'json',
    RECEIVED_AT: 'datetime',
    COUPON: 'string',
  })
  await open().widen('USERS', { ID: 'string', PLAN: 'string', RECEIVED_AT: 'datetime', UUID_TS: 'datetime' })
  await open().widen('RUDDER_DISCARDS', { ROW_ID: 'string' })
  await open().widen('RUDDER_IDENTITY_MERGE_RULES', {
    MERGE_PROPERTY_1_VALUE: 'string',
    MERGE_PROPERTY_2_VALUE: 'string',
  })
}, 60_000)
afterAll(() => fake?.stop())

const columns: Columns = { ID: 'string', TOTAL: 'float', CART: 'json', RECEIVED_AT: 'datetime' }
const received = '2026-11-29T10:00:00.000Z'

goldenRequests({
  name: 'snowflake',
  file: join(import.meta.dirname, 'requests.json'),
  calls: [
    ['the columns of two tables', (engine) => engine.foresee?.(['ORDER_COMPLETED', 'USERS'])],
    ['a new table', (engine) => engine.widen('PRODUCT_VIEWED', { ...columns, GIFT: 'boolean', QUANTITY: 'int' })],
    ['two new columns', (engine) => engine.widen('ORDER_COMPLETED', { TAX: 'float', ITEMS: 'int', COUPON: 'string' })],
    [
      'an order',
      (engine) =>
        engine.load(
          loadOf({
            id: 'load-1',
            table: 'ORDER_COMPLETED',
            columns,
            rows: [
              { ID: 'order-1843', TOTAL: 129.9, CART: '{"n":1}', RECEIVED_AT: received },
              { ID: 'order-1852', RECEIVED_AT: received },
            ],
            merge: 'replace',
          }),
        ),
    ],
    [
      'a user',
      (engine) =>
        engine.load(
          loadOf({
            id: 'load-1',
            table: 'USERS',
            columns: { ID: 'string', PLAN: 'string', RECEIVED_AT: 'datetime', UUID_TS: 'datetime' },
            rows: [{ ID: 'ada', PLAN: 'pro', RECEIVED_AT: received, UUID_TS: received }],
            merge: 'coalesce',
          }),
        ),
    ],
    [
      'a discard',
      (engine) =>
        engine.load(
          loadOf({
            id: 'load-1',
            table: 'RUDDER_DISCARDS',
            columns: { ROW_ID: 'string' },
            rows: [{ ROW_ID: 'order-1843' }],
            merge: 'append',
          }),
        ),
    ],
    [
      'two identities that are one person',
      (engine) =>
        engine.load(
          loadOf({
            id: 'load-1',
            table: 'RUDDER_IDENTITY_MERGE_RULES',
            columns: { MERGE_PROPERTY_1_VALUE: 'string', MERGE_PROPERTY_2_VALUE: 'string' },
            rows: [{ MERGE_PROPERTY_1_VALUE: 'a-1', MERGE_PROPERTY_2_VALUE: 'ada' }],
            merge: 'replace',
          }),
        ),
    ],
  ],
  open: () => open(),
  forget: () => void (fake.seen.length = 0),
  seen: () =>
    fake.seen.map(({ method, path, body }) => ({
      request: `${method} ${path}`,
      body: { ...body, statement: linesOf(body?.['statement']) },
    })),
})
