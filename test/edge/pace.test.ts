import { expect, test } from 'vitest'
import { Pace } from '../../src/edge/pace.ts'

test('a pace lets the first be sent at once, what follows within a pause of five seconds together at its end', () => {
  const pace = new Pace(5_000)
  expect(pace.next(10_000)).toBe(0)
  pace.sent(10_000)
  expect(pace.next(11_000)).toBe(4_000)
  expect(pace.next(14_900)).toBe(undefined)
  pace.sent(15_000)
  expect(pace.next(15_001)).toBe(4_999)
})

test('a pace lets another request send when the one that was to do it is gone', () => {
  const pace = new Pace(5_000)
  expect(pace.next(10_000)).toBe(0)
  expect(pace.next(23_999)).toBe(undefined)
  expect(pace.next(24_000)).toBe(0)
})
