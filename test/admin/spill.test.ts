import { expect, test } from 'vitest'
import { spill } from '../../src/spill/spill.ts'
import { packedOrder } from '../support/sample-events.ts'
import { fakeAdmin, now } from './fake-admin.ts'

const at = (context: ReturnType<typeof fakeAdmin>['context'], ms: number, uuid: string) => ({
  ...context,
  port: { ...context.port, now: () => ms, uuid: () => uuid },
})

test('what waits in R2 is counted, with the age of the oldest and the first keys', async () => {
  const { call, context, bucket } = fakeAdmin()
  for (let i = 0; i < 12; i++)
    await spill(
      { kind: 'events', packed: [packedOrder(`order-${i}`), packedOrder(`more-${i}`)] },
      at(context, now - 90_000, `${i}`),
    )
  await bucket.put('spill-stuck/2026-11-22T09:00:00.000Z-0', new Uint8Array(7))
  const { status, body } = await call('/spill')
  expect(status).toBe(200)
  expect(body).toMatchObject({
    objects: 12,
    events: 24,
    oldestSeconds: 90,
    more: false,
    stuck: { objects: 1, bytes: 7, oldestSeconds: 3_601, keys: ['spill-stuck/2026-11-22T09:00:00.000Z-0'] },
  })
  expect(body.bytes).toBeGreaterThan(12 * 100)
  expect(body.keys).toHaveLength(10)
  expect(body.keys[0]).toBe('spill/2026-11-22T09:58:31.000Z-0')
})

test('more spilled objects than a page holds are all counted', async () => {
  const { call, context, bucket } = fakeAdmin()
  bucket.pageSize = 5
  for (let i = 0; i < 12; i++)
    await spill({ kind: 'events', packed: [packedOrder(`order-${i}`)] }, at(context, now, `${i}`))
  expect((await call('/spill')).body).toMatchObject({ objects: 12, events: 12, more: false })
})

test('the spill is empty most of the time, and GET /admin/spill says so', async () => {
  expect((await fakeAdmin().call('/spill')).body).toMatchObject({ objects: 0, keys: [], stuck: { objects: 0 } })
})

test('GET /admin/spill answers nobody who does not bring the token', async () => {
  expect((await fakeAdmin().call('/spill', { bearer: null })).status).toBe(401)
})

test('a sweep stores what was spilled', async () => {
  const { post, context, bucket, accepted } = fakeAdmin()
  await spill({ kind: 'events', packed: [packedOrder('order-1'), packedOrder('order-2')] }, at(context, now, '0'))
  const { body } = await post('/sweep')
  expect(body).toMatchObject({ failures: [], spill: { objects: 1, events: 2, setAside: [], left: false } })
  expect(accepted().map(({ id }) => id)).toEqual(['order-1', 'order-2'])
  expect(bucket.keys).toEqual([])
})

test('a sweep that finds R2 unavailable says so, and wakes the lanes all the same', async () => {
  const admin = fakeAdmin({ broken: ['bucket'] })
  const { body } = await admin.post('/sweep')
  expect(body.failures).toEqual(['spill: the object is unavailable'])
  expect(body.lanes).toHaveLength(3)
  expect(admin.lane('webhook:0').poked).toBe(1)
})
