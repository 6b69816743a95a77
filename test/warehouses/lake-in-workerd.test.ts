import { resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readLake, type LakeReader } from '../support/real-lake.ts'
import { Workerd } from '../support/workerd.ts'

const root = resolve(import.meta.dirname, '../..')
/** Loads orders and answers with all objects, in base64. */
const worker = {
  contents: `
    import { lake } from './src/warehouses/lake.ts'
    import { loadOf } from './test/support/load-of.ts'
    export default {
      async fetch(_, env) {
        const engine = lake({ binding: 'LAKE' }).open(env, '')
        const columns = { id: 'string', n: 'int', total: 'float', gift: 'boolean', received_at: 'datetime', city: 'string' }
        await engine.widen('orders', columns)
        const rows = Array.from({ length: 12_000 }, (_, i) =>
          ({ id: 'order-' + i, n: i, total: i + 0.5, gift: i % 2 === 0, received_at: '2026-11-29T10:00:00.000Z', city: 'Zürich' }))
        for (const id of ['load-1', 'load-2'])
          await engine.load(loadOf({ id, table: 'orders', columns, rows, merge: 'replace' }))
        const objects = {}
        for (const { key } of (await env.LAKE.list()).objects)
          objects[key] = Buffer.from(await (await env.LAKE.get(key)).arrayBuffer()).toString('base64')
        return Response.json(objects)
      },
    }`,
  resolveDir: root,
}

let workerd: Workerd
let reader: LakeReader
beforeAll(async () => {
  const options = { name: 'lake', r2Buckets: ['LAKE'], compatibilityFlags: ['nodejs_compat'] }
  workerd = await Workerd.start({ stdin: worker }, options)
})
afterAll(async () => {
  reader?.stop()
  await workerd.stop()
})

test('a lake writes in workerd what DuckDB reads, several row groups and two writes of one manifest included', async () => {
  const response = await workerd.fetch('/')
  const objects = new Map(
    Object.entries((await response.json()) as Record<string, string>).map(([key, text]): [string, Uint8Array] => [
      key,
      Buffer.from(text, 'base64'),
    ]),
  )
  reader = await readLake(async (below) => new Map([...objects].filter(([key]) => key.startsWith(below))))
  expect(
    await reader.query(
      `SELECT count(*) AS rows, sum(n) AS n, sum(total) AS total, count(*) FILTER (gift) AS gifts, any_value(city) AS city FROM orders`,
      'orders',
    ),
  ).toEqual([{ rows: '12000', n: '71994000', total: 72_000_000, gifts: '6000', city: 'Zürich' }])
  const file = [...objects.keys()].find((key) => key.endsWith('.parquet')) ?? ''
  expect(
    await reader.query(
      `SELECT count(DISTINCT row_group_id) AS groups FROM parquet_metadata('${reader.folder('orders')}/${file.split('/').slice(2).join('/')}')`,
    ),
  ).toEqual([{ groups: '3' }])
})

test('the lake adds at most 34 KiB to a bundle, what it shares with others included', async () => {
  const { outputFiles } = await build({
    entryPoints: [resolve(root, 'src/warehouses/lake.ts')],
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
  expect(gzipSync(outputFiles[0]?.contents ?? '').length).toBeLessThan(34 * 1024)
})
