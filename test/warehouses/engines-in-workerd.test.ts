import { resolve } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { startClickHouseWarehouse } from '../support/real-clickhouse.ts'
import { startDatabricksWarehouse } from '../support/real-databricks.ts'
import { startRedshiftWarehouse } from '../support/real-redshift.ts'
import { Workerd } from '../support/workerd.ts'

const root = resolve(import.meta.dirname, '../..')
const stops: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const stop of stops.toReversed()) await stop()
})

/** Loads orders into the account of the request's settings, twice, and answers with the columns of the table. */
const workerOf = (engine: string) => ({
  contents: `
    import { ${engine} } from './src/warehouses/${engine}.ts'
    import { loadOf } from './test/support/load-of.ts'
    export default {
      async fetch(request) {
        const settings = await request.json()
        const engine = ${engine}(settings).open({}, settings.schema)
        const columns = { id: 'string', total: 'float', received_at: 'datetime', city: 'string' }
        await engine.widen('orders', columns)
        const rows = Array.from({ length: 20_000 }, (_, i) =>
          ({ id: 'order-' + i, total: i + 0.5, received_at: '2026-11-29T10:00:00.000Z', city: 'Zürich' }))
        for (const id of ['load-1', 'load-2'])
          await engine.load(loadOf({ id, table: 'orders', columns, rows, merge: 'replace' }))
        const gathering = engine.gather?.('gather-1')
        for (const n of [0, 1, 2, 3])
          await gathering?.stage([loadOf({ id: 'load-' + n, table: 'orders', columns, rows: rows.slice(n * 5_000, (n + 1) * 5_000), merge: 'replace' })])
        await gathering?.merge()
        await gathering?.drop()
        return Response.json(await engine.columns('orders'))
      },
    }`,
  resolveDir: root,
})

async function startClickHouse() {
  const warehouse = await startClickHouseWarehouse()
  const { url, user, password, database } = warehouse
  return { ...warehouse, settings: { url, user, password, database, schema: database, allowPrivate: true } }
}

test.each([
  ['clickhouse', '', startClickHouse],
  ['redshift', '', startRedshiftWarehouse],
  ['databricks', '', () => startDatabricksWarehouse()],
  ['databricks', ' with a bucket', () => startDatabricksWarehouse('bucket')],
] as const)(
  'the engine %s%s signs, compresses and sends in workerd what the account takes',
  async (engine, _, start) => {
    const warehouse = await start()
    stops.push(warehouse.stop)
    const workerd = await Workerd.start({ stdin: workerOf(engine) }, { name: engine })
    stops.push(() => workerd.stop())
    const response = await workerd.fetch('/', { method: 'POST', body: JSON.stringify(warehouse.settings) })
    expect(await response.json()).toEqual({
      id: 'string',
      total: 'float',
      received_at: 'datetime',
      city: 'string',
    })
    expect(await warehouse.count('orders')).toBe(20_000)
    const [first] = await warehouse.rows('orders')
    expect(first).toMatchObject({ id: 'order-0', total: 0.5, city: 'Zürich', received_at: '2026-11-29T10:00:00.000Z' })
  },
  120_000,
)
