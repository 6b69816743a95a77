import { expect, test } from 'vitest'
import type { Columns, Gathering } from '../../src/core/warehouse.ts'
import { loadOf, type RecordLoad } from '../support/load-of.ts'
import type { EngineHarness } from './engine-harness.ts'

/** A load as these tests write it. */
type Rows = Pick<RecordLoad, 'table' | 'columns' | 'rows'>

const receivedAt = '2026-11-22T10:00:00.000Z'
const orders: Columns = { id: 'string', event: 'string', received_at: 'datetime' }
const orderOf = (id: string, more: object = {}) => ({
  id,
  event: 'order_completed',
  received_at: receivedAt,
  ...more,
})

/** The obligations of `Gathering` (src/core/warehouse.ts), for every engine that has `gather`. */
export function gatheringSuite(name: string, harnessOf: () => EngineHarness): void {
  const begin = (): Gathering => {
    const gathering = harnessOf().engine.gather?.(crypto.randomUUID())
    if (gathering === undefined) throw new Error(`the engine ${name} has no gather`)
    return gathering
  }
  /** Stages loads as the loader does: the tables are widened just before. */
  const stage = async (gathering: Gathering, id: string, loads: readonly Rows[]): Promise<void> => {
    for (const { table, columns } of loads) await harnessOf().engine.widen(table, columns)
    await gathering.stage(loads.map((load) => loadOf({ id, merge: 'replace', ...load })))
  }
  const load = async (rows: Rows): Promise<void> => {
    await harnessOf().engine.widen(rows.table, rows.columns)
    await harnessOf().engine.load(loadOf({ id: 'before', merge: 'replace', ...rows }))
  }
  /** Nothing waits any more, where it can be told. */
  const expectNothingWaits = async (): Promise<void> => {
    const { waiting } = harnessOf()
    if (waiting !== undefined) expect(await waiting()).toBe(0)
  }

  test(`the engine ${name} appends loads together, and each of them once, by itself or with others`, async () => {
    const { engine, rows } = harnessOf()
    const columns: Columns = { row_id: 'string', column_value: 'string', received_at: 'datetime' }
    const discard = (id: string, value: string) => ({ row_id: id, column_value: value, received_at: receivedAt })
    const loadNamed = (id: string, ...some: object[]) =>
      loadOf({ id, table: 'gathered_discards', columns, merge: 'append', rows: some as never })
    const [one, two, three] = [
      loadNamed('slice-1', discard('order-1', 'forty'), discard('order-2', 'forty')),
      loadNamed('slice-2', discard('order-3', 'Ünïcode')),
      loadNamed('slice-3', discard('order-1', 'forty')),
    ] as const
    const all = ['order-1', 'order-1', 'order-2', 'order-3']
    const there = async () => (await rows('gathered_discards', 'row_id')).map((row) => String(row['row_id'])).toSorted()
    await engine.widen('gathered_discards', columns)
    await engine.load(two)
    await engine.appendTogether?.([one, two, three])
    expect(await there()).toEqual(all)
    await engine.appendTogether?.([one, three])
    await engine.load(one)
    expect(await there()).toEqual(all)
  })

  test(`the engine ${name} merges what was gathered of two tables, whose columns grow, and nothing before`, async () => {
    const { rows } = harnessOf()
    const tracks = { table: 'gathered_tracks', columns: orders }
    const wide = { table: 'gathered_orders', columns: { ...orders, total: 'float' } as Columns }
    const wider = { ...wide, columns: { ...wide.columns, coupon: 'string', gift: 'boolean' } as Columns }
    const early = { ...wide, columns: { ...orders, city: 'string' } as Columns }
    await load({ ...early, rows: [orderOf('order-1', { event: 'order_started', city: 'London' }), orderOf('order-0')] })
    const before = await rows('gathered_orders')
    const steps: readonly (readonly [string, readonly Rows[]])[] = [
      [
        '1',
        [
          { ...wide, rows: [orderOf('order-1', { total: 129.9 })] },
          { ...tracks, rows: [orderOf('order-1')] },
        ],
      ],
      ['2', [{ ...wider, rows: [orderOf('order-2', { total: 1, coupon: 'SPRING', gift: true }), orderOf('order-3')] }]],
      [
        '3',
        [
          { ...wider, rows: [orderOf('order-4', { gift: false })] },
          { ...tracks, rows: [orderOf('order-2'), orderOf('order-4')] },
        ],
      ],
    ]
    const stored = (one: object) => ({ city: null, total: null, coupon: null, gift: null, ...one })
    // All again, under another id, changes nothing.
    for (const _ of [1, 2]) {
      const gathering = begin()
      for (const [id, loads] of steps) await stage(gathering, id, loads)
      if (_ === 1) {
        expect(await rows('gathered_orders')).toEqual(
          before.map((row) => ({ ...row, total: null, coupon: null, gift: null })),
        )
        expect(await rows('gathered_tracks')).toEqual([])
      }
      await gathering.merge()
      await gathering.drop()
      expect(await rows('gathered_orders')).toEqual([
        stored(orderOf('order-0')),
        // A row is replaced as a whole.
        stored(orderOf('order-1', { total: 129.9 })),
        stored(orderOf('order-2', { total: 1, coupon: 'SPRING', gift: true })),
        stored(orderOf('order-3')),
        stored(orderOf('order-4', { gift: false })),
      ])
      expect(await rows('gathered_tracks')).toEqual(['order-1', 'order-2', 'order-4'].map((id) => orderOf(id)))
      expect(await harnessOf().count('gathered_orders')).toBe(5)
      await expectNothingWaits()
    }
  })

  test(`the engine ${name} leaves tables as they were where what was gathered is dropped`, async () => {
    await load({ table: 'gather_dropped', columns: orders, rows: [orderOf('order-1')] })
    const gathering = begin()
    for (const id of ['1', '2'])
      await stage(gathering, id, [
        { table: 'gather_dropped', columns: orders, rows: [orderOf(`order-${id}`, { event: 'order_refunded' })] },
      ])
    for (const _ of [1, 2]) await gathering.drop()
    expect(await harnessOf().rows('gather_dropped')).toEqual([orderOf('order-1')])
    await expectNothingWaits()
  })

  test(`the engine ${name} merges nothing where nothing was gathered`, async () => {
    const gathering = begin()
    await gathering.stage([])
    await stage(gathering, '1', [{ table: 'gather_empty', columns: orders, rows: [] }])
    await gathering.merge()
    await gathering.drop()
    expect(await harnessOf().rows('gather_empty')).toEqual([])
    await expectNothingWaits()
  })

  test(`the engine ${name} speaks of the table where what was gathered has none, and merges once it is there`, async () => {
    const rows = { table: 'gather_gone', columns: orders, rows: [orderOf('order-1')] }
    const lost = begin()
    const merged = (async () => {
      await lost.stage([loadOf({ id: '1', merge: 'replace', ...rows })])
      await lost.merge()
    })()
    await expect(merged).rejects.toMatchObject({ code: 'warehouse_failed', details: { scope: 'table' } })
    await lost.drop()
    await expectNothingWaits()
    const gathering = begin()
    await stage(gathering, '1', [rows])
    await gathering.merge()
    await gathering.drop()
    expect(await harnessOf().rows('gather_gone')).toEqual([orderOf('order-1')])
    await expectNothingWaits()
  })

  test(`the engine ${name} speaks of rows where one that is gathered has no id, and keeps nothing of them`, async () => {
    const rows = [...Array.from({ length: 100 }, (_, i) => orderOf(`order-${i}`)), { ...orderOf(''), id: null }]
    const broken = begin()
    const merged = (async () => {
      await stage(broken, '1', [{ table: 'gather_ids', columns: orders, rows }])
      await broken.merge()
    })()
    await expect(merged).rejects.toMatchObject({ code: 'warehouse_failed', details: { scope: 'rows' } })
    await broken.drop()
    expect(await harnessOf().count('gather_ids')).toBe(0)
    await expectNothingWaits()
  })

  test(`the engine ${name} gathers values of every type unchanged`, async () => {
    const columns: Columns = {
      id: 'string',
      n: 'int',
      total: 'float',
      gift: 'boolean',
      at: 'datetime',
      name: 'string',
      note: 'text',
      cart: 'json',
    }
    const empty = { n: null, total: null, gift: null, at: null, name: null, note: null, cart: null }
    const first = [
      { id: 'a', n: 1815, total: 129.9, gift: true, at: receivedAt, name: 'Ada', note: 'x', cart: '{"n":1}' },
      { id: 'b', n: -1, total: -0.5, gift: false, at: '0001-01-01T00:00:00.000Z', name: '', note: ' ', cart: '[]' },
    ]
    const second = [
      { ...empty, id: 'c', n: 9007199254740991, total: 1e21 },
      { ...empty, id: 'd', n: 0, total: 3, at: '9999-12-31T23:59:59.999Z', name: '\\N', note: '\t \r\n\b\f\v' },
    ]
    const third = [
      { ...empty, id: 'e', name: `Zoë's "𝔄" 数学 😀`, note: String.raw`a\tb\\c\.`, cart: String.raw`{"k":"\"\\n𝔄'"}` },
      { ...empty, id: 'f', n: 0, total: 0, name: '42', note: '1.50', cart: '42' },
    ]
    const gathering = begin()
    for (const [at, rows] of [first, second, third].entries())
      await stage(gathering, String(at), [{ table: 'gathered_types', columns, rows }])
    await gathering.merge()
    await gathering.drop()
    const withoutCart = ({ cart, ...row }: Record<string, unknown>) => ({ ...row, hasCart: cart !== null })
    const stored = await harnessOf().rows('gathered_types')
    const given = [...first, ...second, ...third]
    expect(stored.map(withoutCart)).toEqual(given.map(withoutCart))
    const carts = (all: readonly Record<string, unknown>[]) =>
      all.map(({ cart }): unknown => (cart === null ? null : JSON.parse(String(cart))))
    expect(carts(stored)).toEqual(carts(given))
  })

  test(`the engine ${name} gathers many loads of many tables, and merges them all`, async () => {
    const tables = Array.from({ length: 7 }, (_, i) => `gathered_many_${i}`)
    const gathering = begin()
    for (let n = 0; n < 5; n++)
      await stage(
        gathering,
        String(n),
        tables.map((table) => ({
          table,
          columns: orders,
          rows: Array.from({ length: 40 }, (_, i) => orderOf(`${table}-${n}-${i}`)),
        })),
      )
    await gathering.merge()
    await gathering.drop()
    for (const table of tables) {
      const ids = (await harnessOf().rows(table)).map(({ id }) => id)
      expect(new Set(ids).size).toBe(200)
      expect(ids).toHaveLength(200)
      expect(ids.every((id) => String(id).startsWith(`${table}-`))).toBe(true)
    }
    await expectNothingWaits()
  })
}
