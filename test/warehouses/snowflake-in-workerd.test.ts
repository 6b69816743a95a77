import { resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stagingOf, startFakeAccount } from '../support/real-snowflake.ts'
import { Workerd } from '../support/workerd.ts'

const root = resolve(import.meta.dirname, '../..')
/** Loads orders into the account of the request's settings, and answers with the columns of the table. */
const worker = {
  contents: `
    import { snowflake } from './src/warehouses/snowflake.ts'
    import { loadOf } from './test/support/load-of.ts'
    export default {
      async fetch(request) {
        const engine = snowflake(await request.json()).open({}, 'WEB')
        const columns = { ID: 'string', TOTAL: 'float', RECEIVED_AT: 'datetime', CITY: 'string' }
        await engine.widen('ORDERS', columns)
        const rows = Array.from({ length: 20_000 }, (_, i) =>
          ({ ID: 'order-' + i, TOTAL: i + 0.5, RECEIVED_AT: '2026-11-29T10:00:00.000Z', CITY: 'Zürich' }))
        for (const id of ['load-1', 'load-2'])
          await engine.load(loadOf({ id, table: 'ORDERS', columns, rows, merge: 'replace' }))
        return Response.json(await engine.columns('ORDERS'))
      },
    }`,
  resolveDir: root,
}

let account: Awaited<ReturnType<typeof startFakeAccount>>
let workerd: Workerd
beforeAll(async () => {
  account = await startFakeAccount()
  workerd = await Workerd.start({ stdin: worker }, { name: 'snowflake' })
}, 60_000)
afterAll(async () => {
  await workerd?.stop()
  await account?.fake.stop()
})

test('the engine snowflake signs, cuts and sends in workerd what the account takes', async () => {
  const { fake, settings } = account
  const response = await workerd.fetch('/', { method: 'POST', body: JSON.stringify(settings) })
  expect(await response.json()).toEqual({ ID: 'string', TOTAL: 'float', RECEIVED_AT: 'datetime', CITY: 'string' })
  expect(fake.ran.filter((sql) => sql.startsWith('MERGE'))).toHaveLength(4)
  expect(await fake.query('SELECT COUNT(*), SUM(TOTAL), MIN(CITY) FROM "ANALYTICS"."WEB"."ORDERS"')).toEqual([
    ['20000', '200000000', 'Zürich'],
  ])
})

test('the engine snowflake with a stage compresses and sends in workerd what the account takes', async () => {
  const { fake, settings } = account
  await fake.query('DELETE FROM "ANALYTICS"."WEB"."ORDERS"')
  fake.ran.length = 0
  const body = JSON.stringify({ ...settings, staging: stagingOf(fake) })
  const response = await workerd.fetch('/', { method: 'POST', body })
  expect(response.status).toBe(200)
  expect(fake.ran.filter((sql) => sql.startsWith('MERGE'))).toEqual([
    expect.stringContaining('FROM @"ANALYTICS"."PUBLIC"'),
    expect.stringContaining('FROM @"ANALYTICS"."PUBLIC"'),
  ])
  expect(await fake.query('SELECT COUNT(*), SUM(TOTAL), MIN(CITY) FROM "ANALYTICS"."WEB"."ORDERS"')).toEqual([
    ['20000', '200000000', 'Zürich'],
  ])
})
