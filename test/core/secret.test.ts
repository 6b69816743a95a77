import { expect, test } from 'vitest'
import { sameSecret } from '../../src/core/secret.ts'

test('two secrets are the same only when every character is', async () => {
  expect(await sameSecret('sesame', 'sesame')).toBe(true)
  for (const other of ['', 'sesam', 'sesame ', 'Sesame']) expect(await sameSecret(other, 'sesame')).toBe(false)
})

test('two secrets are never the same when none is expected, not even an empty one', async () => {
  expect(await sameSecret('', undefined)).toBe(false)
})

test('a secret may be one of several while it is rotated', async () => {
  for (const given of ['open', 'sesame']) expect(await sameSecret(given, ['open', 'sesame'])).toBe(true)
  expect(await sameSecret('close', ['open', 'sesame'])).toBe(false)
  expect(await sameSecret('', [])).toBe(false)
})
