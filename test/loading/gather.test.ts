import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { SluicewayError } from '../../src/core/errors.ts'
import type { Event } from '../../src/core/event.ts'
import type { FailureScope } from '../../src/core/warehouse.ts'
import { type RealWarehouse, startPostgresWarehouse } from '../support/real-warehouses.ts'
import { gathering, type GatherStep } from './gathering.ts'
import { refusing } from './refusing.ts'
import { StagedLoads } from './staged-loads.ts'

/** Events of a slice of the test: so many have a note that fills it. */
const sliceEvents = 12
const note = 'Please ring twice. '.repeat(7_000)

const order = (n: number, properties: object = {}, more: Partial<Event> = {}): Event => ({
  type: 'track',
  messageId: `order-${n}`,
  userId: 'ada',
  event: 'Order Completed',
  properties: { order_id: `o-${n}`, ...properties },
  context: { note },
  ...more,
})
const signUp = (n: number, traits: object, receivedAt: string): Event => ({
  type: 'identify',
  messageId: `sign-up-${n}`,
  userId: 'ada',
  receivedAt,
  context: { traits },
})
const orders = (from: number, to: number, properties: (n: number) => object = () => ({})): Event[] =>
  Array.from({ length: to - from }, (_, i) => order(from + i, properties(from + i)))

const failure = (scope: FailureScope) =>
  new SluicewayError('warehouse_failed', `refused: ${scope}`, { details: { scope } })

