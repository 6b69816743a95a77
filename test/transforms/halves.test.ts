import { expect, test } from 'vitest'
import type { TransformAnswer, TransformBatch } from '../../src/core/transform.ts'
import { runHalves } from '../../src/transforms/halves.ts'

const batchOf = (texts: readonly string[]): TransformBatch => ({
  texts,
  known: texts.map(() => ({ sourceName: 'web', receivedAt: '' })),
  userCodeMs: 1_000,
  mark: '#',
})

/** An isolate that is ended where an event loops, and that drops what says so. */
const isolate = (message: string) => {
  const calls: (readonly string[])[] = []
  return {
    calls,
    run: async ({ texts }: TransformBatch) => {
      calls.push(texts)
      if (texts.includes('loops')) throw new Error(message)
      return {
        events: texts.flatMap((text, from) => (text === 'dropped' ? [] : [{ text, from }])),
        dropped: texts.flatMap((text, from) => (text === 'dropped' ? [from] : [])),
        failed: [],
      }
    },
  }
}

test.each([
  'Worker exceeded CPU time limit.',
  'Worker exceeded memory limit.',
  'The Node.js process.exit(1) API was called. Canceling the request.',
  "The Workers runtime canceled this request because it detected that your Worker's code had hung and would never answer.",
  'Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: 34000123 bytes.',
])('an event that ends its isolate with "%s" fails alone', async (message) => {
  const { run } = isolate(message)
  const answer = await runHalves(batchOf(['a', 'b', 'loops', 'dropped', 'c', 'loops', 'd']), run, ['transformEvent'])
  expect(answer).toMatchObject({
    events: [
      { text: 'a', from: 0 },
      { text: 'b', from: 1 },
      { text: 'c', from: 4 },
      { text: 'd', from: 6 },
    ],
    dropped: [3],
    failed: [
      { from: 2, message },
      { from: 5, message },
    ],
  })
})

test('a transformBatch that ends its isolate fails its whole batch: half of it would be another batch', async () => {
  const { run, calls } = isolate('Worker exceeded CPU time limit.')
  const answer = await runHalves(batchOf(['a', 'loops']), run, ['transformBatch'])
  expect(answer.failed.map(({ from }) => from)).toEqual([0, 1])
  expect(calls).toHaveLength(1)
})

test.each([
  'Too many subrequests by single Worker invocation',
  'Network connection lost.',
  'internal error; reference = a1b2',
])(
  'what the platform says of itself (%s) is no verdict on an event, also where the isolate passes it on',
  async (message) => {
    const { run } = isolate(message)
    await expect(runHalves(batchOf(['a', 'loops']), run, ['transformEvent'])).rejects.toThrow(message)
    await expect(runHalves(batchOf(['a', 'loops']), remotely(run), ['transformEvent'])).rejects.toThrow(message)
  },
)

test('what the runtime marks as thrown in the isolate is a verdict; the same from elsewhere is not', async () => {
  const { run } = isolate('poisoned')
  const answer = await runHalves(batchOf(['a', 'loops', 'b']), remotely(run), ['transformEvent'])
  expect(answer.events.map(({ text }) => text)).toEqual(['a', 'b'])
  expect(answer.failed).toEqual([{ from: 1, message: 'poisoned', stack: 'poisoned' }])
  await expect(runHalves(batchOf(['a', 'loops']), run, ['transformEvent'])).rejects.toThrow('poisoned')
})

/** Marks what is thrown as the runtime does where an isolate threw it. */
const remotely = (run: (batch: TransformBatch) => Promise<TransformAnswer>) => async (batch: TransformBatch) => {
  try {
    return await run(batch)
  } catch (thrown) {
    throw Object.assign(thrown as Error, { remote: true })
  }
}
