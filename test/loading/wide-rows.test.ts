import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { type RealWarehouse, startD1, startPostgresWarehouse } from '../support/real-warehouses.ts'
import { plainOrder } from '../support/sample-events.ts'
import { StagedLoads } from './staged-loads.ts'

const receivedAt = '2026-11-22T10:00:00.000Z'
const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}_${i + 10}`)
const order = (n: number, properties: readonly string[]): Event =>
  plainOrder(`order-${n}`, {
    receivedAt,
    properties: Object.fromEntries(properties.map((name) => [name, `${name} ${n}`])),
  })

describe.each([
  ['D1', startD1],
  ['PostgreSQL', startPostgresWarehouse],
] as const)('rows that are wider than a row may be, in %s', (_, start) => {
  let warehouse: RealWarehouse
  let loads: StagedLoads
  beforeAll(async () => {
    warehouse = await start()
  }, 120_000)
  afterAll(() => warehouse?.stop())
  beforeEach(async () => {
    await warehouse.clear()
    loads = new StagedLoads(warehouse, { maxColumns: 50, skipTracksTable: true })
  })

  /** Which columns of a row have a value, and which values are in the column for the rest. */
  async function placesOf(n: number) {
    const [found = {}] = await warehouse.query(
      `SELECT * FROM ${warehouse.schema ?? ''}order_completed WHERE id = 'order-${n}'`,
    )
    const { _sluiceway_more: more, ...row } = found
    const rest = (typeof more === 'string' ? JSON.parse(more) : (more ?? {})) as Record<string, unknown>
    const filled = Object.keys(row).filter((name) => /_\d\d$/.test(name) && row[name] !== null)
    for (const [name, value] of Object.entries(rest)) expect(value).toBe(`${name} ${n}`)
    for (const name of filled) expect(row[name]).toBe(`${name} ${n}`)
    return { columns: filled.toSorted(), rest: Object.keys(rest).toSorted() }
  }

  test('rows that are wider than a row may be have the same values beyond it when they have the same keys, in whatever order', async () => {
    const keys = names('answer', 80)
    await loads.send(order(1, keys), order(2, keys.toReversed()))
    await loads.send(order(3, keys.toReversed()))
    const places = await placesOf(1)
    expect(places.columns.length).toBeGreaterThan(20)
    expect([...places.columns, ...places.rest].toSorted()).toEqual(keys)
    expect(await placesOf(2)).toEqual(places)
    expect(await placesOf(3)).toEqual(places)
  })

  test('rows that are wider than a row may be keep values in the columns that are there, and what is new is beyond', async () => {
    const few = names('answer', 10)
    await loads.send(order(1, few))
    // One of the same load, and one of an earlier.
    await loads.send(order(2, names('choice', 5)), order(3, [...names('new', 60), ...few, ...names('choice', 5)]))
    const { columns, rest } = await placesOf(3)
    expect(columns).toEqual(expect.arrayContaining([...few, ...names('choice', 5)]))
    expect(rest.every((name) => name.startsWith('new_'))).toBe(true)
    // What is new then has its columns from now on.
    await loads.send(order(4, [...names('newer', 60), ...names('new', 60)]))
    const later = await placesOf(4)
    expect(later.columns).toEqual(expect.arrayContaining(columns.filter((name) => name.startsWith('new_'))))
  })

  test('rows that are wider than a row may be have the whole event in its own column', async () => {
    loads = new StagedLoads(warehouse, { maxColumns: 50, storeFullEvent: true })
    const page = (id: string, prefix: string): Event => ({
      ...order(1, names(prefix, 80)),
      type: 'page',
      messageId: id,
    })
    // Of the second, more columns are there than a row has room for.
    await loads.send(page('page-1', 'answer'))
    await loads.send(page('page-2', 'answer'))
    const rows = await warehouse.query(`SELECT id, rudder_event FROM ${warehouse.schema ?? ''}pages ORDER BY id`)
    const wholeOf = (whole: unknown) => (typeof whole === 'string' ? (JSON.parse(whole) as unknown) : whole)
    expect(rows.map(({ id, rudder_event: whole }) => [id, wholeOf(whole)])).toMatchObject([
      ['page-1', { messageId: 'page-1' }],
      ['page-2', { messageId: 'page-2' }],
    ])
  })

  test.each([17, 20, 23, 24])(
    'rows that are wider than a row may be, of texts of %i characters, are loaded, and nothing of them is lost',
    async (length) => {
      loads = new StagedLoads(warehouse)
      const keys = names('answer', 900)
      const textOf = (name: string) => name.padEnd(length, 'x')
      const wide = plainOrder('order-1', {
        receivedAt,
        properties: Object.fromEntries(keys.map((name) => [name, textOf(name)])),
      })
      expect((await loads.send(wide, order(2, []))).error).toBeUndefined()
      expect(loads.letters).toEqual([])
      const [row, other] = await warehouse.rows('order_completed')
      expect(keys.filter((name) => row?.[name] !== textOf(name))).toEqual([])
      expect(other).toMatchObject({ id: 'order-2' })
    },
  )

  test('rows that are wider than a row may be are cut as others where their channel is "sources"', async () => {
    loads = new StagedLoads(warehouse)
    const keys = names('answer', 1_600)
    expect((await loads.send({ ...order(1, keys), channel: 'sources' }, order(2, []))).error).toBeUndefined()
    expect(loads.letters).toEqual([])
    const [row, other] = await warehouse.rows('order_completed')
    expect(keys.filter((name) => row?.[name] !== `${name} 1`)).toEqual([])
    expect(other).toMatchObject({ id: 'order-2' })
  })
})

describe('a row that no page of PostgreSQL holds', () => {
  let warehouse: RealWarehouse
  beforeAll(async () => {
    warehouse = await startPostgresWarehouse()
  }, 120_000)
  afterAll(() => warehouse?.stop())

  test.each([1, 40, 3_000])(
    'a row that no page of PostgreSQL holds makes a dead letter of its event, beside %i others that are loaded',
    async (others) => {
      await warehouse.clear()
      const loads = new StagedLoads(warehouse, { maxColumns: 1_500 })
      const ordinary = Array.from({ length: others }, (_, i) => order(i + 1, ['answer_10']))
      const wide = order(0, names('answer', 1_400))
      const report = await loads.send(...ordinary.slice(0, others / 2), wide, ...ordinary.slice(others / 2))
      expect(report.error).toBeUndefined()
      expect(loads.letters.map(({ messageId, code, reason }) => ({ messageId, code, reason }))).toEqual([
        { messageId: 'order-0', code: 'warehouse_failed', reason: expect.stringMatching(/row is too big.*54000/) },
      ])
      const ids = ordinary.map(({ messageId }) => messageId)
      expect((await warehouse.ids('order_completed')).toSorted()).toEqual(ids.toSorted())
      expect((await warehouse.ids('tracks')).toSorted()).toEqual(['order-0', ...ids].toSorted())
    },
  )
})
