import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LoaderStatus } from '../../src/core/bindings.ts'
import { type LakeReader, objectsIn, readLake } from '../support/real-lake.ts'
import { type S3Server, startS3 } from '../support/s3-server.ts'
import { plainOrder } from '../support/sample-events.ts'
import { Server } from '../support/server.ts'
import { until } from '../support/until.ts'

const secret = 'secret-key-of-Ada'
let store: S3Server
let server: Server
let reader: LakeReader

beforeAll(async () => {
  store = await startS3(secret)
  reader = await readLake(objectsIn(store))
  const vars = { SINK_URL: store.endpoint, WEBHOOK_SECRET: secret }
  server = await Server.start({ config: 'lake.config.ts', vars })
}, 120_000)

afterAll(async () => {
  await server?.stop()
  reader?.stop()
  await store?.stop()
})

const loaderOf = async (warehouse: string): Promise<LoaderStatus> => {
  const { warehouses } = await server.admin<{ warehouses: LoaderStatus[] }>('/warehouses')
  return warehouses.find((one) => one.warehouse === warehouse) as LoaderStatus
}

test('a store that takes no key shows in the health without the key, and every event is in the lake once it does', async () => {
  store.refuse = () => ({ status: 403, body: '<Error><Code>AccessDenied</Code></Error>' })
  const ids = Array.from({ length: 40 }, (_, i) => `order-${i}`)
  for (const id of ids) await server.post('/v1/track', plainOrder(id))
  await until('the load fails', async () => (await loaderOf('store')).failure !== undefined)
  const status = await loaderOf('store')
  expect(status).toMatchObject({ state: 'failing', failure: { lasting: true } })
  expect(status.failure?.reason).toMatch(/403 AccessDenied.*must be allowed to list "events"/)
  store.refuse = undefined
  await until('the lake has all', async () => {
    await fetch(`${server.url}/admin/warehouses/store/load`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminToken}` },
    })
    return (await loaderOf('store')).stagedFiles === 0 && (await reader.tables()).includes('tracks')
  })
  await until('every event is there', async () => (await reader.rows('tracks')).length === ids.length)
  const rows = await reader.query('SELECT id FROM order_completed ORDER BY id', 'order_completed')
  expect(rows.map(({ id }) => id)).toEqual(ids.toSorted())
  expect(server.stderr + JSON.stringify(status)).not.toContain(secret)
})

test('a lake in the bucket that is bound loads as well', async () => {
  await until('all is loaded', async () => {
    const { stagedFiles, tables } = await loaderOf('bound')
    return stagedFiles === 0 && tables['order_completed'] !== undefined
  })
  expect((await loaderOf('bound')).failure).toBeUndefined()
})
