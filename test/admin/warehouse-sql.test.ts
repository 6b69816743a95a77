import { describe, expect, test } from 'vitest'
import { SluicewayError } from '../../src/core/errors.ts'
import { fakeAdmin } from './fake-admin.ts'

const asked = `/warehouses/tables/sql?q=${encodeURIComponent('SELECT 1 AS n')}`
const answer = { columns: ['n'], rows: [[1]], truncated: false }

describe('SQL through the admin API', () => {
  test('SQL through the admin API is off unless the config turns it on', async () => {
    const { status, body } = await fakeAdmin().call(asked)
    expect([status, body.message]).toEqual([404, 'SQL is off for tables: turn it on with `sql: true` in the config.'])
  })

  test('SQL through the admin API answers with columns and rows, and is noted with who asked what', async () => {
    const statements: string[] = []
    const admin = fakeAdmin({ query: async (sql) => (statements.push(sql), answer) })
    const { status, body } = await admin.call(asked)
    expect([status, body]).toEqual([200, { success: true, ...answer }])
    expect(statements).toEqual(['SELECT 1 AS n'])
    const { body: noted } = await admin.call('/actions')
    expect(noted.actions).toMatchObject([
      { by: 'admin', action: 'GET /admin/warehouses/tables/sql', status: 200, about: '{"q":"SELECT 1 AS n"}' },
    ])
  })

  test('SQL through the admin API needs the admin token', async () => {
    const admin = fakeAdmin({ query: async () => answer })
    expect((await admin.call(asked, { bearer: null })).status).toBe(401)
  })

  test('SQL through the admin API says what was wrong with a statement, and notes it too', async () => {
    const admin = fakeAdmin({
      query: () => Promise.reject(new SluicewayError('bad_request', 'The query is refused: There may be one only.')),
    })
    expect(await admin.call(asked)).toMatchObject({ status: 400, body: { code: 'bad_request' } })
    expect((await admin.call('/actions')).body.actions).toMatchObject([{ status: 400 }])
  })

  test('SQL through the admin API takes a statement, a source that there is, and a warehouse that there is', async () => {
    const admin = fakeAdmin({ query: async () => answer })
    expect((await admin.call('/warehouses/tables/sql')).body.message).toBe('q: must be the statement')
    expect((await admin.call(`${asked}&source=shop`)).status).toBe(200)
    expect((await admin.call(`${asked}&source=shpo`)).status).toBe(400)
    expect((await admin.call('/warehouses/webhook/sql?q=x')).status).toBe(404)
  })
})
