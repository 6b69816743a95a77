import { resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Files, type IcebergCatalog, missingIceberg, startIceberg } from '../support/real-iceberg.ts'
import { Workerd } from '../support/workerd.ts'

const root = resolve(import.meta.dirname, '../..')
/** Loads orders on a POST, and else gives, takes and deletes objects of the bucket, in base64. */
const worker = {
  contents: `
    import { iceberg } from './src/warehouses/iceberg.ts'
    import { lake } from './src/warehouses/lake.ts'
    import { loadOf } from './test/support/load-of.ts'
    const load = async (env, { settings, binding }) => {
      const engine = lake({ binding, iceberg: iceberg(settings) }).open(env, 'web')
      const columns = { id: 'string', n: 'int', total: 'float', received_at: 'datetime', city: 'string' }
      await engine.widen('orders', columns)
      const orders = (from) => Array.from({ length: 6_000 }, (_, i) =>
        ({ id: 'order-' + (from + i), n: from + i, total: i + 0.5, received_at: '2026-11-29T10:00:00.000Z', city: 'Zürich' }))
      for (let i = 0; i < 2; i++)
        await engine.load(loadOf({ id: 'small-' + i, table: 'orders', columns, rows: [{ id: 'small-' + i, received_at: new Date(i * 86_400_000).toISOString() }], merge: 'replace' }))
      for (const id of ['load-1', 'load-1', 'load-2'])
        await engine.load(loadOf({ id, table: 'orders', columns, rows: orders(id === 'load-1' ? 0 : 6_000), merge: 'replace' }))
    }
    export default {
      async fetch(request, env) {
        const { pathname } = new URL(request.url)
        const key = decodeURIComponent(pathname.slice(1))
        const body = await request.text()
        if (request.method === 'POST')
          return load(env, JSON.parse(body)).then(() => new Response('loaded'), (error) => new Response(error.message, { status: 500 }))
        if (request.method === 'PUT') await env.LAKE.put(key, Buffer.from(body, 'base64'))
        if (request.method === 'DELETE') await env.LAKE.delete(key)
        if (request.method !== 'GET') return new Response('')
        if (key === '') return Response.json((await env.LAKE.list()).objects.map((object) => object.key))
        const object = await env.LAKE.get(key)
        return object === null ? new Response('', { status: 404 }) : new Response(Buffer.from(await object.arrayBuffer()).toString('base64'))
      },
    }`,
  resolveDir: root,
}

describe.skipIf((await missingIceberg()) !== undefined)('a lake with Iceberg tables in workerd', () => {
  let workerd: Workerd
  let catalog: IcebergCatalog
  const path = (key: string) => `/${key.split('/').map(encodeURIComponent).join('/')}`
  const files: Files = {
    get: async (key) => {
      const response = await workerd.fetch(path(key))
      return response.status === 404 ? null : Buffer.from(await response.text(), 'base64')
    },
    put: async (key, bytes) =>
      void (await workerd.fetch(path(key), { method: 'PUT', body: Buffer.from(bytes).toString('base64') })),
    delete: async (key) => void (await workerd.fetch(path(key), { method: 'DELETE' })),
    all: async () => {
      const keys = (await (await workerd.fetch('/')).json()) as string[]
      const found = keys.map(async (key) => [key, (await files.get(key)) ?? new Uint8Array()] as const)
      return new Map(await Promise.all(found))
    },
  }
  const load = async (binding: string) => {
    const body = JSON.stringify({ settings: catalog.settings, binding })
    return (await workerd.fetch('/', { method: 'POST', body })).text()
  }
  beforeAll(async () => {
    const options = { name: 'lake', r2Buckets: ['LAKE', 'OTHER'], compatibilityFlags: ['nodejs_compat'] }
    workerd = await Workerd.start({ stdin: worker }, options)
    catalog = await startIceberg(files)
  })
  afterAll(async () => {
    await catalog?.stop()
    await workerd?.stop()
  })

  test('a binding to another bucket than that of the catalog is refused before a snapshot names a file in it', async () => {
    expect(await load('OTHER')).toMatch(/Iceberg catalog are in the bucket "events", the lake is in another/)
    expect((await catalog.scan('web', 'orders')).snapshots).toEqual([])
  })

  test('what is committed from workerd, PyIceberg and DuckDB read', async () => {
    expect(await load('LAKE')).toBe('loaded')
    const { rows, files: found, manifests } = await catalog.scan('web', 'orders')
    expect([rows.length, found.length, manifests.length]).toEqual([12_002, 4, 4])
    const sums = `SELECT count(DISTINCT id) AS ids, CAST(sum(n) AS VARCHAR) AS n, sum(total) AS total, any_value(city) AS city FROM TABLE`
    expect(await catalog.duckdb('web', 'orders', sums)).toEqual([
      { ids: 12_002, n: '71994000', total: 36_000_000, city: 'Zürich' },
    ])
  })
})

test('Iceberg adds at most 20 KiB to a bundle with a lake, which is 34 KiB without it', async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `export { lake } from './src/warehouses/lake.ts'\nexport { iceberg } from './src/warehouses/iceberg.ts'`,
      resolveDir: root,
    },
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    platform: 'neutral',
    external: ['node:*'],
    mainFields: ['module', 'main'],
    // As wrangler has them.
    conditions: ['workerd', 'worker', 'browser'],
  })
  expect(gzipSync(outputFiles[0]?.contents ?? '').length).toBeLessThan(54 * 1024)
})
