import { describe, expect, test } from 'vitest'
import { type ProviderName, PROVIDERS } from '../../../src/warehouses/mapping/providers.ts'
import { isBlank, toTimestamp, typeOf } from '../../../src/warehouses/mapping/types.ts'
import cases from './types.json' with { type: 'json' }

test.each(cases.timestamps)('the text "$text" is read as $iso', ({ text, iso }) => {
  expect(toTimestamp(text) ?? null).toBe(iso)
})

test.each(cases.types)(
  'the value $value at $provider (arrays: $arrays) has the type $type',
  ({ provider, value, type, arrays }) => {
    expect(typeOf(value, { provider: PROVIDERS[provider as ProviderName], arrays: arrays === true })).toBe(type)
  },
)

describe('at Redshift', () => {
  const typing = { provider: PROVIDERS.rs, arrays: false }

  test('at Redshift, a string of 512 units is a string, and a longer one is text', () => {
    expect(typeOf('a'.repeat(512), typing)).toBe('string')
    expect(typeOf('a'.repeat(513), typing)).toBe('text')
  })

  test('at Redshift, an array is measured by its JSON', () => {
    expect(typeOf(['a'.repeat(508)], typing)).toBe('string')
    expect(typeOf(['a'.repeat(509)], typing)).toBe('text')
  })
})

test('a long string is a string everywhere but at Redshift', () => {
  for (const provider of Object.values(PROVIDERS).filter(({ name }) => name !== 'rs')) {
    expect(typeOf('a'.repeat(513), { provider, arrays: false })).toBe('string')
  }
})

test.each(cases.blank.map((value) => ({ value })))('the value $value counts as blank', ({ value }) => {
  expect(isBlank(value)).toBe(true)
})

test.each(cases.notBlank.map((value) => ({ value })))('the value $value does not count as blank', ({ value }) => {
  expect(isBlank(value)).toBe(false)
})

test('the value undefined is blank and NaN is not', () => {
  expect(isBlank(undefined)).toBe(true)
  expect(isBlank(Number.NaN)).toBe(false)
})

test('a timestamp that toISOString writes stays as it is on every day of a common and of a leap year, and no other day is one', () => {
  for (const year of ['0000', '0001', '2026', '2028', '9999'])
    for (let month = 0; month <= 13; month++)
      for (let day = 0; day <= 32; day++) {
        const two = (n: number) => String(n).padStart(2, '0')
        const text = `${year}-${two(month)}-${two(day)}T10:00:00.000Z`
        const time = Date.parse(text)
        const isDay = !Number.isNaN(time) && year !== '0000'
        expect(toTimestamp(text), text).toBe(isDay ? new Date(time).toISOString() : undefined)
      }
  for (const text of [
    '2026-11-22T24:00:00.000Z',
    '2026-11-22T10:60:00.000Z',
    '2026-11-22T10:00:60.000Z',
    '2026-11-22t10:00:00.000Z',
    '2026-11-22T10:00:00.00aZ',
  ])
    expect(toTimestamp(text), text).toBeUndefined()
})
