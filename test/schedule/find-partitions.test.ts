import { expect, test } from 'vitest'
import type { LaneStatus } from '../../src/core/bindings.ts'
import { findPartitions } from '../../src/schedule/find-partitions.ts'
import { fakeContext } from '../support/fake-context.ts'
import { laneStatusOf } from '../support/fake-status.ts'
import { fakeStream } from '../support/fake-stream.ts'

interface Left {
  readonly stream?: 'log' | 'queues'
  /** Heads of the log, by partition. */
  readonly heads?: Readonly<Record<string, number>>
  readonly lanes?: Readonly<Record<string, Partial<LaneStatus>>>
}

/** A deployment with one partition and the destination `hook`, after a version that remembered no layout. */
function find({ stream = 'log', heads = {}, lanes = {} }: Left) {
  const asked: string[] = []
  const { context } = fakeContext({
    resolved: {
      stream: fakeStream({ name: stream }).stream,
      targets: new Map([['hook', { kind: 'destination', name: 'hook' }]]),
    },
    bindings: {
      LOG: {
        getByName: (name: string) => ({
          status: async () => {
            asked.push(`log ${name}`)
            return { head: heads[name] ?? 0 }
          },
        }),
      },
      LANE: {
        getByName: (name: string) => ({
          status: async () => {
            asked.push(name)
            return laneStatusOf(name, lanes[name])
          },
        }),
      },
    },
  })
  return { found: findPartitions(context), asked }
}
const layout = (partitions: number, hook = partitions) => ({
  partitions,
  targets: [{ name: 'hook', kind: 'destination', partitions: hook }],
  isSearched: true,
})

test('partitions of the log that an earlier version used are found, also above an empty one', async () => {
  expect(await find({ heads: { 0: 4, 1: 2, 3: 9 } }).found).toEqual(layout(4))
  expect(await find({ heads: { 0: 4, 4: 1, 7: 1 } }).found).toEqual(layout(8))
})

test('where there was only ever one partition, four are asked and no more', async () => {
  const { found, asked } = find({ heads: { 0: 4 } })
  expect(await found).toEqual(layout(1))
  expect(asked.filter((name) => name.startsWith('log'))).toEqual(['log 1', 'log 2', 'log 3', 'log 4'])
})

test.each<[string, Partial<LaneStatus>]>([
  ['events', { depth: 1 }],
  ['dead letters', { deadLetters: 1 }],
  ['counters', { counters: { done: 1 } }],
])('lanes above the number that have %s are found where the stream is a queue', async (_what, lane) => {
  expect(await find({ stream: 'queues', lanes: { 'hook:2': lane } }).found).toEqual(layout(0, 3))
})

test('a log that was the stream before is found where the stream is a queue, with the lanes of its partitions', async () => {
  expect(await find({ stream: 'queues', heads: { 0: 4, 2: 1 } }).found).toEqual(layout(3))
  expect(await find({ stream: 'queues', heads: { 0: 4 }, lanes: { 'hook:1': { depth: 1 } } }).found).toEqual(
    layout(1, 2),
  )
})