describe('slices that are gathered', () => {
  let warehouse: RealWarehouse
  let loads: StagedLoads
  let steps: GatherStep[]
  const merges = () => steps.filter(({ step }) => step === 'merge').length
  const pieces = (table: string) => steps.filter((one) => one.step === 'stage' && one.table === table).length
  beforeAll(async () => {
    warehouse = await startPostgresWarehouse()
  }, 60_000)
  afterAll(() => warehouse.stop())
  beforeEach(async () => {
    await warehouse.clear()
    loads = new StagedLoads(warehouse, { skipTracksTable: true })
    steps = []
    loads.wrap = gathering((step) => steps.push(step))
  })

  const rowsOf = (table: string) => warehouse.rows(table)
  const idsOf = async (table: string) => (await rowsOf(table)).map(({ id }) => String(id)).toSorted()
  const idsOfOrders = (from: number, to: number) =>
    orders(from, to)
      .map(({ messageId }) => messageId)
      .toSorted()
  const buried = () => loads.letters.map(({ messageId }) => messageId).toSorted()

  test('slices that are gathered are merged with one statement, and each event is there once', async () => {
    for (let file = 0; file < 10; file++) await loads.stage(orders(file * 10, file * 10 + 10))
    expect(await loads.load()).toEqual({ discards: 0, done: true })
    expect(pieces('order_completed')).toBeGreaterThan(5)
    expect(merges()).toBe(1)
    expect(await idsOf('order_completed')).toEqual(idsOfOrders(0, 100))
    expect(loads.objects).toEqual([])
    expect(steps.at(-1)).toEqual({ step: 'drop' })
  })

  test('a row that comes again takes the place of the one before, and is there once', async () => {
    await loads.stage([...orders(0, 40), order(3, { coupon: 'WINTER' })])
    expect((await loads.load()).done).toBe(true)
    expect(merges()).toBe(2)
    expect(await idsOf('order_completed')).toEqual(idsOfOrders(0, 40))
    const found = (await rowsOf('order_completed')).find(({ id }) => id === 'order-3')
    expect(found).toMatchObject({ coupon: 'WINTER' })
  })

  test('traits of a user are folded over all slices, whatever their order', async () => {
    await loads.send(signUp(0, { plan: 'trial', city: 'Paris' }, '2026-11-22T10:00:02.000Z'))
    await loads.stage([
      signUp(1, { plan: 'paid' }, '2026-11-22T10:00:05.000Z'),
      ...orders(0, 2 * sliceEvents),
      signUp(2, { plan: 'free', name: 'Ada' }, '2026-11-22T10:00:01.000Z'),
      ...orders(2 * sliceEvents, 4 * sliceEvents),
      signUp(3, { email: 'ada@example.com' }, '2026-11-22T10:00:04.000Z'),
    ])
    expect((await loads.load()).done).toBe(true)
    expect(merges()).toBe(2)
    expect(await rowsOf('users')).toMatchObject([
      {
        id: 'ada',
        context_traits_plan: 'paid',
        context_traits_city: 'Paris',
        context_traits_name: 'Ada',
        context_traits_email: 'ada@example.com',
      },
    ])
    expect(await idsOf('identifies')).toEqual(['sign-up-0', 'sign-up-1', 'sign-up-2', 'sign-up-3'])
  })

  test('columns that come later, and types that get wider, lose no value', async () => {
    const total = (n: number) => (n < 40 ? 10 : 39.95)
    await loads.stage(orders(0, 80, (n) => ({ total: total(n), ...(n % 3 === 0 ? { [`extra_${n % 12}`]: n } : {}) })))
    expect((await loads.load()).done).toBe(true)
    expect(merges()).toBeLessThan(5)
    const rows = await rowsOf('order_completed')
    expect(rows).toHaveLength(80)
    for (const row of rows) {
      const n = Number(String(row['id']).slice('order-'.length))
      expect(Number(row['total'])).toBe(total(n))
      if (n % 3 === 0) expect(Number(row[`extra_${n % 12}`])).toBe(n)
    }
    expect(buried()).toEqual([])
  })

  test('a row that the warehouse refuses becomes a dead letter, and all others are loaded', async () => {
    loads.wrap = (engine) =>
      gathering((step) => steps.push(step))(
        refusing((step, _, rows) => {
          if (step === 'load' && rows.some(({ id }) => id === 'order-57')) throw failure('rows')
        })(engine),
      )
    for (let file = 0; file < 12; file++) await loads.stage(orders(file * 10, file * 10 + 10))
    expect((await loads.load()).done).toBe(true)
    expect(await idsOf('order_completed')).toEqual(idsOfOrders(0, 120).filter((id) => id !== 'order-57'))
    expect(buried()).toEqual(['order-57'])
    // It takes fewer attempts than there are slices.
    expect(merges()).toBeLessThan(12)
    expect(loads.position.gather).toBeGreaterThan(1)
  })

  test('a table that refuses its rows waits, others are gathered meanwhile, and it gets all of them later', async () => {
    let isLocked = true
    loads.wrap = (engine) =>
      gathering((step) => steps.push(step))(
        refusing((step, table) => {
          if (step === 'load' && isLocked && table === 'order_refunded') throw failure('table')
        })(engine),
      )
    const refund = (n: number) => ({ ...order(n), event: n % 5 === 0 ? 'Order Refunded' : 'Order Completed' })
    const all = Array.from({ length: 100 }, (_, n) => refund(n))
    for (let file = 0; file < 5; file++) await loads.stage(all.slice(file * 20, file * 20 + 20))
    expect((await loads.load()).done).toBe(true)
    expect(await idsOf('order_completed')).toHaveLength(80)
    expect(loads.held.list()).toMatchObject([{ table: 'sluiceway.order_refunded', events: 20, blocked: true }])
    steps.length = 0
    await loads.send(...Array.from({ length: 50 }, (_, n) => refund(100 + n)))
    expect(merges()).toBe(1)
    expect(loads.held.list()).toMatchObject([{ table: 'sluiceway.order_refunded', events: 30 }])
    isLocked = false
    loads.aheadMs = 3_600_000
    expect((await loads.load()).done).toBe(true)
    expect(await idsOf('order_completed')).toHaveLength(120)
    expect(await idsOf('order_refunded')).toHaveLength(30)
    expect(loads.held.list()).toEqual([])
    expect(buried()).toEqual([])
  })

  test('a warehouse that is down buries nothing, and gets everything once it is back', async () => {
    let isDown = true
    loads.wrap = (engine) =>
      gathering()(
        refusing((step) => {
          if (step === 'load' && isDown) throw failure('warehouse')
        })(engine),
      )
    await loads.stage(orders(0, 60))
    expect((await loads.load()).error).toMatch('refused: warehouse')
    expect(buried()).toEqual([])
    isDown = false
    expect((await loads.load()).done).toBe(true)
    expect(await idsOf('order_completed')).toEqual(idsOfOrders(0, 60))
  })

  test('a merge that takes the warehouse too long is tried again with fewer slices', async () => {
    loads.wrap = (engine) =>
      gathering()(
        refusing((step, _, rows) => {
          if (step === 'load' && rows.length > 30) throw failure('warehouse')
        })(engine),
      )
    await loads.stage(orders(0, 100))
    expect((await loads.load()).error).toMatch('refused: warehouse')
    for (let run = 0; run < 10 && !(await loads.load()).done; run++);
    expect(await idsOf('order_completed')).toEqual(idsOfOrders(0, 100))
    expect(buried()).toEqual([])
  })

  test('the limits of an invocation have fewer slices gathered, and all of them loaded in the end', async () => {
    let calls = 0
    loads.wrap = (engine) =>
      gathering((step) => {
        if (step.step === 'stage' && ++calls > 3) throw failure('invocation')
      })(engine)
    await loads.stage(orders(0, 100))
    for (let run = 0, done = false; !done; run++) {
      expect(run).toBeLessThan(30)
      calls = 0
      ;({ done } = await loads.load())
    }
    expect(await idsOf('order_completed')).toEqual(idsOfOrders(0, 100))
    expect(buried()).toEqual([])
  })

  test('what is written when the time is used up is merged, and the next run goes on behind it', async () => {
    await loads.stage(orders(0, 100))
    let slices = 0
    loads.wrap = gathering((step) => {
      steps.push(step)
      if (step.step === 'stage' && ++slices === 3) loads.aheadMs += 60_000
    })
    loads.deadline = () => loads.now() + 30_000
    expect((await loads.load()).done).toBe(false)
    expect(merges()).toBe(1)
    const first = await idsOf('order_completed')
    expect(first.length).toBeGreaterThan(2 * sliceEvents - 5)
    expect(first.length).toBeLessThan(100)
    expect((await loads.load()).done).toBe(true)
    expect(await idsOf('order_completed')).toEqual(idsOfOrders(0, 100))
    expect(pieces('order_completed')).toBeLessThan(2 * Math.ceil(100 / sliceEvents))
  })

  test('rows that wait by a plan of an earlier run are not overtaken by those of slices behind them', async () => {
    let isLocked = false
    loads.wrap = (engine) =>
      gathering()(
        refusing((step, table) => {
          if (step === 'load' && isLocked && table === 'users') throw failure('table')
        })(engine),
      )
    await loads.send(signUp(0, { plan: 'trial' }, '2026-11-22T10:00:00.000Z'))
    isLocked = true
    await loads.send(signUp(1, { city: 'Paris' }, '2026-11-22T10:00:01.000Z'))
    await loads.stage([
      signUp(2, { plan: 'paid' }, '2026-11-22T10:00:02.000Z'),
      ...orders(0, sliceEvents),
      signUp(3, { name: 'Ada' }, '2026-11-22T10:00:03.000Z'),
    ])
    loads.crashes = (where) => where === 'after put'
    expect((await loads.load()).error).toBe('crashed')
    loads.crashes = () => false
    loads.restart()
    isLocked = false
    for (let run = 0; run < 3; run++) {
      loads.aheadMs += 120_000
      await loads.load()
    }
    expect(loads.held.list()).toEqual([])
    expect(await rowsOf('users')).toMatchObject([
      { context_traits_plan: 'paid', context_traits_city: 'Paris', context_traits_name: 'Ada' },
    ])
  })

  test('a file that cannot be read to its end gives the slices before, as do the files before it', async () => {
    await loads.stage(orders(0, 40))
    await loads.stage(orders(40, 80))
    await loads.damage(loads.objects[1] as string)
    expect((await loads.load()).error).toMatch('cannot be read')
    const first = await idsOf('order_completed')
    expect(first.length).toBeGreaterThan(80 - sliceEvents)
    expect(first).toEqual(idsOfOrders(0, first.length))
    expect(merges()).toBe(1)
  })

  test('what is discarded of many slices is appended at once, and each is there once after a crash, also when slices then go one by one', async () => {
    const isOdd = (n: number) => n % 10 === 3
    await loads.send(order(1_000, { total: 1 }))
    steps.length = 0
    await loads.stage(orders(0, 60, (n) => ({ total: isOdd(n) ? 'forty' : n })))
    loads.crashes = (where) => where === 'after appendTogether'
    expect(await loads.load()).toMatchObject({ error: 'crashed' })
    expect(steps.filter(({ step }) => step === 'append')).toEqual([{ step: 'append', loads: 5 }])
    loads.crashes = () => false
    loads.restart()
    expect(loads.position.ends.length).toBeGreaterThan(4)
    loads.position.gatherFewer(1)
    // The first slice is loaded by itself, and the next ones are merged together again.
    loads.crashes = (where) => where === 'after merge'
    expect(await loads.load()).toMatchObject({ error: 'crashed' })
    loads.crashes = () => false
    loads.restart()
    loads.position.gatherFewer(1)
    expect((await loads.load()).done).toBe(true)
    expect(loads.position.ends).toEqual([])
    const discards = (await rowsOf('rudder_discards')).map((row) => String(row['row_id']))
    expect(discards.toSorted()).toEqual([3, 13, 23, 33, 43, 53].map((n) => `order-${n}`).toSorted())
    expect(await idsOf('order_completed')).toEqual([...idsOfOrders(0, 60), 'order-1000'].toSorted())
  })

  test('a crash before or after any step leaves each event, discard and dead letter there once', async () => {
    const isOdd = (n: number) => n % 9 === 4
    const all = orders(0, 60, (n) => ({ total: isOdd(n) ? 'forty' : n }))
    const tooLong = order(60, {}, { messageId: `order-${'6'.repeat(900)}` })
    let crashes = 0
    for (let at = 1, hasCrashed = true; hasCrashed; at += 3) {
      await warehouse.clear()
      loads = new StagedLoads(warehouse, { skipTracksTable: true })
      loads.wrap = gathering()
      await loads.send(order(1_000, { total: 1 }))
      let step = 0
      hasCrashed = false
      loads.crashes = () => ++step === at && (hasCrashed = true)
      await loads.stage(all.slice(0, 30))
      await loads.stage([...all.slice(30), tooLong])
      await loads.load()
      loads.crashes = () => false
      loads.restart()
      for (let run = 0; run < 5 && !(await loads.load()).done; run++);
      expect(await idsOf('order_completed')).toEqual([...idsOfOrders(0, 60), 'order-1000'].toSorted())
      const discards = (await rowsOf('rudder_discards')).map((row) => String(row['row_id']))
      expect(discards.toSorted()).toEqual(
        all
          .filter((_, n) => isOdd(n))
          .map(({ messageId }) => messageId)
          .toSorted(),
      )
      expect(buried()).toEqual([tooLong.messageId])
      if (hasCrashed) crashes++
    }
    expect(crashes).toBeGreaterThan(8)
  }, 120_000)
})
