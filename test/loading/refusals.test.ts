import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { SluicewayError } from '../../src/core/errors.ts'
import type { Event } from '../../src/core/event.ts'
import type { FailureScope } from '../../src/core/warehouse.ts'
import { RPC_BYTES } from '../../src/platform/limits.ts'
import { startD1, type RealWarehouse } from '../support/real-warehouses.ts'
import { withSeed } from '../support/seed.ts'
import { refusing } from './refusing.ts'
import { StagedLoads } from './staged-loads.ts'

const order = (n: number, event = 'Order Completed', properties: object = {}): Event => ({
  type: 'track',
  messageId: `order-${n}`,
  userId: 'ada',
  event,
  properties: { order_id: `o-${n}`, ...properties },
})

const failure = (scope: FailureScope | undefined, message = `refused: ${scope}`) =>
  new SluicewayError('warehouse_failed', message, { details: scope === undefined ? {} : { scope } })

describe.each([
  ['a warehouse that refuses', false],
  ['a warehouse that refuses what was gathered', true],
])('%s', (_name, gathers) => {
  let warehouse: RealWarehouse
  let loads: StagedLoads
  beforeAll(async () => {
    warehouse = await startD1()
  }, 60_000)
  afterAll(() => warehouse.stop())
  beforeEach(async () => {
    await warehouse.clear()
    loads = new StagedLoads(warehouse, {}, { gathers })
  })

  const idsOf = async (table: string) => (await warehouse.rows(table)).map(({ id }) => String(id))
  const buried = () => loads.letters.map(({ messageId }) => messageId).toSorted()

  test('one column has the one event wait that has it, and none of its table', async () => {
    loads.wrap = refusing((step, _, __, columns) => {
      if (step === 'widen' && columns.includes('cursed')) throw failure('table')
    })
    const events = [1, 2, 3, 4, 5].map((n) => order(n, 'Order Completed', n === 4 ? { cursed: 1 } : {}))
    expect((await loads.send(...events)).error).toBeUndefined()
    expect(await idsOf('order_completed')).toEqual(['order-1', 'order-2', 'order-3', 'order-5'])
    expect(await idsOf('tracks')).toHaveLength(5)
    expect(buried()).toEqual([])
    expect(loads.held.list()).toMatchObject([{ table: 'order_completed', events: 1, blocked: false }])
  })

  test('rudder_discards altogether keeps the events of its discards as dead letters, and loads all others', async () => {
    loads.wrap = refusing((_, table) => {
      if (table === 'rudder_discards') throw failure('table')
    })
    const events = [1, 2, 3].map((n) => order(n, 'Order Completed', { quantity: n === 2 ? 'two' : n }))
    expect((await loads.send(...events)).error).toBeUndefined()
    expect(await idsOf('order_completed')).toEqual(['order-1', 'order-2', 'order-3'])
    expect(buried()).toEqual(['order-2'])
  })

  test('a row for its value has it in rudder_discards, whole and once, and its event as a dead letter', async () => {
    let refuses = true
    loads.wrap = refusing((step, table, rows) => {
      if (refuses && step === 'load' && table === 'order_completed' && rows.some((row) => row['coupon'] === 'VOID'))
        throw failure('rows', 'value too long for the column "coupon"')
    })
    const events = [1, 2, 3].map((n) => order(n, 'Order Completed', { coupon: n === 2 ? 'VOID' : 'SPRING' }))
    await loads.send(...events)
    expect(await idsOf('order_completed')).toEqual(['order-1', 'order-3'])
    expect(await idsOf('tracks')).toEqual(['order-1', 'order-2', 'order-3'])
    expect(buried()).toEqual(['order-2'])
    // Somebody replays its dead letter, first too early.
    await loads.send(order(2, 'Order Completed', { coupon: 'VOID' }))
    refuses = false
    await loads.send(order(2, 'Order Completed', { coupon: 'VOID' }))
    expect(await idsOf('order_completed')).toEqual(['order-1', 'order-2', 'order-3'])
    const discards = await warehouse.query('SELECT * FROM rudder_discards')
    expect(discards).toMatchObject([
      {
        table_name: 'order_completed',
        row_id: 'order-2',
        column_name: '*',
        reason: 'value too long for the column "coupon"',
      },
    ])
    expect(JSON.parse(String(discards[0]?.['column_value']))).toMatchObject({
      id: 'order-2',
      order_id: 'o-2',
      coupon: 'VOID',
      user_id: 'ada',
    })
  })

  test.each([
    ['has no connection', undefined],
    ['says so of itself', 'warehouse'],
  ] as const)('a warehouse that refuses and %s buries nothing, and loads all of it later', async (_, scope) => {
    let down = true
    loads.wrap = refusing(() => {
      if (down) throw failure(scope, 'the connection was lost')
    })
    expect((await loads.send(order(1), order(2))).error).toMatch('the connection was lost')
    expect(loads.letters).toEqual([])
    down = false
    expect((await loads.load()).error).toBeUndefined()
    expect(await idsOf('order_completed')).toEqual(['order-1', 'order-2'])
  })

  test('every table in the same way is at fault itself, and buries nothing', async () => {
    let wrong = true
    loads.wrap = refusing(() => {
      if (wrong) throw failure('table', 'permission denied')
    })
    expect((await loads.send(order(1), order(2), order(3, 'Product Viewed'))).error).toMatch('permission denied')
    expect(loads.letters).toEqual([])
    wrong = false
    await loads.load()
    expect(await idsOf('tracks')).toEqual(['order-1', 'order-2', 'order-3'])
  })

  test('a row for a moment takes it a moment later, without a dead letter', async () => {
    let times = 0
    loads.wrap = refusing((step, table) => {
      if (step === 'load' && table === 'order_completed' && times++ < 2) throw failure('table', 'hiccup')
    })
    await loads.send(order(1))
    expect(await idsOf('order_completed')).toEqual(['order-1'])
    expect(loads.letters).toEqual([])
  })

  test('98 events of 500 KB has their dead letters stored in calls that the platform carries, and ordinary events load', async () => {
    const lost = (n: number): Event =>
      ({ ...order(n), type: 'telepathy', note: '数'.repeat(170_000) }) as unknown as Event
    await loads.send(order(999, 'Ordinary'), ...Array.from({ length: 98 }, (_, n) => lost(n)), order(1_000, 'Ordinary'))
    expect(await idsOf('ordinary')).toEqual(['order-1000', 'order-999'])
    expect(loads.letters).toHaveLength(98)
    expect(Math.max(...loads.letterCalls)).toBeLessThan(RPC_BYTES)
  })

  test('one of the identifies of a user keeps the traits of the others', async () => {
    loads.wrap = refusing((step, _, rows) => {
      if (step === 'load' && rows.some((row) => row['city'] === 'Atlantis')) throw failure('rows')
    })
    const identify = (n: number, traits: object): Event => ({
      type: 'identify',
      messageId: `identify-${n}`,
      userId: 'ada',
      traits: traits as Record<string, unknown>,
      receivedAt: `2026-11-22T1${n}:00:00.000Z`,
    })
    await loads.send(
      identify(1, { name: 'Ada Byron' }),
      identify(2, { city: 'Atlantis' }),
      identify(3, { title: 'Countess' }),
    )
    expect(await warehouse.rows('users')).toMatchObject([{ name: 'Ada Byron', title: 'Countess' }])
    expect(buried()).toEqual(['identify-2'])
  })

  test('at random, in every step, for rows, tables or all, and crashes, loses no event, and ordinary events load', async () => {
    await withSeed(
      async (random) => {
        await warehouse.clear()
        loads = new StagedLoads(warehouse, {}, { gathers })
        const chance = (of: number) => random.next() < of
        const names = ['Ordinary', 'Product Viewed', 'Cart Viewed', 'Map Moved', 'Order Completed']
        // What is refused for ever: some tables, some rows, some columns.
        const cursed = new Set(
          names
            .slice(1)
            .filter(() => chance(0.3))
            .map((name) => name.toLowerCase().replace(' ', '_')),
        )
        if (chance(0.3)) cursed.add('rudder_discards')
        const isCursed = (row: Record<string, unknown>) => row['mood'] === 'cursed'
        let steady = false
        loads.crashes = () => !steady && chance(0.01)
        loads.wrap = refusing((step, table, rows, columns) => {
          if (!steady && chance(0.05)) throw failure(random.pick(['table', 'warehouse', 'invocation'] as const))
          if (cursed.has(table) && step !== 'columns') throw failure('table', `${table} is no table`)
          if (columns.includes('cursed_column')) throw failure('table', 'no such column')
          if (rows.some(isCursed)) throw failure('rows')
        })
        for (let run = 0; run < 6; run++) {
          const events = Array.from({ length: random.whole(1, 30) }, (_, i) => {
            const event = random.pick(names)
            if (event === 'Ordinary') return order(run * 100 + i, event, { n: i })
            const mood = chance(0.1) ? 'cursed' : 'fine'
            const odd = chance(0.1) ? { cursed_column: 1 } : {}
            return order(run * 100 + i, event, { mood, n: chance(0.2) ? 'odd' : i, ...odd })
          })
          await loads.send(...events)
          loads.restart()
          loads.aheadMs += random.whole(0, 60) * 60_000
        }
        steady = true
        await loads.stage([order(9_999, 'Ordinary', { n: 1 })])
        for (let i = 0; i < 10 && !(await loads.load()).done; i++);
        // What is refused for ever is given up.
        for (let i = 0; i < 12; i++) {
          loads.aheadMs += 31 * 60_000
          await loads.load()
        }
        expect(loads.held.list()).toEqual([])
        expect(loads.objects).toEqual([])
        const tables = await warehouse.tables()
        const stored = new Set((await Promise.all(['tracks', ...tables].map(idsOf))).flat())
        const letters = new Set(loads.letters.map(({ messageId }) => messageId))
        const ownTable = (event: Event) => String(event['event']).toLowerCase().replace(' ', '_')
        const inTable = new Map<string, Set<string>>()
        for (const table of tables) inTable.set(table, new Set(await idsOf(table)))
        for (const [id, event] of loads.staged) {
          expect(stored.has(id) || letters.has(id), `${id} is nowhere`).toBe(true)
          expect(inTable.get(ownTable(event))?.has(id) === true || letters.has(id), `${id} is lost`).toBe(true)
          if (event['event'] === 'Ordinary')
            expect(inTable.get('ordinary')?.has(id), `${id} is not in its table`).toBe(true)
        }
      },
      { runs: 6 },
    )
  }, 120_000)
})
