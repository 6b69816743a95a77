import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import type { Load } from '../../src/core/warehouse.ts'
import { ISOLATE_BYTES } from '../../src/platform/limits.ts'
import { type RealWarehouse, startD1 } from '../support/real-warehouses.ts'
import { StagedLoads } from './staged-loads.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
/** Bytes that are held, garbage not counted. */
const held = (): number => {
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

let warehouse: RealWarehouse
beforeAll(async () => {
  warehouse = await startD1()
}, 60_000)
afterAll(() => warehouse?.stop())

const order = (n: number, properties: Record<string, unknown>): Event => ({
  type: 'track',
  messageId: `order-${n}`,
  userId: `customer-${n % 500}`,
  event: 'Order Completed',
  properties: { order_id: `${n}`, total: 129.9, ...properties },
  context: { library: { name: '@rudderstack/analytics-js', version: '3.34.0' }, locale: 'en-GB', ip: '203.0.113.7' },
  originalTimestamp: '2026-11-22T10:00:00.000Z',
  receivedAt: '2026-11-22T10:00:00.000Z',
})

const signUp = (n: number, traits: Record<string, unknown>): Event => ({
  type: 'identify',
  messageId: `sign-up-${n}`,
  userId: `customer-${n}`,
  context: { traits },
})
const large = (n: number) => ({ note: `${n} ${'open all day '.repeat(2_400)}` })
const small = (n: number) => ({ coupon: `WINTER-${n}`, currency: 'EUR' })

/** 64 MB of text where an event is as large as one may be, and as many small events as would be 80,000 rows. */
test.each([
  ['2,000 events of 32 KB', 2_000, large, false],
  ['40,000 events of half a KB', 40_000, small, false],
  ['2,000 events of 32 KB that are gathered', 2_000, large, true],
  ['40,000 events of half a KB that are gathered', 40_000, small, true],
])(
  'a load of %s never holds a quarter of the memory that an isolate has',
  async (_, count, properties, isGathered) => {
    const loads = new StagedLoads(warehouse)
    const perFile = 25
    for (let first = 0; first < count; first += perFile) {
      const orders = Array.from({ length: perFile - 1 }, (_unused, i) => order(first + i, properties(first + i)))
      await loads.stage([...orders, signUp(first, properties(first))])
    }
    loads.staged.clear()
    let before = 0
    let most = 0
    let rows = 0
    const measure = () => (most = Math.max(most, held() - before))
    const take = (together: readonly Load[]) => {
      measure()
      rows += together.reduce((sum, load) => sum + load.rows.length, 0)
      return Promise.resolve()
    }
    const gather = () => ({ stage: take, merge: () => take([]), drop: () => Promise.resolve() })
    loads.wrap = (engine) => ({
      ...engine,
      ...(isGathered ? { gather } : {}),
      columns: (table) => engine.columns(table),
      widen: (table, added) => engine.widen(table, added),
      probe: () => engine.probe(),
      close: () => engine.close(),
      load: (load) => take([load]),
      loadTogether: take,
    })
    // What the load before held is given back between turns of the event loop.
    for (let turn = 0; turn < 5; turn++) {
      await new Promise((later) => setTimeout(later, 20))
      before = held()
    }
    while (!(await loads.load()).done);
    expect(rows).toBe(2 * count)
    expect(loads.letters).toEqual([])
    expect(most).toBeGreaterThan(1_000_000)
    expect(most).toBeLessThan(ISOLATE_BYTES / 4)
  },
  120_000,
)
