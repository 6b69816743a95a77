import { relative, resolve } from 'node:path'
import { expect } from 'vitest'
import { Random } from '../../scripts/bench/random.ts'

const root = resolve(import.meta.dirname, '../..')

/** Seed of the random tests of this run: `SEED` of the environment, else another one each time. */
export const seed: number = readSeed(process.env['SEED'])

/**
 * Reads a seed.
 *
 * @param text a whole number, or nothing
 * @returns the number, or a fresh one below a million
 * @throws {Error} when the text is something else
 */
export function readSeed(text: string | undefined): number {
  if (text === undefined || text === '') return Math.floor(Math.random() * 1_000_000)
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`SEED must be a whole number, not "${text}"`)
  return number
}

interface Options {
  /** How often the body runs, each time with the next higher seed; once unless said otherwise. */
  readonly runs?: number
  /** Seed of the first run; that of the whole run of the tests when left out. */
  readonly first?: number
}

/**
 * Runs the body of a random test: prints its seed, and says in the message of a failure how to repeat it.
 *
 * @param body gets random choices that repeat when the seed does, and the seed for generators of its own
 * @param options how often it runs, and from which seed on
 */
export async function withSeed(
  body: (random: Random, seed: number) => void | Promise<void>,
  { runs = 1, first = seed }: Options = {},
): Promise<void> {
  console.log(`SEED=${first}${runs === 1 ? '' : ` and the next ${runs - 1}`}`)
  const { testPath = '' } = expect.getState()
  for (let own = first; own < first + runs; own++)
    try {
      await body(new Random(own), own)
    } catch (error) {
      if (error instanceof Error)
        error.message += `\nRepeat it with: SEED=${own} npx vitest run ${relative(root, testPath)}`
      throw error
    }
}
