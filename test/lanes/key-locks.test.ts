import { expect, test } from 'vitest'
import { KeyLocks } from '../../src/lanes/key-locks.ts'

test('a key belongs to one group until it is released; what came meanwhile is given back in order', () => {
  const keys = new KeyLocks<string>()
  const [first, second] = [{}, {}]
  expect(keys.take('ada', 'ada 1', first)).toBe(true)
  expect(keys.take('ada', 'ada 2', first)).toBe(true)
  expect(keys.take('ada', 'ada 3', second)).toBe(false)
  expect(keys.take('ada', 'ada 4', second)).toBe(false)
  expect([keys.isBusy('ada'), keys.isBusy('grace')]).toEqual([true, false])
  expect(keys.release('ada')).toEqual(['ada 3', 'ada 4'])
  expect(keys.isBusy('ada')).toBe(false)
  expect(keys.release('ada')).toBeUndefined()
})
