// The exact requests of the engine where rows go by a stage; staged-requests.json is to be reviewed.
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import type { Columns, Engine } from '../../../src/core/warehouse.ts'
import { snowflake } from '../../../src/warehouses/snowflake.ts'
import type { FakeSnowflake } from '../../support/fake-snowflake.ts'
import { loadOf } from '../../support/load-of.ts'
import { stagingOf, startFakeAccount } from '../../support/real-snowflake.ts'
import { bucketRequests, gathered, goldenRequests, linesOf, textsIn } from '../golden-requests.ts'

let fake: FakeSnowflake
let open: () => Engine
beforeAll(async () => {
  const account = await startFakeAccount()
  fake = account.fake
  open = () => snowflake({ ...account.settings, staging: stagingOf(fake) }).open({}, 'WEB')
  await open().widen('ORDER_COMPLETED', { ID: 'string', TOTAL: 'float', RECEIVED_AT: 'datetime', COUPON: 'string' })
}, 60_000)
afterAll(() => fake?.stop())

const columns: Columns = { ID: 'string', RECEIVED_AT: 'datetime' }
const row = { ID: 'order-1843', RECEIVED_AT: '2026-11-29T10:00:00.000Z' }
const load = { id: 'load-1', table: 'ORDER_COMPLETED', columns, rows: [row], merge: 'replace' } as const

/** Rows that were in the bucket when a statement came. */
const staged: string[] = []

goldenRequests({
  name: 'snowflake with a stage',
  file: join(import.meta.dirname, 'staged-requests.json'),
  calls: [
    ['an order', (engine) => engine.load(loadOf(load))],
    gathered([
      loadOf(load),
      loadOf({
        ...load,
        id: 'load-2',
        columns: { ...columns, TOTAL: 'float' },
        rows: [{ ...row, ID: 'order-1852', TOTAL: 39.95 }],
      }),
    ]),
  ],
  open: () => open(),
  forget: () => {
    fake.seen.length = 0
    fake.s3.answers.length = 0
    staged.length = 0
    fake.fault = () => {
      staged.push(...textsIn(fake.s3.stored))
      return undefined
    }
  },
  seen: () => ({
    statements: fake.seen
      .map(({ body }) => ({ ...body, statement: linesOf(body?.['statement']) }))
      .filter(({ statement }) => statement[0]?.startsWith('MERGE')),
    s3: bucketRequests(fake.s3.answers),
    rows: staged,
  }),
})
