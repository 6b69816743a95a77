import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Columns } from '../../src/core/warehouse.ts'
import { moreColumn } from '../../src/warehouses/mapping/more-column.ts'
import { loadOf, type RecordLoad } from '../support/load-of.ts'
import type { EngineHarness } from './engine-harness.ts'
import { gatheringSuite } from './gathering-suite.ts'

const track: Columns = { id: 'string', event: 'string', total: 'float', received_at: 'datetime' }
const receivedAt = '2026-11-22T10:00:00.000Z'

/**
 * The obligations of `Engine` (src/core/warehouse.ts), for every driver.
 *
 * @param name of the engine, and how it is reached
 * @param start gives the engine, and a look into its tables
 * @param offers what the engine does beside the rest: `gathers` where it has `gather`
 */
export function engineSuite(
  name: string,
  start: () => Promise<EngineHarness>,
  { gathers = false }: { readonly gathers?: boolean } = {},
): void {
  describe(`the engine ${name}`, () => {
    let harness: EngineHarness
    beforeAll(async () => {
      harness = await start()
    }, 60_000)
    afterAll(() => harness?.stop())

    const fill = async (load: Omit<RecordLoad, 'id' | 'merge'> & Partial<Pick<RecordLoad, 'id' | 'merge'>>) => {
      await harness.engine.widen(load.table, load.columns)
      await loadRows({ id: 'load-1', merge: 'replace', ...load })
    }
    const loadRows = (load: RecordLoad) => harness.engine.load(loadOf(load))

    test(`the engine ${name} knows no columns of a table that does not exist`, async () => {
      expect(await harness.engine.columns('never_seen')).toBeNull()
    })

    test(`the engine ${name} creates a table and remembers the logical types of its columns`, async () => {
      const columns: Columns = {
        id: 'string',
        quantity: 'int',
        total: 'float',
        gift: 'boolean',
        received_at: 'datetime',
        coupon: 'string',
        cart: 'json',
      }
      await harness.engine.widen('order_completed', columns)
      expect(await harness.engine.columns('order_completed')).toEqual(columns)
    })

    test(`the engine ${name} adds columns to a table, and does nothing when that is repeated`, async () => {
      await harness.engine.widen('product_viewed', { id: 'string', sku: 'string' })
      await loadRows({
        id: 'load-1',
        table: 'product_viewed',
        columns: { id: 'string', sku: 'string' },
        rows: [{ id: 'view-1', sku: 'S-1' }],
        merge: 'replace',
      })
      for (const _ of [1, 2]) await harness.engine.widen('product_viewed', { price: 'float', sku: 'string' })
      expect(await harness.engine.columns('product_viewed')).toEqual({ id: 'string', sku: 'string', price: 'float' })
      expect(await harness.rows('product_viewed')).toEqual([{ id: 'view-1', sku: 'S-1', price: null }])
    })

    test(`the engine ${name} creates a table of 250 columns and widens it by 150 more`, async () => {
      const columns = (from: number, to: number): Columns =>
        Object.fromEntries(Array.from({ length: to - from }, (_, i) => [`property_${from + i}`, 'int']))
      await harness.engine.widen('wide', { ...columns(0, 249), id: 'string' })
      await harness.engine.widen('wide', columns(249, 399))
      const known = (await harness.engine.columns('wide')) as Columns
      expect(Object.keys(known)).toHaveLength(400)
      expect(known['property_398']).toBe('int')
      const used: Columns = { id: 'string', property_0: 'int', property_200: 'int', property_398: 'int' }
      const load = { table: 'wide', columns: used, merge: 'replace' } as const
      await loadRows({ ...load, id: 'load-1', rows: [{ id: 'w-1', property_0: 1, property_398: 398 }] })
      await loadRows({
        ...load,
        id: 'load-2',
        merge: 'coalesce',
        rows: [{ id: 'w-1', property_200: 200, property_398: null }],
      })
      expect((await harness.rows('wide'))[0]).toMatchObject({ property_0: 1, property_200: 200, property_398: 398 })
    })

    test(`the engine ${name} loads values of every type unchanged`, async () => {
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
      const rows = [
        {
          id: 'a',
          n: 1815,
          total: 129.9,
          gift: true,
          at: receivedAt,
          name: 'Ada Lovelace',
          note: 'x',
          cart: '{"n":1}',
        },
        { id: 'b', n: -1, total: -0.5, gift: false, at: '0001-01-01T00:00:00.000Z', name: '', note: ' ', cart: '[]' },
        { id: 'c', n: 9007199254740991, total: 1e21, gift: null, at: null, name: null, note: null, cart: null },
        {
          id: 'd',
          n: 0,
          total: 3,
          gift: null,
          at: '9999-12-31T23:59:59.999Z',
          name: '\\N',
          note: '\t \r\n\b\f\v',
          cart: '"x"',
        },
        {
          id: 'e',
          n: null,
          total: null,
          name: `Zoë's "𝔄" 数学 😀`,
          note: String.raw`a\tb\\c\.`,
          cart: String.raw`{"k":"\"\\n\t𝔄'"}`,
        },
        { id: 'f', n: 0, total: 0, gift: null, at: null, name: '42', note: '1.50', cart: '42' },
      ]
      await fill({ table: 'all_types', columns, rows })
      const withoutCart = ({ cart, ...row }: Record<string, unknown>) => ({ ...row, hasCart: cart !== null })
      const empty = { n: null, total: null, gift: null, at: null, name: null, note: null, cart: null }
      const stored = await harness.rows('all_types')
      expect(stored.map(withoutCart)).toEqual(rows.map((row) => withoutCart({ ...empty, ...row })))
      expect(stored.map(({ cart }) => (cart === null ? null : JSON.parse(String(cart))))).toEqual(
        rows.map(({ cart }) => (cart === null ? null : JSON.parse(cart))),
      )
    })

    test(`the engine ${name} keeps integers beyond 2^53 that are given as text`, async () => {
      await fill({ table: 'large', columns: { id: 'string', n: 'int' }, rows: [{ id: 'a', n: '9007199254740993' }] })
      const stored = await harness.rows('large')
      expect(String(stored[0]?.['n'])).toBe('9007199254740993')
    })

    test(`the engine ${name} loses no more than U+0000 and half surrogate pairs: keeps the rest of the text and the row`, async () => {
      const columns: Columns = { id: 'string', name: 'string', cart: 'json', city: 'string' }
      const row = { id: 'a', name: 'Ada\0Lovelace', cart: JSON.stringify({ 'k\0': 'a\0b\ud800' }), city: 'London' }
      await fill({ table: 'nul', columns, rows: [row] })
      const [stored] = await harness.rows('nul')
      const clean = (text: unknown) => String(text).replaceAll(/\0|\\u0000/g, '')
      expect(clean(stored?.['name'])).toBe('AdaLovelace')
      expect(stored).toMatchObject({ id: 'a', city: 'London' })
      const cart = JSON.parse(clean(stored?.['cart'])) as { readonly k: string }
      expect(cart.k.toWellFormed()).toBe('ab\ufffd')
    })

    test(`the engine ${name} does not double a row when a load is repeated, whatever the merge`, async () => {
      const columns: Columns = { id: 'string', name: 'string' }
      const rows = [
        { id: 'order-1', name: 'Ada Lovelace' },
        { id: 'order-2', name: 'Charles Babbage' },
      ]
      for (const merge of ['replace', 'coalesce', 'append'] as const) {
        for (const _ of [1, 2]) await fill({ id: 'load-7', table: `repeat_${merge}`, columns, rows, merge })
        expect(await harness.rows(`repeat_${merge}`), merge).toEqual(rows)
      }
    })

    test(`the engine ${name} puts a replaced row wholly in the place of the old one`, async () => {
      const later = '2026-11-23T10:00:00.000Z'
      const load = { table: 'replaced', columns: track } as const
      await fill({ ...load, rows: [{ id: 'order-1', event: 'order_completed', total: 10, received_at: receivedAt }] })
      await fill({
        table: 'replaced',
        columns: { id: 'string', event: 'string', received_at: 'datetime' },
        id: 'load-2',
        rows: [{ id: 'order-1', event: 'x', received_at: later }],
      })
      expect(await harness.rows('replaced')).toEqual([{ id: 'order-1', event: 'x', total: null, received_at: later }])
      expect(await harness.count('replaced')).toBe(1)
    })

    test(`the engine ${name} takes two loads of one id that have other rows, as the halves of one that failed`, async () => {
      const load = { table: 'halves', columns: track, id: 'load-1' } as const
      for (const half of ['order-1', 'order-2'])
        await fill({ ...load, rows: [{ id: half, event: 'order_completed', total: 1, received_at: receivedAt }] })
      expect((await harness.rows('halves')).map(({ id }) => id)).toEqual(['order-1', 'order-2'])
    })

    test(`the engine ${name} keeps what a coalesced row does not say anew`, async () => {
      const columns: Columns = { id: 'string', name: 'string', city: 'string' }
      const load = { table: 'users', columns, merge: 'coalesce' } as const
      await fill({ ...load, rows: [{ id: 'ada', name: 'Ada Byron', city: 'London' }] })
      await fill({
        ...load,
        id: 'load-2',
        rows: [
          { id: 'ada', name: 'Ada Lovelace', city: null },
          { id: 'charles', city: 'Teignmouth' },
        ],
      })
      expect(await harness.rows('users')).toEqual([
        { id: 'ada', name: 'Ada Lovelace', city: 'London' },
        { id: 'charles', name: null, city: 'Teignmouth' },
      ])
    })

    test(`the engine ${name} lets a coalesced row that comes late fill what is missing, and overwrite nothing`, async () => {
      const columns: Columns = { id: 'string', name: 'string', city: 'string', plan: 'string', received_at: 'datetime' }
      const load = { table: 'late', columns, merge: 'coalesce' } as const
      for (const table of ['late', 'users']) {
        const to = { ...load, table }
        await fill({ ...to, id: `1`, rows: [{ id: 'grace', name: 'Grace Hopper', received_at: receivedAt }] })
        const late = { name: 'Grace Murray', city: 'New York', received_at: '2026-11-21T10:00:00.000Z' }
        for (const _ of [1, 2]) await fill({ ...to, id: `2`, rows: [{ id: 'grace', ...late }] })
        await fill({ ...to, id: `3`, rows: [{ id: 'grace', plan: 'pro', received_at: '2026-11-22T10:00:00.001Z' }] })
        expect((await harness.rows(table)).filter(({ id }) => id === 'grace')).toMatchObject([
          {
            id: 'grace',
            name: 'Grace Hopper',
            city: 'New York',
            plan: 'pro',
            received_at: '2026-11-22T10:00:00.001Z',
          },
        ])
      }
    })

    test(`the engine ${name} lets the later of two coalesced rows of the same time win, and a null overwrite nothing`, async () => {
      const columns: Columns = { id: 'string', name: 'string', city: 'string', received_at: 'datetime' }
      const load = { table: 'users', columns, merge: 'coalesce' } as const
      const row = { id: 'dorothy', received_at: receivedAt }
      await fill({ ...load, id: 'tie-1', rows: [{ ...row, name: 'Dorothy Johnson', city: 'Hampton' }] })
      for (const _ of [1, 2])
        await fill({ ...load, id: 'tie-2', rows: [{ ...row, name: 'Dorothy Vaughan', city: null }] })
      expect((await harness.rows('users')).filter(({ id }) => id === 'dorothy')).toMatchObject([
        { name: 'Dorothy Vaughan', city: 'Hampton', received_at: receivedAt },
      ])
    })

    test(`the engine ${name} folds two loads of one id and one user, as the parts of a row that was folded and failed`, async () => {
      const columns: Columns = { id: 'string', name: 'string', city: 'string', received_at: 'datetime' }
      const load = { table: 'users', columns, merge: 'coalesce', id: 'load-1' } as const
      await fill({ ...load, rows: [{ id: 'annie', name: 'Annie Easley', received_at: receivedAt }] })
      await fill({ ...load, rows: [{ id: 'annie', city: 'Cleveland', received_at: receivedAt }] })
      const annie = (await harness.rows('users')).filter((row) => row['id'] === 'annie')
      expect(annie).toMatchObject([{ id: 'annie', name: 'Annie Easley', city: 'Cleveland' }])
    })

    test(`the engine ${name} folds the columns that have no room, too`, async () => {
      const columns: Columns = { id: 'string', received_at: 'datetime', [moreColumn]: 'json' }
      const load = { table: 'users', columns, merge: 'coalesce' } as const
      const more = (value: object, received_at: string) => [
        { id: 'mary', received_at, [moreColumn]: JSON.stringify(value) },
      ]
      await fill({ ...load, id: 'more-1', rows: more({ answer_1: 1, answer_2: 2 }, receivedAt) })
      await fill({ ...load, id: 'more-2', rows: more({ answer_2: 3, answer_3: 3 }, '2026-11-22T10:00:00.001Z') })
      const mary = (await harness.rows('users')).find(({ id }) => id === 'mary')
      const kept = mary?.[moreColumn]
      expect({ ...mary, ...(typeof kept === 'string' ? (JSON.parse(kept) as object) : {}) }).toMatchObject({
        answer_1: 1,
        answer_2: 3,
        answer_3: 3,
      })
    })

    test(`the engine ${name} appends the same rows again under another load id`, async () => {
      const columns: Columns = { table_name: 'string', row_id: 'string' }
      const load = {
        table: 'rudder_discards',
        columns,
        rows: [{ table_name: 'tracks', row_id: 'order-1' }],
        merge: 'append',
      } as const
      for (const id of ['load-1', 'load-1', 'load-2']) await fill({ ...load, id })
      expect(await harness.rows('rudder_discards', 'row_id')).toHaveLength(2)
    })

    test(`the engine ${name} loads 10,000 rows at once`, async () => {
      const rows = Array.from({ length: 10_000 }, (_, i) => ({
        id: `order-${i}`,
        event: 'order_completed',
        total: i + 0.5,
        received_at: receivedAt,
      }))
      await fill({ table: 'many', columns: track, rows })
      expect(await harness.count('many')).toBe(10_000)
      await fill({ table: 'many', columns: track, rows: rows.slice(0, 5_000), id: 'load-2' })
      expect(await harness.count('many')).toBe(10_000)
    })

    test(`the engine ${name} takes values in the order of the columns of the load, which is not that of the table`, async () => {
      await harness.engine.widen('ordered', track)
      const columns = (['total', 'received_at', 'id', 'event'] as const).map((column) => ({
        name: column,
        type: track[column] ?? 'string',
      }))
      const rows = [
        [129.9, receivedAt, 'order-1', 'order_completed'],
        [null, receivedAt, 'order-0', 'order_refunded'],
      ]
      for (const id of ['load-1', 'load-2'])
        await harness.engine.load({ id, table: 'ordered', columns, rows, merge: 'replace' })
      expect(await harness.rows('ordered')).toEqual([
        { id: 'order-0', event: 'order_refunded', total: null, received_at: receivedAt },
        { id: 'order-1', event: 'order_completed', total: 129.9, received_at: receivedAt },
      ])
    })

    test(`the engine ${name} gives a column a wider type, if it changes types, and loses no value`, async () => {
      const { engine } = harness
      const before: Columns = { id: 'string', total: 'int', name: 'string' }
      await fill({ table: 'retyped', columns: before, rows: [{ id: 'a', total: 10, name: 'Ada Lovelace' }] })
      const wider = engine.widerType?.('int', 'float')
      if (engine.retype === undefined || wider === undefined) return
      expect(wider).toBe('float')
      for (const _ of [1, 2]) await engine.retype('retyped', { total: 'float' })
      const columns: Columns = { ...before, total: 'float' }
      expect(await engine.columns('retyped')).toEqual(columns)
      await fill({ table: 'retyped', columns, rows: [{ id: 'b', total: 39.95, name: null }], id: 'load-2' })
      await engine.widen('retyped', { city: 'string' })
      expect(await engine.columns('retyped')).toEqual({ ...columns, city: 'string' })
      expect(await harness.rows('retyped')).toEqual([
        { id: 'a', total: 10, name: 'Ada Lovelace', city: null },
        { id: 'b', total: 39.95, name: null, city: null },
      ])
    })

    test(`the engine ${name} takes any name for a table or a column as a name, not as SQL`, async () => {
      const allNames = ['order "final"', `x'; DROP TABLE "victim"; --`, 'Größe 数', 'a.b', 'per%cent', '$1 ?']
      const { refusesNames = false, names: oddNames = allNames } = harness
      const names = ['select', ...(refusesNames ? [] : oddNames)]
      await fill({ table: 'victim', columns: { id: 'string' }, rows: [{ id: 'still here' }] })
      if (refusesNames)
        for (const name of [...oddNames, 'a`b']) {
          const refused = { code: 'warehouse_failed', details: { scope: 'table' } }
          await expect(harness.engine.widen(name, { id: 'string' })).rejects.toMatchObject(refused)
          await expect(harness.engine.widen('victim', { [name]: 'string' })).rejects.toMatchObject(refused)
        }
      for (const odd of names) {
        const columns: Columns = { id: 'string', [odd]: 'string' }
        await fill({ table: odd, columns, rows: [{ id: 'a', [odd]: `'); DROP TABLE "victim"; --` }] })
        expect(await harness.engine.columns(odd)).toEqual(columns)
        expect(await harness.rows(odd)).toEqual([{ id: 'a', [odd]: `'); DROP TABLE "victim"; --` }])
      }
      expect(await harness.rows('victim')).toEqual([{ id: 'still here' }])
      expect(await harness.tables()).toEqual(expect.arrayContaining([...names]))
    })

    test(`the engine ${name} takes a column named as what every object inherits`, async () => {
      const columns = Object.fromEntries(['id', 'constructor'].map((name) => [name, 'string' as const]))
      await fill({ table: 'inherited', columns, rows: [{ id: 'a' }, { id: 'b', constructor: 'Babbage' }] })
      expect((await harness.rows('inherited')).map((row) => row['constructor'])).toEqual([null, 'Babbage'])
    })

    test(`the engine ${name} leaves nothing half when a load fails, and works afterwards`, async () => {
      await fill({ table: 'half', columns: track, rows: [{ id: 'order-0', event: 'order_completed' }] })
      const rows = Array.from({ length: 2_000 }, (_, i) => ({ id: `order-${i}`, event: 'order_completed' }))
      const broken = [...rows, { id: null, event: 'x'.repeat(100) }]
      await expect(
        loadRows({ id: 'load-2', table: 'half', columns: track, rows: broken, merge: 'replace' }),
      ).rejects.toMatchObject({ code: 'warehouse_failed', details: { scope: 'rows' } })
      expect(await harness.count('half')).toBe(1)
      await fill({ table: 'half', columns: track, rows, id: 'load-3' })
      expect(await harness.count('half')).toBe(2_000)
    })

    test(`the engine ${name} says warehouse_failed when a load names a column that is not there`, async () => {
      await harness.engine.widen('narrow', { id: 'string' })
      const load = { id: 'load-1', table: 'narrow', columns: { id: 'string', ghost: 'int' }, merge: 'append' } as const
      await expect(loadRows({ ...load, rows: [{ id: 'a', ghost: 1 }] })).rejects.toMatchObject({
        code: 'warehouse_failed',
      })
    })

    if (gathers) gatheringSuite(name, () => harness)
    else
      test(`the engine ${name} does not gather loads, since a statement for each costs little there`, () => {
        expect(harness.engine.gather).toBeUndefined()
      })
  })
}
