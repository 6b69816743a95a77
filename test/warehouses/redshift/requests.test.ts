// The exact requests of the engine; requests.json is to be reviewed.
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { redshift } from '../../../src/warehouses/redshift.ts'
import { type FakeRedshift, startRedshift } from '../../support/fake-redshift.ts'
import { bucketRequests, calls, gatheredOrders, goldenRequests, textsIn } from '../golden-requests.ts'

let fake: FakeRedshift
beforeAll(async () => {
  fake = await startRedshift('analytical engine')
}, 60_000)
afterAll(() => fake?.stop())

/** Rows that were in the bucket when a statement was carried out. */
const staged: string[] = []

goldenRequests({
  name: 'redshift',
  file: join(import.meta.dirname, 'requests.json'),
  calls: [
    ...calls,
    ['when users were received', (engine) => engine.receivedAt?.('users', ['ada', 'bob'])],
    gatheredOrders,
  ],
  open: () =>
    redshift({
      region: 'eu-central-1',
      cluster: 'analytics',
      dbUser: 'loader',
      database: 'dev',
      bucket: 'analytics-staging',
      bucketRegion: 'eu-west-1',
      prefix: 'rows',
      iamRole: 'arn:aws:iam::123456789012:role/analytics-reads-rows',
      accessKeyId: 'AKIAADA',
      secretAccessKey: 'analytical engine',
      dataEndpoint: fake.endpoint,
      s3Endpoint: fake.s3.endpoint,
      allowPrivate: true,
    }).open({}, 'web'),
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
    data: fake.requests.map(({ action, body }) => {
      expect(body['ClientToken'] ?? '0').toMatch(/^[0-9a-f-]+$/)
      const { ClientToken: _, Id: __, ...rest } = body
      return { action, ...rest }
    }),
    s3: bucketRequests(fake.s3.answers),
    rows: staged,
  }),
})
