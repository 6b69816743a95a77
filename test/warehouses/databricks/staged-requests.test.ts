// The exact requests of the engine where rows go through a bucket; staged-requests.json is to be reviewed.
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import type { Engine } from '../../../src/core/warehouse.ts'
import { databricks } from '../../../src/warehouses/databricks.ts'
import { accessToken, type FakeDatabricks, startDatabricks, warehouseId } from '../../support/fake-databricks.ts'
import { stagingOf } from '../../support/real-databricks.ts'
import { bucketRequests, calls, gatheredOrders, goldenRequests, linesOf, textsIn } from '../golden-requests.ts'

let fake: FakeDatabricks
beforeAll(async () => {
  fake = await startDatabricks()
  for (const [name, run] of calls) if (name.includes(' table')) await run(open())
}, 60_000)
afterAll(() => fake?.stop())

const open = (): Engine =>
  databricks({
    url: fake.url,
    warehouseId,
    catalog: 'analytics',
    token: accessToken,
    replaceWithinDays: 30,
    allowPrivate: true,
    staging: { ...stagingOf(fake), prefix: 'rows' },
  }).open({}, 'web')

/** Rows that were in the bucket when a statement was carried out. */
const staged: string[] = []

goldenRequests({
  name: 'databricks with a bucket',
  file: join(import.meta.dirname, 'staged-requests.json'),
  calls: [...calls.filter(([name]) => ['an event', 'a user'].includes(name)), gatheredOrders],
  open: () => open(),
  forget: () => {
    fake.requests.length = 0
    fake.s3.answers.length = 0
    staged.length = 0
    fake.cut = () => {
      staged.push(...textsIn(fake.s3.stored))
      return false
    }
  },
  seen: () => ({
    statements: fake.requests
      .filter(({ body }) => String(body['statement']).startsWith('MERGE'))
      .map(({ asked, body: { statement, ...body } }) => ({ asked, statement: linesOf(statement), ...body })),
    s3: bucketRequests(fake.s3.answers),
    rows: staged,
  }),
})
