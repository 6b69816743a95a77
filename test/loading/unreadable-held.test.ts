import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { pack } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import { frame, joinFrames } from '../../src/storage/frame.ts'
import { headerOf, plainOrder } from '../support/sample-events.ts'
import { type LoaderHarness, startLoader } from './loader-harness.ts'

const receivedAt = '2026-11-22T10:00:00.000Z'
const order = (n: number, quantity: unknown = 1): Event =>
  plainOrder(`order-${n}`, { receivedAt, properties: { order_id: `o-${n}`, quantity } })
const textOf = (events: readonly Event[]) =>
  events.map((event) => pack(headerOf(event.messageId, { to: ['tables'], receivedAt }), event).text).join('')
/** A frame whose length is right and whose content is not. */
const damaged = (events: readonly Event[]) => {
  const bytes = frame(textOf(events))
  bytes.fill(0x41, 4)
  return bytes
}
const key = 'held/tables/1'
const file = 'held:1'
/** Later than the table is tried again, and than the schedule waits. */
const later = { aheadMs: 600_000 }

describe('a file of waiting rows that was set aside', () => {
  let loader: LoaderHarness
  beforeEach(async () => {
    loader = await startLoader()
  }, 30_000)
  afterEach(() => loader.stop())

  /** Has rows wait for a table, damages their file, and loads until it is set aside. */
  async function setAside(events: readonly Event[], ...frames: readonly Uint8Array[]): Promise<void> {
    await loader.setup({ refuses: 'order_completed' })
    await loader.stage('staging/tables/0/100-200', events)
    await loader.load()
    expect((await loader.status()).waitingTables).toMatchObject([{ table: 'order_completed', events: events.length }])
    await loader.put(key, joinFrames(frames))
    await loader.setup(later)
    await loader.load()
    expect((await loader.status()).stuckFiles).toEqual([key])
  }
  const orders = async () => (await loader.query('SELECT id FROM order_completed ORDER BY id')).map(({ id }) => id)

  test('a file of waiting rows that was set aside is listed with its table and the reason, shown, mended and loaded, each row once', async () => {
    const three = [order(1), order(2), order(3)]
    await setAside(three, frame(textOf([order(1)])), damaged([order(2)]), frame(textOf([order(3)])))
    expect(await loader.unreadable('unreadable')).toEqual([
      {
        file,
        key,
        table: 'order_completed',
        events: 3,
        bytes: expect.any(Number),
        stagedAt: expect.any(Number),
        setAsideAt: expect.any(Number),
        loadedEvents: 0,
        reason: expect.stringMatching(/^The file held\/tables\/1 cannot be read: /),
      },
    ])
    expect(await loader.status()).toMatchObject({
      state: 'failing',
      reason: 'files that could not be read were set aside: 1. GET /admin/warehouses/:name/unreadable lists them',
      waitingTables: [],
    })
    expect(await loader.waitsFor({ id: 'order-2', source: 'shop', partition: 0, offset: 101 })).toEqual({
      waits: true,
      reason: 'its staging file could not be read and was set aside',
    })
    // Nothing waits behind it.
    await loader.stage('staging/tables/0/200-201', [order(4)])
    await loader.load()
    expect(await orders()).toEqual(['order-4'])

    expect(await loader.unreadable('readUnreadable', file, { after: 0, limit: 100 })).toMatchObject({
      value: { file, allLines: 4, problems: [expect.stringMatching(/^bytes \d+ to \d+: /)] },
    })
    expect(await loader.unreadable('mendUnreadable', file, '{}\n{}\n')).toEqual({
      code: 'bad_request',
      refused: 'Line 1 is no header of an event.',
    })
    expect(await loader.unreadable('mendUnreadable', file, textOf(three))).toEqual({
      value: { events: 3, readableBefore: 2, original: `${key}.unreadable` },
    })
    expect(await loader.load({ now: true })).toMatchObject({ events: 0 })
    expect(await loader.unreadable('reloadUnreadable', file)).toEqual({ value: null })
    expect(await loader.waitsFor({ id: 'order-2', source: 'shop', partition: 0, offset: 101 })).toMatchObject({
      waits: true,
      reason: expect.stringContaining('the table "order_completed" waits'),
    })
    expect(await loader.load({ now: true })).toMatchObject({ events: 3, rows: 3 })
    expect(await orders()).toEqual(['order-1', 'order-2', 'order-3', 'order-4'])
    expect(await loader.query('SELECT count(*) AS n FROM tracks')).toEqual([{ n: 4 }])
    expect(await loader.status()).toMatchObject({ state: 'idle', stuckFiles: [], waitingTables: [] })
    expect(await loader.objects()).toEqual([`${key}.unreadable`])
    expect(await loader.unreadable('readUnreadable', file, { after: 0, limit: 1 })).toMatchObject({ code: 'not_found' })
  })

  test('a file of waiting rows that was set aside in the middle goes on behind what is loaded, also after a crash', async () => {
    const first = Array.from({ length: 5_001 }, (_, i) => order(i, i === 7 ? 'many' : 1))
    await setAside([...first, order(6_000)], frame(textOf(first)), damaged([order(6_000)]))
    expect(await loader.unreadable('unreadable')).toMatchObject([{ loadedEvents: 5_000 }])
    const mended = [...first, order(6_000)]
    expect(await loader.unreadable('mendUnreadable', file, textOf(mended.slice(1)))).toEqual({
      code: 'conflict',
      refused: 'The first 5000 events are in the warehouse already: keep them as they are, in their order.',
    })
    await loader.unreadable('mendUnreadable', file, textOf(mended))
    await loader.unreadable('reloadUnreadable', file)
    await loader.setup({ ...later, after: { table: 'order_completed', what: 'kill' } })
    expect(await loader.load({ now: true })).toHaveProperty('thrown')
    await loader.setup(later)
    expect(await loader.load({ now: true })).toMatchObject({ events: 2 })
    expect(await loader.query('SELECT count(*) AS n FROM order_completed')).toEqual([{ n: 5_002 }])
    expect(await loader.query('SELECT row_id FROM rudder_discards')).toEqual([{ row_id: 'order-7' }])
    expect(await loader.objects()).toEqual([`${key}.unreadable`])
  }, 60_000)

  test('a file of waiting rows that was set aside waits again when the table still refuses them, and is tried by the schedule', async () => {
    await setAside([order(1)], damaged([order(1)]))
    await loader.unreadable('mendUnreadable', file, textOf([order(1), order(2)]))
    await loader.unreadable('reloadUnreadable', file)
    await loader.setup({ ...later, refuses: 'order_completed' })
    await loader.load({ now: true })
    expect((await loader.status()).waitingTables).toMatchObject([
      { table: 'order_completed', reason: 'permission denied for table order_completed', events: 2, files: 1 },
    ])
    await loader.setup(later)
    await loader.load()
    expect(await orders()).toEqual(['order-1', 'order-2'])
    expect(await loader.letters()).toEqual([])
  })

  test('a file of waiting rows that was set aside is discarded when somebody says so, and the log has it', async () => {
    await setAside([order(1)], damaged([order(1)]))
    await loader.logged()
    expect(await loader.unreadable('discardUnreadable', file)).toMatchObject({
      value: { key, table: 'order_completed' },
    })
    expect(await loader.logged()).toMatchObject([
      { level: 'warn', message: 'a file of held rows is discarded', warehouse: 'tables', key, events: 1 },
    ])
    await loader.load()
    expect(await loader.objects()).toEqual([])
    expect(await loader.letters()).toEqual([])
    expect(await loader.status()).toMatchObject({ state: 'idle', stuckFiles: [], waitingTables: [] })
  })
})
