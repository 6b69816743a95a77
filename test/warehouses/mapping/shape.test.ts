import { expect, test } from 'vitest'
import { mapEvent } from '../../../src/warehouses/mapping/map-event.ts'
import { Shape } from '../../../src/warehouses/mapping/shape.ts'
import { OPTIONS } from './golden.ts'

const order = (properties: Record<string, unknown>): object => ({
  type: 'track',
  event: 'Order Completed',
  messageId: 'order-1',
  receivedAt: '2026-11-22T10:00:01.000Z',
  context: { locale: 'en-GB' },
  properties,
})

test('rows of events with the same keys and types share one shape, others do not', () => {
  const shapeOf = (properties: Record<string, unknown>) => mapEvent(order(properties), OPTIONS)[1]?.shape
  expect(shapeOf({ total: 10, gift: true })).toBe(shapeOf({ total: 20, gift: false }))
  expect(shapeOf({ total: 10, gift: true })).not.toBe(shapeOf({ total: 10.5, gift: true }))
  expect(shapeOf({ total: 10, gift: true })).not.toBe(shapeOf({ gift: true, total: 10 }))
})

test('a row has the same columns and values when all shapes were forgotten in between', () => {
  const wanted = mapEvent(order({ total: 10 }), OPTIONS).map(({ columns, data }) => ({ columns, data }))
  const first = Shape.empty
  for (let i = 0; Shape.empty === first; i++) {
    expect(i).toBeLessThan(10_000)
    mapEvent(order(Object.fromEntries(Array.from({ length: 100 }, (_, j) => [`key${i}_${j}`, 1]))), OPTIONS)
  }
  expect(mapEvent(order({ total: 10 }), OPTIONS).map(({ columns, data }) => ({ columns, data }))).toEqual(wanted)
})

test('a column that comes again under another type keeps its place, and the shape before keeps its type', () => {
  const { to, at } = Shape.empty.with('total', 'int').to.with('gift', 'boolean').to.with('total', 'float')
  expect(at).toBe(0)
  expect([to.names, to.types]).toEqual([
    ['total', 'gift'],
    ['float', 'boolean'],
  ])
  expect(Shape.empty.with('total', 'int').to.types).toEqual(['int'])
})
