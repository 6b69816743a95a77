import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { realWarehouses, type RealWarehouse } from '../support/real-warehouses.ts'

/** What a release of a shop's site changed in one event. */
type Change = readonly [property: string, valueOf: (n: number) => unknown]

/** Two hundred releases, one after the other: each sends the properties of those before it, and adds, changes or drops some. */
const changes: readonly Change[] = [
  ['order_id', (n) => `o-${n}`],
  ['quantity', (n) => n],
  ['total', (n) => n],
  ['gift', (n) => n % 2 === 0],
  ['placed_at', (n) => `2026-11-${String((n % 28) + 1).padStart(2, '0')}T10:00:00.000Z`],
  ['total', (n) => n + 0.95],
  ['shipping', (n) => ({ city: `City ${n}`, zip: String(n) })],
  ['coupon', () => undefined],
  ['quantity', (n) => `${n} pieces`],
  ['quantity', (n) => n],
  ['tags', (n) => ['new', `t-${n}`]],
  ['gift', (n) => (n % 2 === 0 ? 'yes' : 'no')],
  ['placed_at', (n) => `in ${n} days`],
  ['order_id', (n) => n],
  ['shipping', (n) => `by post ${n}`],
  ...Array.from({ length: 180 }, (_, i): Change => {
    const property = `step_${i % 120}`
    const kinds: readonly Change[1][] = [
      (n) => n,
      (n) => n + 0.5,
      (n) => `text ${n}`,
      (n) => n % 3 === 0,
      () => null,
      (n) => ({ deep: n }),
    ]
    return [property, kinds[(i * 7 + Math.floor(i / 120)) % kinds.length] as Change[1]]
  }),
  ['total', (n) => n],
  ['coupon', (n) => `SPRING-${n}`],
  ['tags', () => []],
  ['gift', (n) => n % 2 === 1],
  ['order_id', (n) => `o-${n}`],
]

const events = changes.map((_, n): Event => {
  const properties: Record<string, unknown> = {}
  for (const [property, valueOf] of changes.slice(0, n + 1)) properties[property] = valueOf(n)
  return {
    type: 'track',
    event: 'Order Completed',
    messageId: `order-${n}`,
    userId: 'ada',
    // As they are after JSON.
    properties: JSON.parse(JSON.stringify(properties)) as Record<string, unknown>,
    receivedAt: '2026-11-22T10:00:00.000Z',
  }
})

/** The columns that an event should fill, and as what. */
function cellsOf(properties: Readonly<Record<string, unknown>>, prefix = ''): [column: string, value: unknown][] {
  return Object.entries(properties).flatMap(([key, value]): [string, unknown][] => {
    if (value === null || (Array.isArray(value) && value.length === 0)) return []
    const column = `${prefix}${key}`
    if (Array.isArray(value)) return [[column, JSON.stringify(value)]]
    return typeof value === 'object' ? cellsOf(value as Record<string, unknown>, `${column}_`) : [[column, value]]
  })
}

// One form for what both engines give back: booleans as 0 and 1 or not, numbers as text or not, times as Date or text.
const same = (value: unknown): string => {
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'boolean') return String(Number(value))
  if (value === 'true' || value === 'false') return String(Number(value === 'true'))
  return Number.isFinite(Number(value)) && value !== '' ? String(Number(value)) : String(value)
}

describe.each(realWarehouses)('an event of %s whose shape changes with 200 releases', (_, start) => {
  let warehouse: RealWarehouse
  beforeAll(async () => {
    warehouse = await start()
  }, 60_000)
  afterAll(() => warehouse.stop())

  test.each([
    ['in one load', events.length],
    ['in loads of 20 releases', 20],
    ['in loads of 20 releases, the last first', -20],
  ])('each value is in its column or in rudder_discards, once: %s', async (_name, size) => {
    await warehouse.clear()
    const loads = new StagedLoads(warehouse)
    const order = size < 0 ? events.toReversed() : events
    for (let i = 0; i < order.length; i += Math.abs(size)) {
      const report = await loads.send(...order.slice(i, i + Math.abs(size)))
      expect(report.error).toBeUndefined()
    }
    expect(loads.letters).toEqual([])
    const rows = new Map((await warehouse.rows('order_completed')).map((row) => [row['id'], row]))
    const discards = (await warehouse.rows('rudder_discards')).filter((row) => row['table_name'] === 'order_completed')
    const discarded = new Map(
      discards.map((row) => [`${String(row['row_id'])} ${String(row['column_name'])}`, row['column_value']]),
    )
    expect(discarded.size).toBe(discards.length)
    expect(rows.size).toBe(events.length)
    for (const { messageId, properties } of events)
      for (const [column, value] of cellsOf(properties as Record<string, unknown>)) {
        const where = `${column} of ${messageId}`
        const stored = rows.get(messageId)?.[column]
        const key = `${messageId} ${column}`
        if (stored === null || stored === undefined) expect(discarded.get(key), where).toBe(String(value))
        else {
          expect(same(stored), where).toBe(same(value))
          expect(discarded.has(key), where).toBe(false)
        }
      }
  })
})
