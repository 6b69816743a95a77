import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { SluicewayError } from '../../src/core/errors.ts'
import { Envelope } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import { packDecided } from '../../src/lanes/chunk-decider.ts'
import { frame } from '../../src/storage/frame.ts'
import { startD1, type RealWarehouse } from '../support/real-warehouses.ts'
import { plainOrder } from '../support/sample-events.ts'
import { type LoaderHarness, startLoader } from './loader-harness.ts'
import { refusing } from './refusing.ts'
import { StagedLoads } from './staged-loads.ts'

const minute = 60_000
const receivedAt = '2026-11-22T10:00:00.000Z'
const askedAt = Date.parse('2026-11-22T11:00:00.000Z')
const grace = { kind: 'userId', id: 'grace', askedAt } as const
const orderOf = (userId: string, n: number, properties: object = {}): Event =>
  plainOrder(`${userId}-${n}`, { userId, receivedAt, properties: { order_id: `o-${n}`, ...properties } })
const viewOf = (userId: string, n: number): Event => ({
  ...orderOf(userId, n),
  messageId: `${userId}-view-${n}`,
  event: 'Product Viewed',
})

describe('a user who is erased while events wait for a warehouse', () => {
  let loader: LoaderHarness
  beforeEach(async () => {
    loader = await startLoader()
  }, 30_000)
  afterEach(() => loader.stop())

  const ids = async (table: string) =>
    (await loader.query(`SELECT id FROM ${table} ORDER BY id`)).map(({ id }) => String(id))

  test('a user who is erased while events wait for a warehouse has none of them loaded, later ones are, and all of other users, each once', async () => {
    const identify = (userId: string): Event => ({
      type: 'identify',
      messageId: `${userId}-identify`,
      userId,
      traits: { city: 'London' },
      receivedAt,
    })
    const alias: Event = { type: 'alias', messageId: 'alias-1', userId: 'hopper', previousId: 'grace', receivedAt }
    const anonymous: Event = { ...orderOf('ada', 9), messageId: 'ada-9', anonymousId: 'grace' }
    const asked = { ...grace, askedAt: Date.now() }
    const late = { ...orderOf('grace', 2), receivedAt: new Date(asked.askedAt + 16_000).toISOString() }
    await loader.stage('staging/tables/0/0-8', [
      orderOf('ada', 1),
      orderOf('grace', 1),
      identify('ada'),
      identify('grace'),
      alias,
      anonymous,
      late,
      { ...orderOf('ada', 2), properties: { note: 'grace' } },
    ])
    // What is not for this warehouse is not counted.
    await loader.stage('staging/tables/0/8-9', [orderOf('grace', 3)], ['webhook'])
    expect(await loader.erase(asked)).toEqual({ isDone: false, reason: 'events wait to be loaded' })
    await loader.setup({ aheadMs: minute })
    expect(await loader.erase(asked)).toEqual({ isDone: false, reason: 'events wait to be loaded' })
    expect(await loader.load()).toMatchObject({ files: 2, events: 5, erased: 3 })
    expect(await ids('order_completed')).toEqual(['ada-1', 'ada-2', 'ada-9', 'grace-2'])
    expect(await ids('tracks')).toEqual(['ada-1', 'ada-2', 'ada-9', 'grace-2'])
    expect(await ids('users')).toEqual(['ada'])
    expect(await ids('identifies')).toEqual(['ada-identify'])
    expect(await loader.query(`SELECT name FROM sqlite_schema WHERE name = 'aliases'`)).toEqual([])
    expect(await loader.erase(asked)).toEqual({
      isDone: true,
      reason: 'rows that are in its tables stay',
    })
    expect((await loader.syncs()).syncs).toMatchObject([{ events: 5, erased: 3 }])
    // A replayed dead letter of before comes to nothing, too.
    await loader.stage('staging/tables/0/replay-1', [orderOf('grace', 4)])
    expect(await loader.load({ now: true })).toMatchObject({ files: 1, events: 0, erased: 1 })
    expect(await ids('tracks')).toEqual(['ada-1', 'ada-2', 'ada-9', 'grace-2'])
    expect(await loader.letters()).toEqual([])
    expect(await loader.objects()).toEqual([])
  })

  test('a user whose ids a transform has changed is erased all the same, also from what is a dead letter first', async () => {
    const hashed = (event: Event): string => {
      const { messageId: id } = event
      const header = { id, key: 'k', source: 'web', receivedAt, to: ['tables'], facts: {} }
      const made = { ...event, userId: `hash of ${event.userId}`, anonymousId: 'hash' }
      return packDecided(new Envelope(header, JSON.stringify(made)), 'tables', JSON.stringify(event))
    }
    const odd = (userId: string): Event => ({ ...orderOf(userId, 2), messageId: `${userId}-${'x'.repeat(900)}` })
    const events = [orderOf('ada', 1), orderOf('grace', 1), odd('ada'), odd('grace')]
    await loader.stageBytes('staging/tables/0/0-2', frame(events.slice(2).map(hashed).join('')))
    expect(await loader.load()).toMatchObject({ events: 2 })
    const letters = await loader.letters()
    expect(letters.map(({ users }) => users?.userId)).toEqual(['ada', 'grace'])
    await loader.erase(grace)
    await loader.stageBytes('staging/tables/0/2-4', frame(events.slice(0, 2).map(hashed).join('')))
    expect(await loader.load({ now: true })).toMatchObject({ events: 1, erased: 1 })
    expect(await ids('tracks')).toEqual(['ada-1'])
    expect(await loader.query('SELECT user_id FROM tracks')).toEqual([{ user_id: 'hash of ada' }])
  })

  test('a user who is erased while rows wait for a table has none of them loaded, and what is in other tables stays', async () => {
    await loader.setup({ refuses: 'order_completed' })
    await loader.stage('staging/tables/0/0-3', [orderOf('ada', 1), orderOf('grace', 1), orderOf('ada', 2)])
    await loader.load()
    expect(await ids('tracks')).toEqual(['ada-1', 'ada-2', 'grace-1'])
    const later = { ...grace, askedAt: Date.now() }
    await loader.erase(later)
    await loader.setup({ refuses: 'order_completed', aheadMs: minute })
    expect(await loader.erase(later)).toEqual({
      isDone: false,
      reason: 'events wait to be loaded',
    })
    await loader.setup({ aheadMs: 10 * minute })
    await loader.load()
    expect(await ids('order_completed')).toEqual(['ada-1', 'ada-2'])
    expect(await ids('tracks')).toEqual(['ada-1', 'ada-2', 'grace-1'])
    expect(await loader.erase(later)).toMatchObject({
      isDone: true,
      reason: 'rows that are in its tables stay',
    })
    expect(await loader.status()).toMatchObject({ state: 'idle', waitingTables: [] })
    expect(await loader.objects()).toEqual([])
  })

  test('a user who is erased is told which file nobody can read, and has nothing of it loaded once it is mended', async () => {
    await loader.stageBytes('staging/tables/0/0-2', new Uint8Array([1, 2, 3]))
    for (let i = 0; i < 5; i++) await loader.load()
    const later = { ...grace, askedAt: Date.now() }
    await loader.erase(later)
    await loader.setup({ aheadMs: minute })
    expect(await loader.erase(later)).toEqual({
      isDone: false,
      reason: 'files that could not be read were set aside: 1. GET /admin/warehouses/:name/unreadable lists them',
    })
    const line = (event: Event) => {
      const { messageId: id } = event
      return `${JSON.stringify({ id, key: 'k', source: 'web', receivedAt, to: ['tables'], facts: {} })}\n${JSON.stringify(event)}\n`
    }
    await loader.unreadable('mendUnreadable', '0:0-2', line(orderOf('grace', 1)) + line(orderOf('ada', 1)))
    await loader.unreadable('reloadUnreadable', '0:0-2')
    expect(await loader.load({ now: true })).toMatchObject({ files: 1, events: 1, erased: 1 })
    expect(await ids('tracks')).toEqual(['ada-1'])
    expect(await loader.erase(later)).toMatchObject({ isDone: true })
  })
})

