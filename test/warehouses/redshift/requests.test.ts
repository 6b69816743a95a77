// The exact requests of the engine; requests.json is to be reviewed.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Columns, Engine } from '../../../src/core/warehouse.ts'
import { redshift } from '../../../src/warehouses/redshift.ts'
import { type FakeRedshift, startRedshift } from '../../support/fake-redshift.ts'
import { loadOf } from '../../support/load-of.ts'

const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'requests.json'), 'utf8')) as Record<string, unknown>
let fake: FakeRedshift
beforeAll(async () => {
  fake = await startRedshift('analytical engine')
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
  'the engine redshift sends for %s what the golden requests say',
  async (call, run) => {
    fake.requests.length = 0
    fake.s3.answers.length = 0
    const staged: string[] = []
    fake.cut = () => {
      staged.push(...Array.from(fake.s3.stored.values(), (bytes) => gunzipSync(bytes).toString()))
      return false
    }
    await run(open())
    const seen = {
      data: fake.requests.map(({ action, body }) => {
        expect(body['ClientToken'] ?? '0').toMatch(/^[0-9a-f-]+$/)
        const { ClientToken: _, Id: __, ...rest } = body
        return { action, ...rest }
      }),
      s3: [...fake.s3.answers],
      rows: staged,
    }
    expect(seen).toEqual(golden[call])
  },
)
