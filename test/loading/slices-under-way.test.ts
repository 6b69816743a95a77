import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import type { Engine, Load } from '../../src/core/warehouse.ts'
import { mostSliceEvents } from '../../src/loading/load-position.ts'
import { startD1, type RealWarehouse } from '../support/real-warehouses.ts'
import { StagedLoads } from './staged-loads.ts'

const order = (n: number, messageId = `order-${n}`): Event => ({
  type: 'track',
  messageId,
  userId: 'ada',
  event: 'Order Completed',
  properties: { order_id: `o-${n}` },
})
const orders = (from: number, to: number): Event[] => Array.from({ length: to - from }, (_, i) => order(from + i))

/** An engine whose loads of a slice go through `loadTogether`. */
const around =
  (loadTogether: (loads: readonly Load[], engine: Engine) => Promise<void>) =>
  (engine: Engine): Engine => ({
    provider: engine.provider,
    kept: engine.kept,
    rowColumns: engine.rowColumns,
    columns: (table) => engine.columns(table),
    widen: (table, added) => engine.widen(table, added),
    load: (load) => engine.load(load),
    loadTogether: (loads) => loadTogether(loads, engine),
    probe: () => engine.probe(),
    close: () => engine.close(),
  })

describe('while the warehouse has a slice', () => {
  let warehouse: RealWarehouse
  let loads: StagedLoads
  beforeAll(async () => {
    warehouse = await startD1()
  }, 60_000)
  afterAll(() => warehouse.stop())
  beforeEach(async () => {
    await warehouse.clear()
    loads = new StagedLoads(warehouse)
  })

  const idsOf = async (table: string) => (await warehouse.rows(table)).map(({ id }) => String(id))

  test('while the warehouse has a slice, the next one is read and mapped, and the warehouse gets it afterwards', async () => {
    const mapped = Promise.withResolvers<void>()
    loads.uuid = () => {
      mapped.resolve()
      return 'first-of-the-next'
    }
    const slices: number[] = []
    let atOnce = 0
    loads.wrap = around(async (some, engine) => {
      expect(++atOnce).toBe(1)
      slices.push(some[0]?.rows.length ?? 0)
      const late = sleep(30_000).then(() => Promise.reject(new Error('the next slice is not mapped meanwhile')))
      await Promise.race([mapped.promise, late])
      await engine.loadTogether?.(some)
      atOnce--
    })
    await loads.stage(orders(0, mostSliceEvents))
    // Without a messageId it gets one when it is mapped.
    await loads.stage([order(mostSliceEvents, ''), ...orders(mostSliceEvents + 1, mostSliceEvents + 10)])
    expect(await loads.load()).toEqual({ discards: 0, done: true })
    expect(slices).toEqual([mostSliceEvents, 10])
    expect(new Set(await idsOf('tracks')).size).toBe(mostSliceEvents + 10)
    expect(await idsOf('order_completed')).toContain('auto-first-of-the-next')
  })

  test('while the warehouse has a slice that then fails, nothing of the next one is sent: both are loaded later, those before not again', async () => {
    const sent: string[][] = []
    let fails = true
    loads.wrap = around(async (some, engine) => {
      sent.push((some[0]?.rows ?? []).flat().filter((value): value is string => /^order-\d+$/.test(String(value))))
      if (sent.length === 2 && fails) throw new Error('the connection was lost')
      await engine.loadTogether?.(some)
    })
    const count = 2 * mostSliceEvents + 10
    await loads.stage(orders(0, count))
    expect((await loads.load()).error).toMatch('the connection was lost')
    expect(sent).toHaveLength(2)
    fails = false
    expect(await loads.load()).toEqual({ discards: 0, done: true })
    expect(sent.map((ids) => ids.length)).toEqual([mostSliceEvents, mostSliceEvents, mostSliceEvents, 10])
    expect(sent[2]).toEqual(sent[1])
    for (const table of ['tracks', 'order_completed']) expect(new Set(await idsOf(table)).size).toBe(count)
    expect(loads.letters).toEqual([])
  })
})
