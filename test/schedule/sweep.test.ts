import { expect, test } from 'vitest'
import { partOf, spill } from '../../src/spill/spill.ts'
import { sweep } from '../../src/schedule/sweep.ts'
import type { Layout } from '../../src/core/layout.ts'
import { now } from '../support/fake-context.ts'
import { fakeEdge } from '../support/fake-edge.ts'
import { laneStatusOf, loaderStatusOf } from '../support/fake-status.ts'
import { fakeStream } from '../support/fake-stream.ts'
import { packedOrder } from '../support/sample-events.ts'

/** A deployment with two partitions of the log, of which those named do not answer. */
function deployment(unavailable: readonly number[]) {
  const answer = async (name: string) => {
    if (unavailable.includes(Number(name))) throw new Error('the object is being moved')
    return { partition: Number(name) }
  }
  const edge = fakeEdge({
    partitions: 2,
    bindings: {
      LANE: { getByName: (name: string) => ({ poke: async () => ({ target: name }) }) },
      LOG: { getByName: (name: string) => ({ sweep: () => answer(name) }) },
    },
  })
  const { context } = edge
  const spillFor = (partition: number, id: string) =>
    spill({ kind: 'events', packed: [packedOrder(id)], part: partOf(partition, context.resolved.stream) }, context)
  return { ...edge, spillFor, ids: () => edge.envelopes().map(({ id }) => id) }
}

test('what was spilled for a partition that does not answer waits; what is for another is stored', async () => {
  const { context, spillFor, ids, bucket } = deployment([0])
  const kept = await spillFor(0, 'order-1')
  await spillFor(1, 'order-2')
  const { spill: report, failures } = await sweep(context)
  expect(report).toMatchObject({ objects: 1, left: true, setAside: [] })
  expect(failures).toEqual(['log 0: the object is being moved'])
  expect(ids()).toEqual(['order-2'])
  expect(bucket.keys).toEqual([kept])
})

test('no spilled object is read while no partition answers', async () => {
  const { context, spillFor, bucket } = deployment([0, 1])
  await spillFor(0, 'order-1')
  bucket.calls.length = 0
  expect(await sweep(context)).not.toHaveProperty('spill')
  expect(bucket.calls).toEqual([])
})

test.each([
  ['staging files', { stagedFiles: 1 }],
  ['rows', { waitingTables: [{ table: 'order_completed', files: 1 }] }],
  ['files that cannot be read', { stuckFiles: ['staging/lake/0/0-1'] }],
])('a warehouse that is no longer in the config is remembered while %s wait for it', async (_, status) => {
  const kept: Layout[] = []
  const targets: Layout['targets'] = [{ name: 'lake', kind: 'warehouse', partitions: 1 }]
  const { context } = fakeEdge({
    bindings: {
      LANE: {
        getByName: (name: string) => ({
          poke: async () => laneStatusOf(name, { changedAt: 1 }),
          layout: async (_: unknown, told: { readonly kept?: Layout }) => {
            if (told.kept !== undefined) kept.push(told.kept)
            return { partitions: 1, targets, isSearched: true }
          },
        }),
      },
      LOG: { getByName: (name: string) => ({ sweep: async () => ({ partition: Number(name), first: 0, head: 4 }) }) },
      LOADER: { getByName: (name: string) => ({ status: async () => loaderStatusOf(name, status as object) }) },
    },
  })
  await sweep(context)
  // Nothing is written where nothing is forgotten.
  expect(kept.flatMap((layout) => layout.targets.map(({ name }) => name))).toEqual([])
})

test('a log that is not the stream any more is swept as long as it holds something, and keeps no spilled event waiting', async () => {
  const swept: string[] = []
  const { stream } = fakeStream({ name: 'queues' })
  const layout: Layout = { partitions: 2, targets: [{ name: 'webhook', kind: 'destination', partitions: 2 }] }
  const { context } = fakeEdge({
    resolved: { stream },
    bindings: {
      LANE: {
        getByName: (name: string) => ({
          poke: async () => laneStatusOf(name, { changedAt: now }),
          layout: async () => ({ ...layout, isSearched: true }),
        }),
      },
      LOG: {
        getByName: (name: string) => ({
          sweep: async () => {
            swept.push(name)
            if (name === '0') throw new Error('the object is being moved')
            return { partition: Number(name), first: 0, head: 4 }
          },
        }),
      },
    },
  })
  const { logs, lanes, spill: report, failures } = await sweep(context)
  expect(swept.toSorted()).toEqual(['0', '1'])
  expect(logs).toMatchObject([{ partition: 1, head: 4 }])
  expect(lanes.map(({ target, partition }) => `${target}:${partition}`)).toContain('webhook:1')
  expect([failures, report]).toMatchObject([['log 0: the object is being moved'], { objects: 0 }])
})
