import { expect, test } from 'vitest'
import { sameSecret } from '../../src/core/secret.ts'

test('is the same only when every character is', async () => {
  expect(await sameSecret('sesame', 'sesame')).toBe(true)
  for (const other of ['', 'sesam', 'sesame ', 'Sesame']) expect(await sameSecret(other, 'sesame')).toBe(false)
})

test('is never the same when nothing is expected, not even an empty secret', async () => {
  expect(await sameSecret('', undefined)).toBe(false)
})
