import { describe, expect, test } from 'vitest'
import { fakeAdmin } from './fake-admin.ts'

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
})
