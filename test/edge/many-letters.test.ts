import { expect, test } from 'vitest'
import type { NewDeadLetter } from '../../src/core/dead-letter.ts'
import { addDeadLetters } from '../../src/edge/accept.ts'
import { fakeContext } from '../support/fake-context.ts'
import { FakeBucket } from '../support/fake-bucket.ts'
import { withRpcLimit } from '../support/limited-rpc.ts'
import { plainOrder, receivedAt } from '../support/sample-events.ts'
import { drainSpill } from '../../src/spill/drain-spill.ts'

// The context of a batch goes into each of its events: a request of 4 MB can make 5,000 large dead letters.

const note = 'Ω'.repeat(32_000)
const letters = Array.from({ length: 2_000 }, (_, i): NewDeadLetter => ({
  stage: 'ingest',
  messageId: `order-${i}`,
  source: 'shop',
  key: 'ada',
  reason: 'event has more than 32768 bytes',
  code: 'event_too_large',
  receivedAt,
  event: JSON.stringify(plainOrder(`order-${i}`, { context: { note } })),
  attempts: [],
}))

function edge(mayStore: (call: number) => boolean) {
  const kept: NewDeadLetter[] = []
  let calls = 0
  const lane = withRpcLimit({
    addDeadLetters: async (_ref: object, piece: readonly NewDeadLetter[]) => {
      if (!mayStore(++calls)) throw new Error('the lane is unavailable')
      kept.push(...piece)
    },
    letters: async (_ref: object, { messageId }: { messageId: string }) =>
      kept.filter((letter) => letter.messageId === messageId),
  })
  const bucket = new FakeBucket()
  const { context } = fakeContext({
    resolved: {
      limits: { appendMs: 4_000 },
      stream: { partitions: 1, limits: { events: 5_000, bytes: 800_000 }, append: async () => ({ duplicates: 0 }) },
    },
    bindings: { LANE: { getByName: () => lane }, BUCKET: bucket },
  })
  return { context, kept, bucket }
}

test('dead letters of 64 MB in all are stored in calls that carry them', async () => {
  const { context, kept, bucket } = edge(() => true)
  await addDeadLetters(letters, context)
  expect(kept.map(({ messageId }) => messageId)).toEqual(letters.map(({ messageId }) => messageId))
  expect(bucket.keys).toEqual([])
})

test('what a lane has not taken when it fails is spilled, and stored by the sweep without a repeat', async () => {
  const { context, kept, bucket } = edge((call) => call !== 4)
  await addDeadLetters(letters, context)
  expect(kept.length).toBeGreaterThan(500)
  expect(kept.length).toBeLessThan(2_000)
  expect(bucket.keys).toHaveLength(1)
  await drainSpill(context)
  expect(kept.map(({ messageId }) => messageId)).toEqual(letters.map(({ messageId }) => messageId))
})
