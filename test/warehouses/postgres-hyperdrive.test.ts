import connect from 'postgres'
import { resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { postgres } from '../../src/warehouses/postgres.ts'
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts'
import { Workerd } from '../support/workerd.ts'

/** Loads an order twice, as the loader does when it repeats a load, and reads it. */
const worker = {
  contents: `
    import { postgres } from './src/warehouses/postgres.ts'
    import { loadOf } from './test/support/load-of.ts'
    export default {
      async fetch(_, env) {
        const engine = postgres({ hyperdrive: 'HYPERDRIVE' }).open(env, 'web')
        const columns = { id: 'string', total: 'float', received_at: 'datetime' }
        const rows = [{ id: 'order-1843', total: 129.9, received_at: '2026-11-29T10:00:00.000Z' }]
        await engine.widen('order_completed', columns)
        for (const merge of ['replace', 'replace', 'coalesce'])
          await engine.load(loadOf({ id: 'load-1', table: 'order_completed', columns, rows, merge }))
        const answer = await engine.query('SELECT id, total FROM order_completed')
        await engine.close()
        return Response.json(answer)
      },
    }`,
  resolveDir: resolve(import.meta.dirname, '../..'),
}

describe('postgres() through Hyperdrive', () => {
  let server: RealPostgres
  let workerd: Workerd
  beforeAll(async () => {
    server = await startPostgres()
    workerd = await Workerd.start(
      { stdin: worker },
      { name: 'hyperdrive-test', compatibilityFlags: ['nodejs_compat'], hyperdrives: { HYPERDRIVE: server.url } },
    )
  }, 120_000)
  afterAll(async () => {
    await workerd?.stop()
    await server?.stop()
  })

  test('postgres() loads and reads in workerd through the connection string of a Hyperdrive binding', async () => {
    const response = await workerd.fetch('/')
    expect(await response.json()).toEqual({ columns: ['id', 'total'], rows: [['order-1843', 129.9]], truncated: false })
    const sql = connect(server.url, { max: 1 })
    expect([...(await sql`SELECT id, total FROM web.order_completed`)]).toEqual([{ id: 'order-1843', total: '129.9' }])
    await sql.end()
  })

  test('postgres() says which Hyperdrive binding is missing, and that it takes a url or a binding', () => {
    expect(() => postgres({ hyperdrive: 'ANALYTICS' }).open({}, 'web')).toThrow(
      'There is no Hyperdrive binding "ANALYTICS"; add it to wrangler.toml under [[hyperdrive]]',
    )
    expect(postgres({ hyperdrive: 'ANALYTICS', url: 'postgres://ada:pw@db/shop' } as never).problems).toEqual([
      '"url" is no setting; there are: hyperdrive, schema, schemas',
    ])
  })
})
