import { describe, expect, test } from 'vitest'
import type { Sync, WaitingTable } from '../../src/core/sync.ts'
import { fakeAdmin, now } from './fake-admin.ts'

describe('warehouses', () => {
  test('warehouses are listed with what is staged', async () => {
    const { body } = await fakeAdmin().call('/warehouses')
    expect(body.warehouses).toMatchObject([{ warehouse: 'tables', stagedFiles: 2, stagedEvents: 40 }])
  })

  test('warehouses are loaded when somebody asks for it', async () => {
    const { status, body } = await fakeAdmin().post('/warehouses/tables/load')
    expect([status, body]).toEqual([200, { success: true, report: { files: 2, events: 40, rows: 80, discards: 0 } }])
  })

  test('warehouses whose load stops in the middle say so', async () => {
    const { status, body } = await fakeAdmin({ load: { error: 'the database is full' } }).post(
      '/warehouses/tables/load',
    )
    expect([status, body.code]).toEqual([502, 'warehouse_failed'])
    expect(body.message).toContain('the database is full')
    expect(body.report.rows).toBe(80)
  })

  test('a destination is not loaded as a warehouse is', async () => {
    expect((await fakeAdmin().post('/warehouses/webhook/load')).status).toBe(404)
    expect((await fakeAdmin().post('/warehouses/none/load')).status).toBe(404)
  })

  test('warehouses whose loader does not answer are named', async () => {
    const admin = fakeAdmin({ broken: ['loader'] })
    expect((await admin.call('/warehouses')).body).toMatchObject({
      code: 'stream_unavailable',
      message: 'Nothing can be told: loader tables does not answer: the object is unavailable',
    })
    expect((await admin.post('/warehouses/tables/load')).status).toBe(502)
  })

  const refusing: WaitingTable = {
    table: 'web.order_completed',
    reason: 'permission denied for table order_completed',
    since: now - 600_000,
    tries: 3,
    files: 2,
    events: 12,
    blocked: true,
    nextAttemptAt: now + 60_000,
  }

  test('a warehouse is told by itself, with its schedule and the tables that refuse rows', async () => {
    const schedule = { everyMinutes: 60, syncStartAt: '02:30', nextSyncAt: now + 1_000 }
    const admin = fakeAdmin({ loader: { schedule, waitingTables: [refusing] } })
    const { status, body } = await admin.call('/warehouses/tables')
    expect(status).toBe(200)
    expect(body.warehouse).toMatchObject({ warehouse: 'tables', schedule, waitingTables: [refusing] })
    expect((await admin.call('/warehouses/none')).body).toMatchObject({ code: 'not_found' })
    expect((await admin.call('/warehouses/webhook')).status).toBe(404)
  })

  test('syncs of a warehouse are listed in pages', async () => {
    const sync = (number: number): Sync => ({
      number,
      state: 'done',
      startedAt: now,
      ms: 20,
      files: 1,
      events: 2,
      rows: 4,
      discards: 0,
    })
    const admin = fakeAdmin({ syncs: [3, 2, 1].map(sync) })
    expect((await admin.call('/warehouses/tables/syncs?limit=2')).body.syncs).toEqual([sync(3), sync(2)])
    expect((await admin.call('/warehouses/tables/syncs?before=2')).body.syncs).toEqual([sync(1)])
    expect((await admin.call('/warehouses/tables/syncs?limit=101')).body.message).toMatch('from 1 to 100')
    expect((await admin.call('/warehouses/none/syncs')).status).toBe(404)
  })

  test('rows that wait for a table are loaded when somebody asks for it, of one table or of all', async () => {
    const admin = fakeAdmin({ loader: { waitingTables: [refusing] } })
    expect((await admin.post('/warehouses/tables/retry')).body).toMatchObject({ success: true })
    expect((await admin.post('/warehouses/tables/retry', { table: 'web.order_completed' })).status).toBe(200)
    // What a client sends that has nothing to say.
    expect((await admin.call('/warehouses/tables/retry', { method: 'POST', body: '' })).status).toBe(200)
    expect(admin.loads).toEqual([{ retry: {} }, { retry: { table: 'web.order_completed' } }, { retry: {} }])
    expect((await admin.post('/warehouses/tables/retry', { table: 'tracks' })).body).toMatchObject({
      code: 'not_found',
      message: 'No rows wait for a table "tracks" of tables; some wait for "web.order_completed".',
    })
    expect((await admin.post('/warehouses/tables/retry', { tabel: 'tracks' })).status).toBe(400)
    expect((await admin.post('/warehouses/webhook/retry')).status).toBe(404)
  })
})
