import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { memoize } from '../../src/core/memo.ts'

test('a text that keeps coming is read once, however many others come between', () => {
  const read: string[] = []
  const length = memoize(10, (text) => {
    read.push(text)
    return text.length
  })
  for (let i = 0; i < 1_000; i++) {
    expect(length('Mozilla/5.0')).toBe(11)
    expect(length(`bot-${i}`)).toBe(`bot-${i}`.length)
  }
  expect(read.filter((text) => text === 'Mozilla/5.0')).toHaveLength(1)
  expect(read).toHaveLength(1_001)
})

test('the oldest of texts that come only once are forgotten', () => {
  let reads = 0
  const upper = memoize(10, (text) => (reads++, text.toUpperCase()))
  for (let i = 0; i < 100; i++) upper(`bot-${i}`)
  reads = 0
  for (let i = 0; i < 80; i++) upper(`bot-${i}`)
  expect(reads).toBe(80)
})

test('a reading that found nothing is remembered as well as one that found something', () => {
  let reads = 0
  const none = memoize(2, () => (reads++, undefined))
  none('Ada')
  none('Ada')
  expect(reads).toBe(1)
})

test('a text that is too long to be remembered is read each time', () => {
  let reads = 0
  const length = memoize(10, (text) => (reads++, text.length))
  const long = 'Mozilla/5.0 '.repeat(1_000)
  expect([length(long), length(long), reads]).toEqual([12_000, 12_000, 2])
})

test('what is remembered keeps nothing alive that it was cut from', () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const used = () => (gc(), process.memoryUsage().heapUsed)
  const browser = memoize(100, (text) => text.slice(0, 64))
  const before = used()
  for (let i = 0; i < 100; i++)
    browser((JSON.parse(`"Mozilla/5.0 (${i}) ${'AppleWebKit '.repeat(50_000)}"`) as string).slice(0, 512))
  expect(used() - before).toBeLessThan(10_000_000)
  expect(browser('Mozilla/5.0')).toBe('Mozilla/5.0')
})
