import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { plainOrder } from '../support/sample-events.ts'
import { type LoaderHarness, startLoader } from './loader-harness.ts'

const minute = 60_000
const day = 1_440 * minute
const order = (n: number, properties: object = {}, receivedAt = '2026-11-22T10:00:00.000Z'): Event =>
  plainOrder(`order-${n}`, { properties: { order_id: `o-${n}`, ...properties }, receivedAt })

describe('the syncs of a loader', () => {
  let loader: LoaderHarness
  beforeEach(async () => {
    loader = await startLoader()
  }, 60_000)
  afterEach(() => loader.stop())

  /** How far the clock must be ahead for a time of tomorrow, UTC. */
  const aheadTo = (time: string) => {
    const [hours = 0, minutes = 0] = time.split(':').map(Number)
    return Math.floor(Date.now() / day + 1) * day + (hours * 60 + minutes) * minute - Date.now() + 500
  }
  const orders = async () => (await loader.query('SELECT id FROM order_completed ORDER BY id')).map(({ id }) => id)

  test('syncs tell what they did to each table, and the status how fresh each table is', async () => {
    await loader.stage('f/1', [order(1, { quantity: 1 }), { ...order(9), type: 'telepathy' }])
    await loader.load()
    await loader.stage('f/2', [
      order(2, { quantity: 2.5, gift: true }, '2026-11-22T12:00:00.000Z'),
      order(3, { quantity: 'three' }),
    ])
    await loader.load()
    const { syncs, next } = await loader.syncs()
    expect(next).toBeUndefined()
    const [second, first] = syncs
    expect(first).toEqual({
      number: 1,
      state: 'done',
      startedAt: expect.any(Number),
      ms: expect.any(Number),
      files: 1,
      events: 2,
      rows: 2,
      discards: 0,
      tables: { tracks: 1, order_completed: 1 },
      created: ['tracks', 'order_completed'],
      added: {},
      widened: {},
      deadLetters: 1,
      waiting: 0,
      refused: {},
    })
    expect(second).toMatchObject({
      events: 2,
      rows: 4,
      discards: 1,
      tables: { tracks: 2, order_completed: 2 },
      created: ['rudder_discards'],
      added: { order_completed: { gift: 'boolean' } },
      widened: { order_completed: { quantity: 'float' } },
      deadLetters: 0,
    })
    expect((await loader.status()).freshness).toEqual({
      order_completed: { rows: 3, loadedAt: expect.any(Number), newestReceivedAt: '2026-11-22T12:00:00.000Z' },
      tracks: { rows: 3, loadedAt: expect.any(Number), newestReceivedAt: '2026-11-22T12:00:00.000Z' },
    })
    expect(await loader.syncs({ limit: 1 })).toMatchObject({ syncs: [{ number: 2 }], next: 2 })
    expect(await loader.syncs({ limit: 1, before: 2 })).toMatchObject({ syncs: [{ number: 1 }] })
  })

  test('syncs that fail say why, and do not count twice what went well before', async () => {
    await loader.stage('f/1', [order(1)])
    await loader.setup({ after: { table: 'order_completed', what: 'deny' } })
    await loader.load()
    await loader.setup({})
    await loader.load({ now: true })
    expect((await loader.syncs()).syncs).toMatchObject([
      { state: 'done', asked: true, rows: 2 },
      { state: 'failed', error: 'the password is wrong', rows: 0 },
    ])
  })

  test('syncs begin at the start time and every so many minutes after it, and load what was staged before', async () => {
    const route = { everyMinutes: 360, syncStartAt: '02:30' }
    await loader.setup({ route, aheadMs: aheadTo('03:00') })
    await loader.stage('f/1', [order(1)])
    expect(await loader.load()).toMatchObject({ files: 0 })
    const { nextAttemptAt, schedule, state } = await loader.status()
    expect(new Date(nextAttemptAt ?? 0).toISOString().slice(11, 16)).toBe('08:30')
    expect(schedule).toEqual({ ...route, nextSyncAt: nextAttemptAt })
    expect(state).toBe('staged')
    await loader.setup({ route, aheadMs: aheadTo('08:29') })
    expect(await loader.load()).toMatchObject({ files: 0 })
    // The minute itself was missed.
    await loader.setup({ route, aheadMs: aheadTo('08:33') })
    expect(await loader.load()).toMatchObject({ files: 1 })
    await loader.stage('f/2', [order(2)])
    await loader.setup({ route, aheadMs: aheadTo('09:00') })
    expect(await loader.load()).toMatchObject({ files: 0 })
    expect(await loader.load({ now: true })).toMatchObject({ files: 1 })
    expect(await orders()).toEqual(['order-1', 'order-2'])
  })

  test('syncs that have no time left go on in the next minute, not in the next turn', async () => {
    const route = { everyMinutes: 360, syncStartAt: '02:30' }
    await loader.setup({ route, aheadMs: aheadTo('02:00') })
    for (const n of [1, 2, 3])
      await loader.stage(
        `f/${n}`,
        Array.from({ length: 6_000 }, (_, i) => order(n * 10_000 + i)),
      )
    await loader.load()
    await loader.setup({ route, aheadMs: aheadTo('02:30') })
    expect(await loader.load({ budgetMs: 0 })).toMatchObject({ files: 0 })
    expect(new Date((await loader.status()).nextAttemptAt ?? 0).toISOString().slice(11, 16)).toBe('02:31')
    await loader.setup({ route, aheadMs: aheadTo('02:31') })
    await loader.load()
    expect(await loader.status()).toMatchObject({ stagedFiles: 0 })
  })

  test('syncs that stop in a file tell how many of its events still wait', async () => {
    await loader.setup({ queries: 50 })
    await loader.stage(
      'f/1',
      Array.from({ length: 30 }, (_, i) => ({ ...order(i), event: `Name ${i}` })),
    )
    const told = new Set<number>()
    for (let i = 0; i < 20 && (await loader.status()).stagedFiles > 0; i++) {
      await loader.load()
      const [{ n } = { n: 0 }] = await loader.query('SELECT count(*) AS n FROM tracks')
      const { stagedEvents } = await loader.status()
      expect(stagedEvents).toBe(30 - Number(n))
      told.add(stagedEvents)
    }
    expect(told.has(0)).toBe(true)
    expect(told.size).toBeGreaterThan(2)
  })

  test('syncs leave the exclude window alone, make up for it at its end, and a person may load in it', async () => {
    const route = { excludeWindow: { start: '22:00', end: '06:00' } }
    await loader.setup({ route, aheadMs: aheadTo('23:00') })
    await loader.stage('f/1', [order(1)])
    expect(await loader.load()).toMatchObject({ files: 0 })
    expect(new Date((await loader.status()).nextAttemptAt ?? 0).toISOString().slice(11, 16)).toBe('06:00')
    expect(await loader.load({ now: true })).toMatchObject({ files: 1 })
    await loader.stage('f/2', [order(2)])
    await loader.setup({ route, aheadMs: aheadTo('23:00') + 7 * 60 * minute })
    expect(await loader.load()).toMatchObject({ files: 1 })
    expect(await orders()).toEqual(['order-1', 'order-2'])
  })

  test('syncs that a person asks for load what was staged while another sync was under way', async () => {
    await loader.setup({ slowMs: 700 })
    await loader.stage('f/1', [order(1)])
    const scheduled = loader.load()
    await new Promise((resolve) => setTimeout(resolve, 300))
    await loader.stage('f/2', [order(2)])
    expect(await loader.load({ now: true })).toMatchObject({ files: 1, events: 1 })
    expect(await scheduled).toMatchObject({ files: 1, events: 1 })
    expect(await orders()).toEqual(['order-1', 'order-2'])
  })

  test.each([{}, { everyMinutes: 60 }])(
    'syncs go on after the clock was a year ahead, and load what was staged then: %j',
    async (route) => {
      await loader.setup({ route, aheadMs: 365 * day })
      await loader.stage('f/1', [order(1)])
      await loader.load()
      await loader.stage('f/2', [order(2)])
      await loader.setup({ route })
      await loader.load()
      expect(await orders()).toContain('order-2')
      await loader.stage('f/3', [order(3)])
      await loader.setup({ route, aheadMs: 61 * minute })
      await loader.load()
      expect(await orders()).toEqual(['order-1', 'order-2', 'order-3'])
    },
  )

  test('syncs that failed, and tables that refused rows, are tried again after the clock was a year ahead', async () => {
    await loader.setup({ aheadMs: 365 * day, refuses: 'order_completed' })
    await loader.stage('f/1', [order(1)])
    await loader.load()
    await loader.setup({ aheadMs: 365 * day, after: { table: 'tracks', what: 'deny' } })
    await loader.stage('f/2', [order(2)])
    expect(await loader.load()).toHaveProperty('error')
    await loader.setup({})
    const { nextAttemptAt = Infinity } = await loader.status()
    expect(nextAttemptAt).toBeLessThan(Date.now() + 2 * minute)
    await loader.load()
    expect(await orders()).toEqual(['order-1', 'order-2'])
  })

  test('syncs go on while one table refuses its rows, the status and the trace say so, and a person has it tried', async () => {
    await loader.setup({ refuses: 'order_completed' })
    await loader.stage('f/1', [order(1), { ...order(2), event: 'Product Viewed' }])
    expect(await loader.load()).toMatchObject({ files: 1, rows: 3 })
    const reason = 'permission denied for table order_completed'
    expect(await loader.status()).toMatchObject({
      state: 'idle',
      stagedFiles: 0,
      waitingTables: [{ table: 'order_completed', reason, tries: 1, files: 1, events: 1, blocked: true }],
      nextAttemptAt: expect.any(Number),
    })
    expect((await loader.syncs()).syncs).toMatchObject([
      { state: 'partial', waiting: 1, refused: { order_completed: reason }, tables: { tracks: 2, product_viewed: 1 } },
    ])
    expect(await loader.waitsFor({ id: 'order-1', source: 'shop', partition: 0 })).toEqual({
      waits: true,
      reason: `the table "order_completed" waits: ${reason}`,
      nextAttemptAt: expect.any(Number),
    })
    expect(await loader.waitsFor({ id: 'order-2', source: 'shop', partition: 0 })).toEqual({ waits: false })
    await loader.setup({ refuses: 'order_completed', aheadMs: 2 * minute })
    expect(await loader.status()).toMatchObject({
      state: 'failing',
      reason: `rows wait for the table "order_completed": ${reason}`,
    })
    await loader.setup({ aheadMs: 2 * minute })
    expect(await loader.load({ retry: { table: 'tracks' } })).toMatchObject({ rows: 0 })
    expect(await loader.load({ retry: { table: 'order_completed' } })).toMatchObject({ rows: 1 })
    expect(await orders()).toEqual(['order-1'])
    expect(await loader.status()).toMatchObject({ state: 'idle', waitingTables: [] })
    expect(await loader.objects()).toEqual([])
    expect((await loader.syncs()).syncs[0]).toMatchObject({
      state: 'done',
      asked: true,
      tables: { order_completed: 1 },
    })
  })

  test('syncs of a warehouse that is not in the config have no time, though files wait', async () => {
    await loader.stage('f/1', [order(1)])
    const status = await loader.status('gone')
    expect(status).toMatchObject({ state: 'staged', stagedFiles: 1 })
    expect(status).not.toHaveProperty('nextAttemptAt')
    expect(status).not.toHaveProperty('schedule')
  })

  test('syncs log once that a table refuses rows, and once that it takes them again', async () => {
    await loader.setup({ refuses: 'order_completed' })
    for (const n of [1, 2]) {
      await loader.stage(`f/${n}`, [order(n)])
      await loader.load()
    }
    await loader.load({ retry: {} })
    await loader.setup({})
    await loader.load({ retry: {} })
    const lines = (await loader.logged()).filter(({ message }) => /a table of a warehouse/.test(String(message)))
    expect(lines).toEqual([
      {
        level: 'error',
        message: 'a table of a warehouse refuses rows; they wait',
        warehouse: 'tables',
        table: 'order_completed',
        reason: 'permission denied for table order_completed',
      },
      {
        level: 'info',
        message: 'a table of a warehouse has no rows waiting any more',
        warehouse: 'tables',
        table: 'order_completed',
        rows: 2,
      },
    ])
  })

  test('syncs lose and double nothing when the object is killed while it loads what waited', async () => {
    await loader.setup({ refuses: 'order_completed' })
    await loader.stage('f/1', [order(1, { quantity: 1 }), order(2, { quantity: 'two' })])
    await loader.load()
    for (const table of ['order_completed', 'rudder_discards']) {
      await loader.setup({ aheadMs: minute, after: { table, what: 'kill' } })
      expect(await loader.load()).toHaveProperty('thrown')
    }
    await loader.setup({ aheadMs: minute })
    await loader.load()
    expect(await orders()).toEqual(['order-1', 'order-2'])
    expect(await loader.query('SELECT row_id FROM rudder_discards')).toEqual([{ row_id: 'order-2' }])
    expect((await loader.status()).freshness).toMatchObject({ order_completed: { rows: 2 } })
    expect(await loader.objects()).toEqual([])
  })
})
