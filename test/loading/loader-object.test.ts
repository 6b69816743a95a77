import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { plainOrder } from '../support/sample-events.ts'
import { type LoaderHarness, startLoader } from './loader-harness.ts'

const order = (n: number, properties: Record<string, unknown> = {}): Event =>
  plainOrder(`order-${n}`, {
    anonymousId: 'a-1',
    properties: { order_id: `o-${n}`, total: 129.9, ...properties },
    receivedAt: '2026-11-22T10:00:00.000Z',
  })

const identify = (messageId: string, receivedAt: string, traits: Record<string, unknown>): Event => ({
  type: 'identify',
  messageId,
  userId: 'ada',
  traits,
  receivedAt,
})

const minute = 60_000

describe('the loader', () => {
  let loader: LoaderHarness
  beforeEach(async () => {
    loader = await startLoader()
  }, 30_000)
  afterEach(() => loader.stop())

  const orders = () => loader.query('SELECT id, order_id, total FROM order_completed ORDER BY id')

  test('the loader loads staged events into tables, deletes the files and says so', async () => {
    await loader.stage('f/1', [order(1), order(2)])
    await loader.stage('f/2', [order(3)])
    expect(await loader.status()).toMatchObject({ stagedFiles: 2, stagedEvents: 3 })

    expect(await loader.load()).toEqual({ files: 2, events: 3, rows: 6, discards: 0 })

    expect(await orders()).toEqual([1, 2, 3].map((n) => ({ id: `order-${n}`, order_id: `o-${n}`, total: 129.9 })))
    const [track] = await loader.query('SELECT * FROM tracks ORDER BY id')
    expect(track).toMatchObject({
      id: 'order-1',
      event: 'order_completed',
      event_text: 'Order Completed',
      user_id: 'ada',
      received_at: '2026-11-22T10:00:00.000Z',
      context_source_id: 'shop',
      context_source_type: 'sluiceway',
      context_destination_id: 'tables',
      context_destination_type: 'D1',
      uuid_ts: expect.stringMatching(/^\d{4}-.*Z$/),
    })
    expect(await loader.objects()).toEqual([])
    const status = await loader.status()
    expect(status).toMatchObject({ stagedFiles: 0, lastLoad: { files: 2, rows: 6 }, stuckFiles: [] })
    expect(status.tables['order_completed']).toMatchObject({ id: 'string', total: 'float', uuid_ts: 'datetime' })
    expect(await loader.load()).toEqual({ files: 0, events: 0, rows: 0, discards: 0 })
  })

  test('the loader leaves events alone that are routed elsewhere', async () => {
    await loader.stage('f/1', [order(1)], ['webhook'])
    await loader.stage('f/2', [order(2)], ['webhook', 'tables'])
    expect(await loader.load()).toMatchObject({ files: 2, events: 1 })
    expect(await orders()).toHaveLength(1)
  })

  test('the loader loads a file once, though it is registered twice, before and after the load', async () => {
    const file = await loader.stage('f/1', [order(1)])
    await loader.register(file)
    expect(await loader.load()).toMatchObject({ files: 1 })
    await loader.stageBytes(file.key, new Uint8Array([1, 2, 3]))
    expect(await loader.load()).toMatchObject({ files: 0 })
    expect(await loader.objects()).toEqual([])
  })

  test('the loader doubles and loses nothing when it is killed between the load and the mark', async () => {
    await loader.stage('f/1', [order(1), order(2, { total: 'a gift' }), order(3)])
    for (const table of ['tracks', 'order_completed', 'rudder_discards']) {
      await loader.setup({ after: { table, what: 'kill' } })
      expect(await loader.load()).toHaveProperty('thrown')
    }
    expect(await loader.objects()).toEqual(['f/1'])
    await loader.setup({})
    expect(await loader.load()).toEqual({ files: 1, events: 3, rows: 6, discards: 1 })
    expect(await orders()).toHaveLength(3)
    expect(await loader.query('SELECT * FROM tracks')).toHaveLength(3)
    expect(await loader.query('SELECT * FROM rudder_discards')).toHaveLength(1)
  })

  test('the loader keeps files staged while the warehouse fails, and waits before it tries again', async () => {
    await loader.stage('f/1', [order(1)])
    await loader.setup({ after: { table: 'order_completed', what: 'fail' } })
    expect(await loader.load()).toMatchObject({ files: 0, error: 'the connection was lost' })
    expect(await loader.status()).toMatchObject({ stagedFiles: 1, lastLoad: { error: 'the connection was lost' } })
    expect((await loader.load()).error).toMatch(/^Waits until .*: the connection was lost$/)
    await loader.setup({ aheadMs: minute })
    expect(await loader.load()).toMatchObject({ files: 1, rows: 2 })
    expect((await loader.status()).nextAttemptAt).toBeUndefined()
    expect(await orders()).toHaveLength(1)
  })

  test('the loader fails once it has failed for 90 s, or at once when time does not mend it, and logs begin and end once', async () => {
    await loader.logged()
    await loader.stage('f/1', [order(1)])
    await loader.setup({ after: { table: 'tracks', what: 'fail' } })
    await loader.load()
    expect(await loader.status()).toMatchObject({ state: 'staged', reason: 'the connection was lost' })
    await loader.setup({ aheadMs: minute, after: { table: 'tracks', what: 'fail' } })
    await loader.load()
    await loader.setup({ aheadMs: 1.5 * minute })
    expect(await loader.status()).toMatchObject({ state: 'failing', failure: { lasting: false } })
    await loader.setup({ aheadMs: 4 * minute })
    expect(await loader.load()).toMatchObject({ files: 1 })
    expect(await loader.status()).toMatchObject({ state: 'idle', stagedFiles: 0 })

    await loader.stage('f/2', [order(2)])
    await loader.setup({ aheadMs: 4 * minute, after: { table: 'tracks', what: 'deny' } })
    await loader.load()
    expect(await loader.status()).toMatchObject({ state: 'failing', reason: 'the password is wrong' })
    await loader.setup({ aheadMs: 4 * minute })
    await loader.load({ now: true })
    const fails = 'a warehouse fails: what is staged for it waits'
    const back = 'a warehouse is back'
    expect(await loader.logged()).toMatchObject([
      { level: 'error', message: fails, warehouse: 'tables', reason: 'the connection was lost' },
      { level: 'info', message: back, warehouse: 'tables', files: 1, failedSeconds: expect.any(Number) },
      { level: 'error', message: fails, reason: 'the password is wrong' },
      { level: 'info', message: back },
    ])
  })

  test('the loader loads when a person asks for it, whatever it waits for, and waits no longer for their failures', async () => {
    await loader.stage('f/1', [order(1)])
    await loader.setup({ after: { table: 'tracks', what: 'fail' } })
    await loader.load()
    const { nextAttemptAt } = await loader.status()
    for (let i = 0; i < 3; i++) {
      await loader.setup({ after: { table: 'tracks', what: 'fail' } })
      expect(await loader.load({ now: true })).toMatchObject({ error: 'the connection was lost' })
    }
    expect((await loader.status()).nextAttemptAt).toBe(nextAttemptAt)
    expect(await loader.load({ now: true })).toMatchObject({ files: 1, rows: 2 })
    expect(await orders()).toHaveLength(1)
  })

  test('the loader that fails while a person asks for a load loads again for them', async () => {
    await loader.stage('f/1', [order(1)])
    await loader.setup({ after: { table: 'tracks', what: 'fail' } })
    const [scheduled, asked] = await Promise.all([loader.load(), loader.load({ now: true })])
    expect(scheduled).toMatchObject({ error: 'the connection was lost' })
    expect(asked).toMatchObject({ files: 1, rows: 2 })
  })

  test('the loader widens a column of integers for fractions, puts what does not fit into rudder_discards, once, and keeps the rest of the row', async () => {
    await loader.stage('f/1', [order(1, { quantity: 2 }), order(2, { quantity: 'two' })])
    expect(await loader.load()).toMatchObject({ rows: 4, discards: 1 })
    await loader.stage('f/2', [order(3, { quantity: 2.9 }), order(4, { quantity: 1e30 })])
    expect(await loader.load()).toMatchObject({ rows: 4, discards: 0 })
    expect(await loader.query('SELECT id, quantity FROM order_completed ORDER BY id')).toEqual([
      { id: 'order-1', quantity: 2 },
      { id: 'order-2', quantity: null },
      { id: 'order-3', quantity: 2.9 },
      { id: 'order-4', quantity: 1e30 },
    ])
    expect(await loader.query('SELECT * FROM rudder_discards ORDER BY row_id')).toEqual([
      {
        table_name: 'order_completed',
        row_id: 'order-2',
        column_name: 'quantity',
        column_value: 'two',
        received_at: '2026-11-22T10:00:00.000Z',
        uuid_ts: expect.any(String),
        reason: 'the column is int, the value is string',
      },
    ])
  })

  test('the loader widens a table for new properties and keeps the first type of a column', async () => {
    await loader.stage('f/1', [order(1, { coupon: 'SPRING' })])
    await loader.load()
    await loader.stage('f/2', [order(2, { coupon: 10, gift: true })])
    await loader.load()
    expect(await loader.query('SELECT coupon, gift FROM order_completed ORDER BY id')).toEqual([
      { coupon: 'SPRING', gift: null },
      { coupon: '10', gift: 1 },
    ])
  })

  test('the loader keeps the newest of two events with one id, in any order', async () => {
    const late = { ...order(1, { total: 2 }), receivedAt: '2026-11-22T12:00:00.000Z' }
    await loader.stage('f/1', [late, order(1, { total: 1 })])
    await loader.load()
    expect(await orders()).toEqual([{ id: 'order-1', order_id: 'o-1', total: 2 }])
  })

  test('the loader folds the traits of a user: the newest value of each', async () => {
    await loader.stage('f/1', [
      identify('i-2', '2026-11-22T11:00:00.000Z', { name: 'Ada Lovelace' }),
      identify('i-1', '2026-11-22T10:00:00.000Z', { name: 'Ada Byron', city: 'London' }),
    ])
    await loader.load()
    await loader.stage('f/2', [identify('i-3', '2026-11-22T12:00:00.000Z', { title: 'Countess' })])
    await loader.load()
    expect(await loader.query('SELECT id, name, city, title FROM users')).toEqual([
      { id: 'ada', name: 'Ada Lovelace', city: 'London', title: 'Countess' },
    ])
    expect(await loader.query('SELECT id FROM identifies ORDER BY id')).toHaveLength(3)
  })

  test('the loader keeps users whose ids are numbers and texts', async () => {
    const user = (userId: unknown, n: number) => ({ type: 'identify', messageId: `i-${n}`, userId }) as unknown as Event
    await loader.stage('f/1', [user(42, 1), user('ada', 2)])
    await loader.load()
    expect(await loader.query('SELECT id FROM users ORDER BY id')).toEqual([{ id: '42' }, { id: 'ada' }])
  })

  test('the loader makes a dead letter of an event that has no rows, and loads the others', async () => {
    const lost = { ...order(2), type: 'telepathy' }
    await loader.stage('f/1', [order(1), lost, order(3)])
    expect(await loader.load()).toMatchObject({ files: 1, events: 3, rows: 4 })
    expect(await loader.letters()).toEqual([
      expect.objectContaining({
        stage: 'load',
        messageId: 'order-2',
        source: 'shop',
        code: 'mapping_failed',
        reason: 'Unknown event type: "telepathy"',
        event: JSON.stringify(lost),
      }),
    ])
  })

  test('the loader finds the one row that the warehouse refuses, makes a dead letter of its event and loads the others', async () => {
    await loader.setup({ after: { table: 'order_completed', what: 'refuse' } })
    await loader.stage(
      'f/1',
      [1, 2, 3, 4, 5].map((n) => order(n, n === 4 ? { order_id: 'o-refused' } : {})),
    )
    expect(await loader.load()).toMatchObject({ files: 1, events: 5, rows: 9 })
    expect((await orders()).map(({ id }) => id)).toEqual(['order-1', 'order-2', 'order-3', 'order-5'])
    expect(await loader.letters()).toEqual([
      expect.objectContaining({ messageId: 'order-4', code: 'warehouse_failed', reason: 'value refused' }),
    ])
  })

  test('the loader sets a file aside that cannot be read five times, and loads the others meanwhile', async () => {
    await loader.stageBytes('f/0-broken', new Uint8Array([9, 0, 0, 0, 1]))
    await loader.stageBytes('f/1-garbage', new Uint8Array([4, 0, 0, 0, 1, 2, 3, 4]))
    await loader.register({ key: 'f/2-missing', partition: 0, events: 1, bytes: 10 })
    await loader.stage('f/3', [order(1)])
    const first = await loader.load()
    expect(first).toMatchObject({ files: 1, rows: 2 })
    expect(first.error).toContain('f/0-broken cannot be read')
    for (const _ of [2, 3, 4]) await loader.load()
    expect(await loader.status()).toMatchObject({ stagedFiles: 3, stuckFiles: [] })
    await loader.load()
    expect(await loader.status()).toMatchObject({
      stagedFiles: 0,
      stuckFiles: ['f/0-broken', 'f/1-garbage', 'f/2-missing'],
    })
    expect(await loader.objects()).toEqual(['f/0-broken', 'f/1-garbage'])
    expect(await loader.load()).toEqual({ files: 0, events: 0, rows: 0, discards: 0 })
  })

  test('the loader runs one load at a time: a second call gets the report of the first', async () => {
    await loader.stage('f/1', [order(1)])
    const [one, two] = await Promise.all([loader.load(), loader.load()])
    expect(one).toMatchObject({ files: 1 })
    expect(two.files + one.files).toBeLessThanOrEqual(2)
    expect(await orders()).toHaveLength(1)
  })

  test('the loader loads 5,000 events of one file in slices', async () => {
    await loader.stage(
      'f/1',
      Array.from({ length: 5_000 }, (_, n) => order(n)),
    )
    expect(await loader.load()).toMatchObject({ files: 1, events: 5_000, rows: 10_000 })
    expect(await loader.query('SELECT count(*) AS n FROM tracks')).toEqual([{ n: 5_000 }])
  })
})
