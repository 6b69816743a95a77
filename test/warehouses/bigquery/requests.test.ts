// The exact requests of the engine; requests.json is to be reviewed. Texts that differ from run to run stand as <…>.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Columns, Engine } from '../../../src/core/warehouse.ts'
import { bigquery } from '../../../src/warehouses/bigquery.ts'
import { type FakeBigQuery, startFakeBigQuery } from '../../support/fake-bigquery.ts'
import { loadOf, type RecordLoad } from '../../support/load-of.ts'

const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'requests.json'), 'utf8')) as {
  readonly [call: string]: unknown
}
let fake: FakeBigQuery
beforeAll(async () => {
  fake = await startFakeBigQuery()
})
afterAll(() => fake?.stop())

const columns: Columns = {
  id: 'string',
  event: 'string',
  total: 'float',
  quantity: 'int',
  gift: 'boolean',
  received_at: 'datetime',
  uuid_ts: 'datetime',
}
const row = {
  id: 'order-1843',
  event: 'order_completed',
  total: 129.9,
  quantity: 2,
  gift: true,
  received_at: '2026-11-29T10:00:00.000Z',
}
const load: RecordLoad = { id: 'load-1', table: 'order_completed', columns, rows: [row], merge: 'replace' }
const users: Columns = { id: 'string', plan: 'string', received_at: 'datetime', _sluiceway_more: 'json' }
const ada = { id: 'ada', plan: 'pro', received_at: '2026-11-29T10:00:00.000Z', _sluiceway_more: '{"shoe_size":38}' }
const discard = { table_name: 'order_completed', row_id: 'order-1843' }

/** What differs from run to run. */
const steady = (requests: unknown): unknown => {
  const names = new Map<string, string>()
  const text = JSON.stringify(requests)
    .replaceAll(/"expirationTime":"\d+"/g, '"expirationTime":"<in a day>"')
    .replaceAll(/"requestId":"[\w-]+"/g, '"requestId":"<random>"')
    .replaceAll(/x{1000,}/g, '<many x>')
    .replaceAll(/_stage_[0-9a-f]{32}/g, (name) => {
      names.set(name, names.get(name) ?? `_stage_<hash ${names.size + 1}>`)
      return names.get(name) as string
    })
  return JSON.parse(text)
}

test.each([
  ['a new table', (engine) => engine.widen('order_completed', columns)],
  ['a new column', (engine) => engine.widen('order_completed', { coupon: 'string' })],
  ['the columns of a table', (engine) => engine.columns('order_completed')],
  ['new rows', (engine) => engine.load(loadOf(load))],
  [
    'an event that comes again',
    (engine) => engine.load(loadOf({ ...load, id: 'load-2', rows: [{ ...row, total: 99 }] })),
  ],
  ['a fraction in a column of integers', (engine) => engine.retype?.('order_completed', { quantity: 'float' })],
  [
    'a user',
    async (engine) => {
      await engine.widen('users', users)
      await engine.load(loadOf({ id: 'load-1', table: 'users', columns: users, rows: [ada], merge: 'coalesce' }))
    },
  ],
  [
    'a discard',
    async (engine) => {
      const own: Columns = { table_name: 'string', row_id: 'string' }
      await engine.widen('rudder_discards', own)
      await engine.load(
        loadOf({ id: 'load-1', table: 'rudder_discards', columns: own, rows: [discard], merge: 'append' }),
      )
    },
  ],
  [
    'loads that are gathered, of which the first fills a piece',
    async (engine) => {
      const gathering = engine.gather?.('gather-1')
      const long = { ...row, id: 'order-1844', event: 'x'.repeat(262_144) }
      await gathering?.stage([loadOf({ ...load, id: 'load-3', rows: [long] })])
      await gathering?.stage([loadOf({ ...load, id: 'load-4', rows: [{ ...row, id: 'order-1845' }] })])
      await gathering?.merge()
      await gathering?.drop()
    },
  ],
  [
    'loads that are gathered, and are few',
    async (engine) => {
      const gathering = engine.gather?.('gather-2')
      await gathering?.stage([loadOf({ ...load, id: 'load-5', rows: [{ ...row, id: 'order-1846' }] })])
      await gathering?.stage([loadOf({ ...load, id: 'load-6', rows: [{ ...row, id: 'order-1847' }] })])
      await gathering?.merge()
      await gathering?.drop()
    },
  ],
  ['a probe', (engine) => engine.probe()],
] as const satisfies readonly (readonly [string, (engine: Engine) => Promise<unknown> | undefined])[])(
  'the engine bigquery sends for %s what the golden requests say',
  async (call, run) => {
    const { credentials, url: endpoint } = fake
    const use = bigquery({ credentials, endpoint, allowPrivate: true, location: 'EU', replaceWithinDays: 30 })
    fake.requests.length = 0
    await run(use.open({}, 'web'))
    expect(steady(fake.requests)).toEqual(golden[call])
  },
)
