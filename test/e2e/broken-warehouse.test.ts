import connect from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Deletion, LaneTrace, LoaderStatus, LoadReport } from '../../src/core/bindings.ts'
import type { DeadLetter } from '../../src/core/dead-letter.ts'
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts'
import { plainOrder } from '../support/sample-events.ts'
import { basic, Server } from '../support/server.ts'
import { d1Tables, postgresTables, type Tables } from '../support/tables.ts'
import { until } from '../support/until.ts'

let database: RealPostgres
let server: Server
let tables: Readonly<Record<'tables' | 'analytics', Tables>>
let sql: ReturnType<typeof connect>
let isDown = false

beforeAll(async () => {
  database = await startPostgres()
  sql = connect(database.url, { max: 1, onnotice: () => {} })
  await sql.unsafe(`CREATE ROLE loader LOGIN PASSWORD 'rotated yesterday'`)
  const url = new URL(database.url)
  url.username = 'loader'
  url.password = 'the old one'
  server = await Server.start({ config: 'broken-warehouse.config.ts', vars: { POSTGRES_URL: url.href } })
  tables = { tables: d1Tables(server.state), analytics: postgresTables(database.url, 'shop') }
}, 120_000)

afterAll(async () => {
  await tables?.analytics.close()
  await server?.stop()
  if (isDown) return
  await sql?.end()
  await database?.stop()
})

interface HealthAnswer {
  readonly status: string
  readonly stuck: readonly { readonly target: string; readonly state: string; readonly reason?: string }[]
}

const health = async (): Promise<HealthAnswer> => {
  const headers = { authorization: `Bearer ${server.adminToken}` }
  return (await fetch(`${server.url}/health`, { headers })).json() as Promise<HealthAnswer>
}

const troubleOf = async (target: string) => (await health()).stuck.find((one) => one.target === target)

const traceOf = async (messageId: string, target: string): Promise<LaneTrace | undefined> => {
  const { lanes } = await server.admin<{ lanes: LaneTrace[] }>(`/trace/${messageId}`)
  return lanes.find((lane) => lane.target === target)
}

