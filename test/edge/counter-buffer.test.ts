import { expect, test } from 'vitest'
import { CounterBuffer } from '../../src/edge/counter-buffer.ts'

test('the counter buffer sends the first count at once, and those of the next second together at its end', () => {
  const tally = new CounterBuffer()
  expect(tally.add({ 'dropped:bot': 1 }, 10_000)).toBe(0)
  expect(tally.take(10_000)).toEqual({ 'dropped:bot': 1 })
  expect(tally.add({ 'dropped:bot': 2 }, 10_300)).toBe(700)
  expect(tally.add({ 'dropped:bot': 1, 'consent:ads': 5 }, 10_900)).toBe(undefined)
  expect(tally.take(11_000)).toEqual({ 'dropped:bot': 3, 'consent:ads': 5 })
  expect(tally.add({ 'consent:ads': 1 }, 12_500)).toBe(0)
  expect(tally.take(12_500)).toEqual({ 'consent:ads': 1 })
})

test('the counter buffer lets another request send when the one that was to do it is gone', () => {
  const tally = new CounterBuffer()
  expect(tally.add({ 'dropped:bot': 1 }, 10_000)).toBe(0)
  expect(tally.add({ 'dropped:bot': 1 }, 15_000)).toBe(undefined)
  expect(tally.add({ 'dropped:bot': 1 }, 20_001)).toBe(0)
  expect(tally.take(20_001)).toEqual({ 'dropped:bot': 3 })
})

test('the counter buffer never waits longer than a second, also when the clock is set back', () => {
  const tally = new CounterBuffer()
  tally.add({ 'dropped:bot': 1 }, 100_000)
  tally.take(100_000)
  expect(tally.add({ 'dropped:bot': 1 }, 50_000)).toBe(1_000)
})
