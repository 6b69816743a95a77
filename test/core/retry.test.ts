import { describe, expect, test } from 'vitest'
import { backoffMs, defaultBackoff, retryAfterSeconds } from '../../src/core/retry.ts'

describe('a backoff', () => {
  test('a backoff is spread evenly from nothing to its limit', () => {
    expect([0, 0.25, 0.5, 0.75].map((random) => backoffMs(3, random))).toEqual([0, 1000, 2000, 3000])
  })

  test('a backoff doubles with each failed attempt, and stays below its cap', () => {
    expect([1, 2, 3, 4, 10, 11, 50, 5000].map((attempts) => backoffMs(attempts, 0.5))).toEqual([
      500, 1000, 2000, 4000, 256_000, 300_000, 300_000, 300_000,
    ])
    expect(backoffMs(5000, 0.999999)).toBeLessThan(defaultBackoff.capSeconds * 1000)
  })

  test('a backoff has the base and the cap that it is given', () => {
    expect(backoffMs(2, 0.5, { baseSeconds: 10, capSeconds: 15 })).toBe(7500)
  })
})

describe('Retry-After', () => {
  const now = Date.parse('2026-11-22T10:00:00.000Z')

  test.each<[string | null | undefined, number | undefined]>([
    ['120', 120],
    [' 0 ', 0],
    ['Sun, 22 Nov 2026 10:01:30 GMT', 90],
    ['Sun, 22 Nov 2026 09:00:00 GMT', 0],
    ['30.5', 31],
    ['0.65', 1],
    ['60, 60', 60],
    ['-5', undefined],
    ['soon', undefined],
    ['', undefined],
    [null, undefined],
    [undefined, undefined],
  ])('the Retry-After header %j means %j seconds', (header, seconds) => {
    expect(retryAfterSeconds(header, now)).toBe(seconds)
  })
})