const loadNow = async (warehouse: string) => {
  const response = await fetch(`${server.url}/admin/warehouses/${warehouse}/load`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.adminToken}` },
  })
  const body = (await response.json()) as { success: boolean; message?: string; report: LoadReport }
  return { status: response.status, ...body }
}

const loaderOf = async (warehouse: string): Promise<LoaderStatus> => {
  const { warehouses } = await server.admin<{ warehouses: LoaderStatus[] }>('/warehouses')
  return warehouses.find((one) => one.warehouse === warehouse) as LoaderStatus
}

const logLines = (message: string) =>
  server.stderr
    .split('\n')
    .filter((line) => line.includes(message))
    .map((line) => JSON.parse(line.slice(line.indexOf('{'))) as Record<string, unknown>)

const wrongPassword = /password authentication failed for user "loader" \(28P01\)\. Check user and password in `url`/

test('a warehouse with a wrong password shows at once, in the health, the lanes, the trace and the log', async () => {
  await server.post('/v1/track', plainOrder('order-1'))
  await until('the load fails', async () => (await loaderOf('analytics')).failure !== undefined)
  const now = Date.now()

  expect(await loaderOf('analytics')).toMatchObject({ state: 'failing', stagedFiles: 1 })
  expect((await loaderOf('analytics')).reason).toMatch(wrongPassword)
  const trace = await traceOf('order-1', 'analytics')
  expect(trace?.status).toBe('staged')
  expect(trace?.reason).toMatch(wrongPassword)
  expect(trace?.nextAttemptAt).toBeGreaterThan(now)
  expect(trace?.nextAttemptAt).toBeLessThan(now + 130_000)
  expect(await server.lane('analytics')).toMatchObject({
    state: 'idle',
    load: { state: 'failing', stagedFiles: 1, reason: expect.stringMatching(wrongPassword) },
  })
  await until('the health tells', async () => (await troubleOf('analytics')) !== undefined)
  expect(await health()).toMatchObject({ status: 'DEGRADED', lanes: { stuck: 0 } })
  expect((await troubleOf('analytics'))?.reason).toMatch(wrongPassword)

  // The other warehouse is well.
  await until('D1 has the row', async () => (await traceOf('order-1', 'tables'))?.status === 'done')
  expect(await tables.tables.rows('order_completed')).toMatchObject([{ id: 'order-1' }])
  expect(JSON.stringify([await health(), await loaderOf('analytics'), server.stderr])).not.toContain('the old one')
})

test('a load that a person asks for while the warehouse is left alone answers with what went wrong', async () => {
  const before = (await loaderOf('analytics')).nextAttemptAt
  for (let i = 0; i < 3; i++) {
    const { status, success, message } = await loadNow('analytics')
    expect([status, success]).toEqual([502, false])
    expect(message).toMatch(wrongPassword)
  }
  // Somebody who tries does not make the warehouse wait longer.
  expect((await loaderOf('analytics')).nextAttemptAt).toBe(before)
})

test('a load that a person asks for once the password is right loads at once, and all is told to be well', async () => {
  await sql.unsafe(`ALTER ROLE loader PASSWORD 'the old one'`)
  const denied = await loadNow('analytics')
  expect(denied.message).toMatch(/permission denied for database postgres \(42501\)\. .*GRANT CREATE ON DATABASE/)
  await sql.unsafe('GRANT CREATE ON DATABASE postgres TO loader')
  expect(await loadNow('analytics')).toMatchObject({
    status: 200,
    success: true,
    report: { files: 1, events: 1, rows: 2 },
  })
  expect(await tables.analytics.rows('order_completed')).toMatchObject([{ id: 'order-1' }])
  expect(await traceOf('order-1', 'analytics')).toMatchObject({ status: 'done' })
  expect((await server.lane('analytics')).load).toEqual({
    state: 'idle',
    stagedFiles: 0,
    stagedEvents: 0,
    oldestSeconds: 0,
  })
  await until('the health is well', async () => (await troubleOf('analytics')) === undefined)
  const failures = logLines('a warehouse fails: what is staged for it waits')
  expect(failures.filter(({ warehouse }) => warehouse === 'analytics')).toMatchObject([
    { reason: expect.stringMatching(wrongPassword), nextAttemptAt: expect.stringMatching(/Z$/) },
    { reason: expect.stringContaining('42501') },
  ])
  expect(logLines('a warehouse is back')).toMatchObject([{ warehouse: 'analytics', rows: 2 }])
})

test('a D1 that is not bound shows at once, with what to add', async () => {
  const headers = { authorization: basic('keyOfTheUnluckySource'), 'content-type': 'application/json' }
  await server.post('/v1/track', undefined, { headers, body: JSON.stringify(plainOrder('order-2')) })
  await until('the health tells', async () => (await troubleOf('unbound')) !== undefined)
  expect(await troubleOf('unbound')).toMatchObject({
    state: 'failing',
    reason: expect.stringContaining('There is no D1 binding "ANALYTICS"; add it to wrangler.toml'),
  })
  await until('it is staged', async () => (await traceOf('order-2', 'unbound'))?.status === 'staged')
})

test.each(['tables', 'analytics'] as const)(
  'a dead letter of the loader of %s that is edited to an event without times is staged, and then loaded with all of its times',
  async (target) => {
    const messageId = `visit-${target}`
    await server.post('/v1/batch', { batch: [{ type: 'visit', messageId, anonymousId: 'grace-hopper' }] })
    // The letter is in another lane than its event.
    expect((await server.admin<{ partition: number }>(`/trace/${messageId}`)).partition).not.toBe(0)
    const letterOf = async (): Promise<DeadLetter | undefined> =>
      (await server.deadLetters()).find((one) => one.messageId === messageId && one.target === target)
    await until('the loader gives it up', async () => (await letterOf()) !== undefined)
    expect(await traceOf(messageId, target)).toMatchObject({ status: 'dead', partition: 0 })

    const { id, receivedAt } = (await letterOf()) as DeadLetter
    const event = { type: 'track', event: 'Order Completed', anonymousId: 'grace-hopper', properties: { total: 42 } }
    await server.admin(`/dead-letters/${id}`, { method: 'PUT', body: JSON.stringify({ event }) })
    await server.admin(`/dead-letters/${id}/replay`, { method: 'POST' })
    await until('it is loaded', async () => {
      const status = (await traceOf(messageId, target))?.status
      const rows = await tables[target].rows('order_completed')
      if (!rows.some((row) => row['id'] === messageId)) {
        expect(status).toBe('staged')
        return false
      }
      return status === 'done'
    })
    const row = (await tables[target].rows('order_completed')).find((one) => one['id'] === messageId)
    const timeOf = (column: string) => new Date(row?.[column] as string | Date).toISOString()
    expect(['timestamp', 'sent_at', 'original_timestamp', 'received_at'].map(timeOf)).toEqual(
      Array.from({ length: 4 }, () => receivedAt),
    )
  },
)

test('a user who is deleted while events wait for a warehouse is in none of its tables afterwards, and all others are, each once', async () => {
  await sql.unsafe(`ALTER ROLE loader PASSWORD 'rotated again'`)
  const orderOf = (userId: string, n: number) => plainOrder(`${userId}-${n}`, { userId, anonymousId: `a-${userId}` })
  const batch = [1, 2, 3].flatMap((n) => [orderOf('hedy', n), orderOf('mary', n)])
  await server.post('/v1/batch', { batch })
  await until('they are staged', async () => {
    const waiting = await Promise.all(batch.map(({ messageId }) => traceOf(messageId, 'analytics')))
    return waiting.every((trace) => trace?.status === 'staged')
  })
  await until('D1 has them', async () => (await tables.tables.rows('tracks')).some(({ id }) => id === 'hedy-3'))
  await server.admin('/suppression', {
    method: 'POST',
    body: JSON.stringify({ users: [{ kind: 'userId', id: 'hedy' }], delete: true }),
  })
  const deletionOf = async (destination: string) =>
    (await server.admin<{ deletions: Deletion[] }>('/suppression/deletions')).deletions.find(
      (one) => one.destination === destination && one.id === 'hedy',
    )
  await until('the loader knows', async () => ((await deletionOf('analytics'))?.attempts ?? 0) > 0)
  expect(await deletionOf('analytics')).toMatchObject({ state: 'waiting' })
  await server.killWorkerd()
  await sql.unsafe(`ALTER ROLE loader PASSWORD 'the old one'`)
  await until('all is loaded', async () => {
    await loadNow('analytics')
    return (await loaderOf('analytics')).stagedFiles === 0
  })
  for (const table of ['order_completed', 'tracks']) {
    const ids = (await tables.analytics.rows(table)).map(({ id }) => String(id))
    expect(ids.filter((id) => /^(hedy|mary)-/.test(id)).toSorted()).toEqual(['mary-1', 'mary-2', 'mary-3'])
  }
  // What a warehouse has, it keeps.
  expect((await tables.tables.rows('tracks')).filter(({ user_id }) => user_id === 'hedy')).toHaveLength(3)
  const done = await until(
    'the deletion is done',
    async () => {
      const found = await deletionOf('analytics')
      return found?.state === 'done' ? found : undefined
    },
    { seconds: 120, everyMs: 500 },
  )
  expect(done.reason).toBe('rows that are in its tables stay')
})

test('a PostgreSQL that is down is not told to fail at once, as it may soon be back, but whoever asks is answered', async () => {
  await tables.analytics.close()
  await sql.end()
  await database.stop()
  isDown = true
  await server.post('/v1/track', plainOrder('order-3'))
  await until('it is staged', async () => (await traceOf('order-3', 'analytics'))?.status === 'staged')
  const { status, message } = await loadNow('analytics')
  expect(status).toBe(502)
  expect(message).toMatch(/PostgreSQL: .*No answer from 127\.0\.0\.1:\d+: check host and port in `url`/)
  expect(await loaderOf('analytics')).toMatchObject({ state: 'staged', stagedFiles: 1, failure: { lasting: false } })
  expect(await troubleOf('analytics')).toBeUndefined()
  await until('D1 has the row', async () => (await traceOf('order-3', 'tables'))?.status === 'done')
})
