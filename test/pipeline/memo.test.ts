import { expect, test } from 'vitest'
import { memo } from '../../src/pipeline/memo.ts'

test('a text that keeps coming is read once, however many others come between', () => {
  const read: string[] = []
  const length = memo(10, (text) => {
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

test('of texts that come once, the oldest are forgotten', () => {
  let reads = 0
  const upper = memo(10, (text) => (reads++, text.toUpperCase()))
  for (let i = 0; i < 100; i++) upper(`bot-${i}`)
  reads = 0
  for (let i = 0; i < 80; i++) upper(`bot-${i}`)
  expect(reads).toBe(80)
})

test('nothing is remembered as well as something is', () => {
  let reads = 0
  const none = memo(2, () => (reads++, undefined))
  none('Ada')
  none('Ada')
  expect(reads).toBe(1)
})
