import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { SluicewayError } from '../../src/core/errors.ts'
import type { Event } from '../../src/core/event.ts'
import { startD1, startPostgresWarehouse, type RealWarehouse } from '../support/real-warehouses.ts'
import { plainOrder } from '../support/sample-events.ts'
import { refusing } from './refusing.ts'
import { StagedLoads } from './staged-loads.ts'

const minute = 60_000
const order = (n: number, properties: object = {}, receivedAt = '2026-11-22T10:00:00.000Z'): Event =>
  plainOrder(`order-${n}`, { properties: { order_id: `o-${n}`, ...properties }, receivedAt })
const view = (n: number): Event => ({ ...order(n), messageId: `view-${n}`, event: 'Product Viewed' })

const denied = () =>
  new SluicewayError('warehouse_failed', 'permission denied for table order_completed', { details: { scope: 'table' } })

describe.each([
  ['a table that refuses its rows while others take theirs', false],
  ['a table that refuses its rows while others take what was gathered', true],
])('%s', (_name, gathers) => {
  let warehouse: RealWarehouse
  let loads: StagedLoads
  /** Whether the table refuses; the columns that it does, where it refuses some only. */
  let refuses: boolean | string
  beforeAll(async () => {
    warehouse = await startD1()
  }, 60_000)
  afterAll(() => warehouse.stop())
  beforeEach(async () => {
    await warehouse.clear()
    loads = new StagedLoads(warehouse, {}, { gathers })
    refuses = true
    loads.wrap = refusing((step, table, rows, columns) => {
      if (table !== 'order_completed' || step === 'columns' || refuses === false) return
      const isMeant = (names: readonly string[]) => refuses === true || names.includes(String(refuses))
      if (step === 'widen' ? isMeant(columns) : refuses === true || rows.some((row) => isMeant(Object.keys(row))))
        throw denied()
    })
  })

  const ids = async (table: string) =>
    (await warehouse.tables()).includes(table) ? (await warehouse.ids(table)).toSorted() : []
  const heldObjects = () => loads.objects.filter((key) => key.startsWith('held/'))

  test('a table that refuses waits, its events are no dead letters, all others are loaded, and it is loaded once it takes rows again', async () => {
    await loads.send(order(1), view(1), order(2))
    expect(await loads.send(order(3), view(2))).toMatchObject({ done: true })
    expect(await ids('product_viewed')).toEqual(['view-1', 'view-2'])
    expect(await ids('tracks')).toEqual(['order-1', 'order-2', 'order-3', 'view-1', 'view-2'])
    expect(await ids('order_completed')).toEqual([])
    expect(loads.letters).toEqual([])
    expect(loads.held.list()).toEqual([
      {
        table: 'order_completed',
        reason: 'permission denied for table order_completed',
        since: expect.any(Number),
        tries: 1,
        files: 2,
        events: 3,
        blocked: true,
        nextAttemptAt: expect.any(Number),
      },
    ])
    expect(heldObjects()).toHaveLength(2)

    refuses = false
    loads.aheadMs = minute
    await loads.send(order(4))
    expect(await ids('order_completed')).toEqual(['order-1', 'order-2', 'order-3', 'order-4'])
    expect(loads.held.list()).toEqual([])
    expect(loads.objects).toEqual([])
  })

  test('a table that refuses is tried after 60 s, and after twice as long each time, up to 30 minutes', async () => {
    await loads.send(order(1))
    await loads.send(order(2), view(1))
    const waits: number[] = []
    for (let i = 0; i < 8; i++) {
      const [table] = loads.held.list()
      waits.push(Math.round(((table?.nextAttemptAt ?? 0) - loads.now()) / 1_000 / 2) * 2)
      loads.aheadMs += (table?.nextAttemptAt ?? 0) - loads.now() + 1
      await loads.load()
    }
    expect(waits).toEqual([58, 118, 238, 478, 958, 1_798, 1_798, 1_798])
  })

  test('a table that refuses keeps the order: a later row does not overtake one with its id', async () => {
    await loads.send(order(1, { total: 1 }), view(1))
    refuses = false
    await loads.send(order(1, { total: 2 }, '2026-11-22T11:00:00.000Z'))
    expect(await ids('order_completed')).toEqual([])
    loads.aheadMs = minute
    await loads.load()
    expect(await warehouse.rows('order_completed')).toMatchObject([{ id: 'order-1', total: 2 }])
  })

  test('a table that refuses gives its events up as dead letters after 180 minutes and four attempts, each once, and then takes what comes', async () => {
    await loads.send(order(1), view(1))
    for (const minutes of [1, 3, 7, 15, 31, 60, 90, 120, 150, 179]) {
      loads.aheadMs = minutes * minute
      await loads.load()
    }
    expect(loads.letters).toEqual([])
    loads.aheadMs = 181 * minute
    await loads.send(order(2))
    loads.aheadMs = 212 * minute
    await loads.load()
    expect(loads.letters).toEqual([
      expect.objectContaining({
        stage: 'load',
        messageId: 'order-1',
        code: 'warehouse_failed',
        reason: 'permission denied for table order_completed',
        event: JSON.stringify(order(1)),
      }),
    ])
    refuses = false
    loads.aheadMs = 300 * minute
    await loads.load()
    expect(await ids('order_completed')).toEqual(['order-2'])
    expect(loads.objects).toEqual([])
  })

  test('a table that refuses a column has only rows wait that have it, and later rows with one of their ids wait behind them', async () => {
    refuses = 'cursed'
    await loads.send(order(1), order(2, { cursed: 1 }), order(3), view(1))
    await loads.send(order(4), order(2, { total: 9 }, '2026-11-22T11:00:00.000Z'))
    expect(await ids('order_completed')).toEqual(['order-1', 'order-3', 'order-4'])
    expect(loads.held.list()).toMatchObject([{ blocked: false, events: 2 }])
    expect(loads.letters).toEqual([])
    refuses = false
    loads.aheadMs = minute
    await loads.load()
    expect(await warehouse.rows('order_completed')).toMatchObject([
      { id: 'order-1' },
      { id: 'order-2', total: 9 },
      { id: 'order-3' },
      { id: 'order-4' },
    ])
    expect(loads.held.list()).toEqual([])
  })

  test('a table that refuses is loaded of what it takes when it takes some of what waits, and the rest goes on waiting', async () => {
    await loads.send(order(1), order(2, { cursed: 1 }), view(1))
    refuses = 'cursed'
    loads.aheadMs = minute
    await loads.send(order(3))
    expect(await ids('order_completed')).toEqual(['order-1', 'order-3'])
    expect(loads.held.list()).toMatchObject([{ blocked: false, events: 1, tries: 2 }])
    refuses = false
    loads.aheadMs = 10 * minute
    await loads.load()
    expect(await ids('order_completed')).toEqual(['order-1', 'order-2', 'order-3'])
    expect(loads.objects).toEqual([])
  })

  test('a table that refuses loses and doubles nothing when the loader crashes before or after one of its steps', async () => {
    let crashes = 0
    // Each third step, which is both of the two ways of each kind: all of them take minutes.
    for (let at = 1; ; at += 3) {
      await warehouse.clear()
      loads = new StagedLoads(warehouse, { skipTracksTable: true }, { gathers })
      loads.wrap = refusing((step, table, rows) => {
        if (table === 'order_completed' && step === 'load' && refuses !== false) throw denied()
        if (rows.some((row) => row['coupon'] === 'VOID'))
          throw new SluicewayError('warehouse_failed', 'value refused', { details: { scope: 'rows' } })
      })
      let steps = 0
      let hasCrashed = false
      loads.crashes = () => ++steps === at && (hasCrashed = true)
      /** Runs the loader until a run is not cut off; the tables may be another way after a crash. */
      const run = async (afterCrash: () => void = () => {}) => {
        while ((await loads.load()).error === 'crashed') {
          loads.restart()
          afterCrash()
        }
      }
      refuses = true
      // A value of each slice is discarded, and one row is refused: its event is a dead letter.
      await loads.stage([order(1, { quantity: 1 }), view(1), order(2, { quantity: 'two' })])
      await loads.stage([{ ...view(2), properties: { coupon: 'VOID' } }])
      await run(() => (refuses = at % 2 === 0))
      await loads.stage([
        { ...view(3), properties: { price: 1 } },
        { ...view(4), properties: { price: 'free' } },
        order(3),
      ])
      await run()
      refuses = false
      loads.aheadMs = 20 * minute
      await run()
      loads.aheadMs = 40 * minute
      await run()
      const where = `crash at step ${at}`
      expect(await ids('order_completed'), where).toEqual(['order-1', 'order-2', 'order-3'])
      expect(await ids('product_viewed'), where).toEqual(['view-1', 'view-3', 'view-4'])
      const discards = await warehouse.query(
        'SELECT row_id, column_name, column_value FROM rudder_discards ORDER BY row_id',
      )
      expect(discards, where).toEqual([
        { row_id: 'order-2', column_name: 'quantity', column_value: 'two' },
        { row_id: 'view-2', column_name: '*', column_value: expect.stringContaining('"coupon":"VOID"') },
        { row_id: 'view-4', column_name: 'price', column_value: 'free' },
      ])
      expect(
        loads.letters.map(({ messageId }) => messageId),
        where,
      ).toEqual(['view-2'])
      expect(loads.held.list(), where).toEqual([])
      expect(loads.objects, where).toEqual([])
      if (!hasCrashed) break
      crashes++
    }
    expect(crashes).toBeGreaterThan(15)
  }, 300_000)
})

