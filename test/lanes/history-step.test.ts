import { expect, test } from 'vitest'
import { stepHistory } from '../../src/lanes/history-step.ts'
import { chunkOf, packedOrder } from '../support/sample-events.ts'

const chunks = [
  chunkOf(
    0,
    [packedOrder('a', { event: 'Order Completed', userId: 'ada' }), packedOrder('b', { event: 'Cart Viewed' })],
    1_000,
  ),
  chunkOf(
    2,
    [
      packedOrder('c', { event: 'Order Completed', userId: 'grace', anonymousId: 'grace' }),
      packedOrder('d', { event: 'Order Completed', userId: 'ada' }),
    ],
    2_000,
  ),
  chunkOf(4, [packedOrder('e', { event: 'Order Completed', userId: 'ada' })], 3_000),
]
const log = {
  read: async (from: number) => ({ chunks: chunks.filter(({ offset, count }) => offset + count > from), head: 5 }),
}
const all = async (envelopes: readonly unknown[]) => envelopes.map(() => true)
const step = async (filter: object, options: object = {}) => {
  const found = await stepHistory(log, { filter }, { after: 0, last: 5, most: 99, mayGet: all, ...options })
  return [found.matched.map(({ id }) => id), found.read, found.after, found.isOver]
}

test('history gives the events that its job is about, in order, up to the end of the log when it began', async () => {
  expect(await step({})).toEqual([['a', 'b', 'c', 'd', 'e'], 5, 5, true])
  expect(await step({ event: 'Order Completed', user: 'ada' })).toEqual([['a', 'd', 'e'], 5, 5, true])
  expect(await step({}, { last: 3 })).toEqual([['a', 'b', 'c'], 3, 3, true])
  expect(await step({ to: 2_000 })).toEqual([['a', 'b'], 2, 2, true])
})

test('history goes on where it was, also in the middle of a row of the log', async () => {
  expect(await step({}, { most: 3 })).toEqual([['a', 'b', 'c'], 3, 3, false])
  expect(await step({}, { after: 3, most: 3 })).toEqual([['d', 'e'], 2, 5, true])
})

test('history leaves out what the destination may not get', async () => {
  const mayGet = async (envelopes: readonly { id: string }[]) => envelopes.map(({ id }) => id !== 'c')
  expect(await step({}, { mayGet })).toEqual([['a', 'b', 'd', 'e'], 5, 5, true])
})
