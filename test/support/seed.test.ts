import { expect, test } from 'vitest'
import { readSeed, withSeed } from './seed.ts'

test('a random test gets the same choices whenever its seed is the same', async () => {
  const choices: number[] = []
  for (let time = 0; time < 2; time++) await withSeed((random) => void choices.push(random.next()), { first: 12_345 })
  expect(choices[0]).toBe(choices[1])
})

test('the failure of a random test names the seed of the run that failed, and says how to repeat it', async () => {
  const failing = withSeed((_, seed) => expect(seed, 'the seed').toBeLessThan(7), { first: 5, runs: 10 })
  await expect(failing).rejects.toThrow(
    /^the seed: [^]*\nRepeat it with: SEED=7 npx vitest run test\/support\/seed\.test\.ts$/,
  )
})

test('SEED is a whole number, and a run without it has another seed each time', () => {
  expect(readSeed('12345')).toBe(12_345)
  expect(new Set(Array.from({ length: 10 }, () => readSeed(undefined))).size).toBeGreaterThan(1)
  expect(() => readSeed('ada')).toThrow('SEED must be a whole number, not "ada"')
})