describe('PostgreSQL', () => {
  let warehouse: RealWarehouse
  beforeAll(async () => {
    warehouse = await startPostgresWarehouse()
  }, 120_000)
  afterAll(() => warehouse?.stop())

  test('PostgreSQL has a table that became a view wait, and the others loaded, until it is a table again', async () => {
    const loads = new StagedLoads(warehouse)
    await loads.send(order(1), view(1))
    const schema = warehouse.schema ?? ''
    await warehouse.query(`ALTER TABLE ${schema}order_completed RENAME TO orders_of_old`)
    await warehouse.query(`CREATE VIEW ${schema}order_completed AS SELECT id FROM ${schema}orders_of_old`)
    await loads.send(order(2), view(2))
    expect(await warehouse.ids('product_viewed')).toHaveLength(2)
    expect(loads.letters).toEqual([])
    expect(loads.held.list()).toMatchObject([
      { events: 1, blocked: true, reason: expect.stringContaining('"order_completed" (42809)') },
    ])
    await warehouse.query(`DROP VIEW ${schema}order_completed`)
    await warehouse.query(`ALTER TABLE ${schema}orders_of_old RENAME TO order_completed`)
    loads.aheadMs = minute
    await loads.load()
    expect((await warehouse.ids('order_completed')).toSorted()).toEqual(['order-1', 'order-2'])
  })
})
