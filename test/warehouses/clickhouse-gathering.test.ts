// What ClickHouse gets of loads that are gathered: few inserts, and each row once without FINAL, whatever breaks off.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Columns, Gathering } from '../../src/core/warehouse.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { loadOf, type RecordLoad } from '../support/load-of.ts'
import { type RealClickHouseWarehouse, startClickHouseWarehouse } from '../support/real-clickhouse.ts'
import { crashEachStep, expectOrdersOnce, gatheredOrders } from './gathered-orders.ts'

const columns: Columns = { id: 'string', event: 'string', total: 'float', received_at: 'datetime' }
const order = (id: string, more: Record<string, unknown> = {}) => ({
  id,
  event: 'order_completed',
  total: 39.95,
  received_at: '2026-11-29T10:00:00.000Z',
  ...more,
})

let warehouse: RealClickHouseWarehouse
beforeAll(async () => {
  warehouse = await startClickHouseWarehouse()
}, 60_000)
afterAll(() => warehouse?.stop())
beforeEach(async () => {
  await warehouse.clear()
  await warehouse.query(`CREATE DATABASE ${warehouse.database}`)
})
afterEach(() => {
  vi.restoreAllMocks()
})

/** All rows as they lie there, without FINAL. */
const stored = (table: string, column = 'id') =>
  warehouse
    .query(`SELECT "${column}" AS told FROM ${warehouse.schema}${table} ORDER BY 1`)
    .then((rows) => rows.map(({ told }) => String(told)))
/** Statements that the server gets from here on, and how many bytes of rows they bring. */
const watchStatements = (): { readonly inserts: number[]; reads: number; deletes: number } => {
  const seen = { inserts: [] as number[], reads: 0, deletes: 0 }
  const real = globalThis.fetch
  vi.spyOn(globalThis, 'fetch').mockImplementation((url, init) => {
    const { body } = init ?? {}
    if (body instanceof Uint8Array) seen.inserts.push(body.byteLength)
    else if (typeof body === 'string' && body.startsWith('SELECT toString')) seen.reads++
    else if (typeof body === 'string' && body.startsWith('DELETE')) seen.deletes++
    return real(url, init)
  })
  return seen
}

