// The exact requests of the engine; requests.json is to be reviewed.
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { databricks } from '../../../src/warehouses/databricks.ts'
import { accessToken, type FakeDatabricks, startDatabricks, warehouseId } from '../../support/fake-databricks.ts'
import { calls, goldenRequests, linesOf } from '../golden-requests.ts'

let fake: FakeDatabricks
beforeAll(async () => {
  fake = await startDatabricks()
}, 60_000)
afterAll(() => fake?.stop())

goldenRequests({
  name: 'databricks',
  file: join(import.meta.dirname, 'requests.json'),
  calls,
  open: () =>
    databricks({
      url: fake.url,
      warehouseId,
      catalog: 'analytics',
      token: accessToken,
      replaceWithinDays: 30,
      allowPrivate: true,
    }).open({}, 'web'),
  forget: () => void (fake.requests.length = 0),
  seen: () =>
    fake.requests.map(({ asked, body: { statement, ...body } }) => ({ asked, statement: linesOf(statement), ...body })),
})