describe('a user who is erased while loads crash', () => {
  let warehouse: RealWarehouse
  beforeAll(async () => {
    warehouse = await startD1()
  }, 60_000)
  afterAll(() => warehouse.stop())

  const idsOf = async (table: string) =>
    (await warehouse.tables()).includes(table) ? (await warehouse.ids(table)).toSorted() : []
  const denied = () =>
    new SluicewayError('warehouse_failed', 'permission denied for order_completed', { details: { scope: 'table' } })

  test.each([
    ['before the load', 'one by one', false],
    ['at the crash', 'one by one', false],
    ['before the load', 'together', true],
    ['at the crash', 'together', true],
  ] as const)(
    'a user who is erased while loads crash, %s, with slices that are merged %s, takes nothing of another user along',
    async (when, _, gathers) => {
      for (let at = 1; ; at += 3) {
        await warehouse.clear()
        const loads = new StagedLoads(warehouse, { skipTracksTable: true }, { gathers })
        let refuses = true
        loads.wrap = refusing((step, table) => {
          if (refuses && table === 'order_completed' && step === 'load') throw denied()
        })
        let steps = 0
        let hasCrashed = false
        loads.crashes = () => ++steps === at && (hasCrashed = true)
        const run = async () => {
          while ((await loads.load()).error === 'crashed') {
            loads.restart()
            loads.erasures.ask(grace)
          }
        }
        // A value of each user is discarded, in more than one load of discards.
        const odd = (userId: string) =>
          Array.from({ length: 30 }, (_, n): Event => ({
            ...viewOf(userId, n + 10),
            properties: { price: `${n} ${'x'.repeat(9_000)}` },
          }))
        await loads.stage([{ ...viewOf('ada', 1), properties: { price: 1 } }, orderOf('ada', 1), orderOf('grace', 1)])
        await loads.stage([...odd('grace'), ...odd('ada'), viewOf('grace', 2)])
        if (when === 'before the load') loads.erasures.ask(grace)
        await run()
        loads.erasures.ask(grace)
        await loads.stage([orderOf('ada', 2), orderOf('grace', 2)])
        await run()
        refuses = false
        loads.aheadMs = 20 * minute
        await run()
        loads.aheadMs = 60 * minute
        await run()
        const where = `crash at step ${at}`
        const ada = Array.from({ length: 30 }, (_, n) => `ada-view-${n + 10}`)
        expect(await idsOf('order_completed'), where).toEqual(['ada-1', 'ada-2'])
        const views = await idsOf('product_viewed')
        const others = views.filter((id) => !id.startsWith('grace'))
        expect(others, where).toEqual(['ada-view-1', ...ada].toSorted())
        // Rows that are there when it is asked for stay.
        if (when === 'before the load') expect(views, where).toEqual(others)
        const discards = (await warehouse.query('SELECT row_id FROM rudder_discards')).map(({ row_id }) =>
          String(row_id),
        )
        expect(discards.filter((id) => !id.startsWith('grace')).toSorted(), where).toEqual(ada.toSorted())
        expect(new Set(discards).size, where).toBe(discards.length)
        expect(loads.letters, where).toEqual([])
        expect(loads.objects, where).toEqual([])
        if (!hasCrashed) break
      }
    },
    300_000,
  )

  test('a user who is erased while rows wait for a table is in no dead letter of those that are given up', async () => {
    await warehouse.clear()
    const loads = new StagedLoads(warehouse)
    loads.wrap = refusing((step, table) => {
      if (table === 'order_completed' && step === 'load') throw denied()
    })
    await loads.send(orderOf('ada', 1), orderOf('grace', 1), viewOf('ada', 1))
    loads.erasures.ask(grace)
    for (const minutes of [1, 3, 7, 181, 212]) {
      loads.aheadMs = minutes * minute
      await loads.load()
    }
    expect(loads.letters.map(({ messageId }) => messageId)).toEqual(['ada-1'])
    expect(loads.objects).toEqual([])
  })
})
