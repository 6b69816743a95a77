import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/core/event.ts'
import { makeMapping, mappingProblem, valueAt } from '../../src/core/mapping.ts'
import { plainOrder } from '../support/sample-events.ts'

const order = plainOrder('order-1', {
  properties: {
    total: 42,
    note: '',
    none: null,
    'a b': { 'c.d': 1 },
    products: [{ sku: 'm-1', tags: ['a', 'b'] }, { sku: 'm-2' }],
  },
})

describe('a mapping', () => {
  test.each<[Json, unknown]>([
    ['$.properties.total', 42],
    ['$', order],
    ["$.properties['a b']['c.d']", 1],
    ['$.properties["a b"]', { 'c.d': 1 }],
    ['$.properties.products[1].sku', 'm-2'],
    ['$.properties.products[*].sku', ['m-1', 'm-2']],
    ['$.properties.products[*].tags[*]', [['a', 'b']]],
    ['$.properties.products[7].sku', undefined],
    ['$.properties.products.sku', undefined],
    ['$.properties.note || $.properties.none || $.event', 'Order Completed'],
    ['$.toString', undefined],
    ['Order ${properties.total}', 'Order 42'],
    ['${properties.coupon:-none}', 'none'],
    ['${properties.coupon}', undefined],
    ['$$.price', '$.price'],
    ['$5', '$5'],
    [
      { a: '$.event', b: { c: '$.nothing' }, d: [1, true, null, '$.nothing'] },
      { a: 'Order Completed', b: {}, d: [1, true, null] },
    ],
  ])('a mapping makes of %j what it says', (shape, expected) => {
    expect(mappingProblem(shape)).toBeUndefined()
    expect(makeMapping(shape)(order)).toEqual(expected)
  })

  test.each<[Json, string]>([
    ['$.properties.', 'has "$.properties.", which is no path'],
    ['$[x]', 'has "$[x]"'],
    ['$.a || b', 'has "b"'],
    [{ a: [{ b: '${properties' }] }, 'has "${" without "}"'],
    [{ a: '${a b}' }, 'has "${a b}"'],
  ])('a mapping is refused where an expression is wrong: %j', (shape, problem) => {
    expect(mappingProblem(shape)).toContain(problem)
  })
})

test('the value at some paths is the first that is there', () => {
  expect(valueAt(order, 'traits.total', 'properties.note', 'properties.total')).toBe(42)
  expect(valueAt(order, 'properties.note', 'properties.none', 'properties.constructor')).toBeUndefined()
})
