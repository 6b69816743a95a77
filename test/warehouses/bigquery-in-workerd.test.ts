import { resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FakeBigQuery, startFakeBigQuery } from '../support/fake-bigquery.ts'
import { Workerd } from '../support/workerd.ts'

const root = resolve(import.meta.dirname, '../..')
/** Loads orders into several tables at once, twice, and gathers many more; answers with how that ended. */
const worker = (settings: object) => ({
  contents: `
    import { bigquery } from './src/warehouses/bigquery.ts'
    import { loadOf } from './test/support/load-of.ts'
    const use = bigquery(${JSON.stringify(settings)})
    export default {
      async fetch() {
        const engine = use.open({}, 'web')
        const columns = { id: 'string', total: 'float', gift: 'boolean', received_at: 'datetime', city: 'string' }
        const tables = ['orders', 'refunds', 'visits']
        for (const table of [...tables, 'clicks', 'searches']) await engine.widen(table, columns)
        const rows = Array.from({ length: 2_000 }, (_, i) =>
          ({ id: 'order-' + i, total: i + 0.5, gift: i % 2 === 0, received_at: '2026-11-29T10:00:00.000Z', city: 'Zürich' }))
        for (const id of ['load-1', 'load-1', 'load-2'])
          await engine.loadTogether(tables.map((table) => loadOf({ id, table, columns, rows, merge: 'replace' })))
        const gathering = engine.gather(crypto.randomUUID())
        for (const slice of [1, 2, 3, 4, 5]) {
          const more = rows.map((row) => ({ ...row, id: slice + '-' + row.id }))
          await gathering.stage(['clicks', 'searches'].map((table) => loadOf({ id: 'load-' + slice, table, columns, rows: more, merge: 'replace' })))
        }
        await gathering.merge()
        await gathering.drop()
        return Response.json(use.problems)
      },
    }`,
  resolveDir: root,
})

let fake: FakeBigQuery
let workerd: Workerd
beforeAll(async () => {
  fake = await startFakeBigQuery()
  const settings = { credentials: fake.credentials, endpoint: fake.url, allowPrivate: true }
  workerd = await Workerd.start(
    { stdin: worker(settings) },
    { name: 'bigquery', compatibilityFlags: ['nodejs_compat'] },
  )
})
afterAll(async () => {
  await workerd?.stop()
  await fake?.stop()
})

const totals = (table: string) =>
  fake.query(
    `SELECT COUNT(*) AS n, SUM(total) AS total, COUNT(DISTINCT id) AS ids, MAX(city) AS city FROM \`acme-analytics.web.${table}\` WHERE gift`,
  )

test('in workerd the engine bigquery signs, uploads and merges, and a token of one invocation serves the next', async () => {
  for (const _ of [1, 2]) expect(await (await workerd.fetch('/')).json()).toEqual([])
  for (const table of ['orders', 'refunds', 'visits'])
    expect(await totals(table)).toEqual([['1000', '999500', '1000', 'Zürich']])
  for (const table of ['clicks', 'searches'])
    expect(await totals(table)).toEqual([['5000', '4997500', '5000', 'Zürich']])
  // Each upload has pieces beside its last one.
  const pieces = fake.requests.filter(({ range = '*', piece }) => piece !== undefined && range.endsWith('/*'))
  expect(new Set(pieces.map(({ path }) => path)).size).toBe(4)
  expect(pieces.length).toBeGreaterThan(8)
  expect(fake.tokens()).toBe(1)
}, 30_000)