describe('loads of ClickHouse that are gathered', () => {
  const engineOf = () => warehouse.use.open({}, warehouse.namespace)
  const stage = async (gathering: Gathering, n: number, more: Partial<RecordLoad> = {}): Promise<void> => {
    const load = { table: 'tracks', columns, rows: [order(`order-${n}`)], ...more }
    await engineOf().widen(load.table, load.columns)
    await gathering.stage([loadOf({ id: `staging/tables/0/1/${n}`, merge: 'replace', ...load })])
  }
  const gather = () => engineOf().gather?.('gather-1') as Gathering

  test('twenty loads of a table ask once for their ids, and are one part that ClickHouse reads as a whole', async () => {
    const gathering = gather()
    for (let n = 0; n < 20; n++)
      await stage(gathering, n, {
        rows: Array.from({ length: 500 }, (_, i) =>
          order(`order-${n}-${i}`, { total: i, event: `Bestellung für ${i}` }),
        ),
      })
    const held = gathering.heldBytes ?? 0
    const seen = watchStatements()
    await gathering.merge()
    expect(seen).toMatchObject({ reads: 1, deletes: 0 })
    expect(seen.inserts).toHaveLength(1)
    expect(held).toBeGreaterThan(seen.inserts[0] ?? 0)
    expect(new Set(await stored('tracks')).size).toBe(10_000)
    expect(await stored('tracks')).toHaveLength(10_000)
    const [sums] = await warehouse.query(
      `SELECT sum(total) AS total, uniqExact(_part) AS parts, countIf(event = 'Bestellung für 7') AS sevens FROM ${warehouse.schema}tracks`,
    )
    expect(sums).toEqual({ total: 20 * 124_750, parts: '1', sevens: '20' })
  })

  test('columns that come later make an insert of their own, and no other', async () => {
    const wide = { ...columns, coupon: 'string' } as Columns
    const gathering = gather()
    await stage(gathering, 1)
    for (const n of [2, 3])
      await stage(gathering, n, { columns: wide, rows: [order(`order-${n}`, { coupon: 'SPRING' })] })
    const seen = watchStatements()
    await gathering.merge()
    expect(seen.inserts).toHaveLength(2)
    const rows = await warehouse.query(`SELECT id, coupon FROM ${warehouse.schema}tracks ORDER BY id`)
    expect(rows).toEqual([
      { id: 'order-1', coupon: null },
      { id: 'order-2', coupon: 'SPRING' },
      { id: 'order-3', coupon: 'SPRING' },
    ])
  })

  test('what comes again with the same time or another one takes the place of what is there, also where parts are not merged', async () => {
    for (const [n, total] of [10, 20, 30].entries()) {
      const gathering = gather()
      await stage(gathering, 10 * n, { rows: [order('order-1', { total }), order('order-2', { total })] })
      const late = { total, received_at: `2026-11-2${n}T10:00:00.000Z` }
      await stage(gathering, 10 * n + 1, { rows: [order('order-3', late), order(`order-4${n}`)] })
      await gathering.merge()
      expect(await warehouse.query(`SELECT id, total FROM ${warehouse.schema}tracks ORDER BY id`)).toEqual([
        { id: 'order-1', total },
        { id: 'order-2', total },
        { id: 'order-3', total },
        ...[0, 1, 2].slice(0, n + 1).map((i) => ({ id: `order-4${i}`, total: 39.95 })),
      ])
    }
  })

  test('a server that takes no name of a part in a DELETE keeps the older row until it merges the parts', async () => {
    await engineOf().widen('tracks', columns)
    const real = globalThis.fetch
    const code = { 'x-clickhouse-exception-code': '47' }
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (url, init) => {
      const { body } = init ?? {}
      const isOfPart = typeof body === 'string' && body.startsWith('DELETE') && body.includes('_part')
      return isOfPart
        ? new Response('Code: 47. Unknown identifier _part', { status: 404, headers: code })
        : real(url, init)
    })
    for (const [n, total] of [10, 20].entries())
      await engineOf().load(
        loadOf({ table: 'tracks', columns, merge: 'replace', id: String(n), rows: [order('order-1', { total })] }),
      )
    expect(await stored('tracks')).toEqual(['order-1', 'order-1'])
    await warehouse.query(`OPTIMIZE TABLE ${warehouse.schema}tracks FINAL`)
    expect(await warehouse.query(`SELECT id, total FROM ${warehouse.schema}tracks`)).toEqual([
      { id: 'order-1', total: 20 },
    ])
  })

  test('a row with the same id and time that the table refuses leaves the one that is there', async () => {
    await engineOf().widen('tracks', columns)
    await warehouse.query(
      `ALTER TABLE ${warehouse.schema}tracks ADD CONSTRAINT "positive" CHECK "total" > 0 OR "total" IS NULL`,
    )
    const load = { table: 'tracks', columns, merge: 'replace' } as const
    await engineOf().load(loadOf({ ...load, id: '1', rows: [order('order-1')] }))
    const refused = engineOf().load(loadOf({ ...load, id: '2', rows: [order('order-1', { total: -1 })] }))
    await expect(refused).rejects.toMatchObject({ details: { scope: 'rows' } })
    expect(await warehouse.query(`SELECT id, total FROM ${warehouse.schema}tracks`)).toEqual([
      { id: 'order-1', total: 39.95 },
    ])
  })

  test('discards of one load that take many megabytes are there as a whole, also where the connection breaks in between', async () => {
    const discards: Columns = { row_id: 'string', column_value: 'string', received_at: 'datetime' }
    const rows = Array.from({ length: 90 }, (_, i) => ({
      row_id: `order-${i}`,
      column_value: 'x'.repeat(100_000),
      received_at: '2026-11-29T10:00:00.000Z',
    }))
    const load = loadOf({ id: '1', table: 'rudder_discards', columns: discards, rows, merge: 'append' })
    await engineOf().widen('rudder_discards', discards)
    const real = globalThis.fetch
    let inserts = 0
    const broken = vi.spyOn(globalThis, 'fetch').mockImplementation((url, init) => {
      const text = Buffer.from((init?.body ?? '') as string).toString()
      return text.startsWith('INSERT') && ++inserts === 2
        ? Promise.reject(new Error('the connection broke'))
        : real(url, init)
    })
    await engineOf()
      .load(load)
      .catch(() => {})
    broken.mockRestore()
    await engineOf().load(load)
    expect(await stored('rudder_discards', 'row_id')).toEqual(rows.map((row) => row.row_id).toSorted())
  })

  test('ids of all lengths are asked for by few statements, none of which is too long', async () => {
    const ids = Array.from({ length: 6_000 }, (_, i) => `${i}-${'ü'.repeat(i % 790)}`)
    const gathering = gather()
    await stage(gathering, 1, { rows: ids.map((id) => order(id)) })
    await gathering.merge()
    const again = gather()
    await stage(again, 2, { rows: ids.map((id) => order(id, { received_at: '2026-11-30T10:00:00.000Z' })) })
    const seen = watchStatements()
    await again.merge()
    expect(seen.reads).toBe(2)
    expect(await stored('tracks')).toEqual(ids.toSorted())
  })
})

describe('a ClickHouse whose loader gathers', () => {
  test('very many events that wait for ClickHouse are one insert for each table, and their discards one', async () => {
    const loader = new StagedLoads(warehouse)
    for (let from = 0; from < 12_000; from += 1_000) await loader.stage(gatheredOrders(from, from + 1_000))
    const seen = watchStatements()
    expect(await loader.load()).toMatchObject({ done: true, discards: 120 })
    expect(seen.inserts).toHaveLength(2)
    await expectOrdersOnce(12_000, stored)
  })

  test(
    'a crash of a loader of ClickHouse before or after any step leaves each event and each discard there once',
    { timeout: 300_000 },
    () =>
      crashEachStep(
        async () => {
          await warehouse.clear()
          return new StagedLoads(warehouse)
        },
        (count) => expectOrdersOnce(count, stored),
      ),
  )
})
