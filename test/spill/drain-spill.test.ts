import { describe, expect, test } from 'vitest'
import type { Packed } from '../../src/core/envelope.ts'
import { SluicewayError } from '../../src/core/errors.ts'
import { partitionOf } from '../../src/storage/murmur2.ts'
import { partOf, spill } from '../../src/spill/spill.ts'
import { drainSpill, type DrainLimits } from '../../src/spill/drain-spill.ts'
import { now } from '../support/fake-context.ts'
import { fakeEdge, type EdgeOptions } from '../support/fake-edge.ts'
import { packedOrder } from '../support/sample-events.ts'

const limits = { events: 1_000, length: 10_000_000, calls: 10_000, ms: 20_000, callMs: 200 }
const unavailable = () => {
  throw new SluicewayError('stream_unavailable', 'the log is unavailable')
}

const refused = {
  stage: 'ingest',
  messageId: 'order-1',
  source: 'shop',
  key: 'ada',
  reason: 'event is not a valid rudder event',
  code: 'not_an_object',
  receivedAt: '2026-11-22T10:00:00.500Z',
  event: '7',
  attempts: [],
} as const

/** A deployment in whose bucket things wait; its clock is moved on by what is spilled. */
function deployment(options: EdgeOptions = {}) {
  const appendOptions: ({ readonly since?: number } | undefined)[] = []
  const edge = fakeEdge({
    ...options,
    async onAppend(batch, more) {
      appendOptions.push(more)
      await options.onAppend?.(batch, more)
    },
  })
  const { context, clock } = edge
  const spillOrders = async (...ids: string[]) => {
    clock.now += 1_000
    return spill({ kind: 'events', packed: ids.map((id) => packedOrder(id)) }, context)
  }
  const spillFor = async (anonymousId: string, id: string) => {
    clock.now += 1_000
    const packed = [packedOrder(id, {}, { key: anonymousId })]
    const { stream } = context.resolved
    return spill({ kind: 'events', packed, part: partOf(partitionOf(anonymousId, stream.partitions), stream) }, context)
  }
  const spillLetter = async (messageId: string) => {
    clock.now += 1_000
    return spill({ kind: 'letters', deadLetters: [{ ...refused, messageId }] }, context)
  }
  return {
    ...edge,
    spillFor,
    spillLetter,
    appendOptions,
    spillOrders,
    ids: () => edge.envelopes().map(({ id }) => id),
    run: (more: Partial<DrainLimits> = {}) => drainSpill(context, { ...limits, ...more }),
  }
}

test('what was spilled is appended as it was, oldest first and many objects at once, and deleted', async () => {
  const { spillOrders, run, ids, appends, bucket, logged } = deployment()
  const all = [['order-1', 'order-2'], ['order-3'], ['order-4', 'order-5']]
  for (const some of all) await spillOrders(...some)
  expect(await run()).toEqual({ objects: 3, events: 5, duplicates: 0, setAside: [], left: false })
  expect(ids()).toEqual(all.flat())
  expect(appends.flat()).toEqual(all.flat().map((id) => packedOrder(id)))
  expect(appends).toHaveLength(1)
  expect(bucket.keys).toEqual([])
  expect(logged).toEqual(['what was spilled is stored now'])
})

test('duplicates are looked for back to a dedup window before the oldest object', async () => {
  const { spillOrders, run, appendOptions } = deployment()
  await spillOrders('order-1')
  await spillOrders('order-2')
  await run()
  expect(appendOptions).toEqual([{ since: now + 1_000 - 600_000 }])
})

test('pieces are as small as the stream asks for', async () => {
  const { spillOrders, run, appends, ids } = deployment({ streamLimits: { events: 2, bytes: 800_000 } })
  await spillOrders('order-1', 'order-2', 'order-3')
  await spillOrders('order-4')
  await run()
  expect(appends.map(({ length }) => length)).toEqual([2, 2])
  expect(ids()).toEqual(['order-1', 'order-2', 'order-3', 'order-4'])
})

test('nothing is deleted before it was appended; the next run goes on', async () => {
  let gone = true
  const { spillOrders, run, bucket, ids } = deployment({ onAppend: () => (gone ? unavailable() : undefined) })
  for (let i = 1; i <= 6; i++) await spillOrders(`order-${i}`)
  expect(await run()).toMatchObject({ objects: 0, left: true, error: 'the log is unavailable' })
  expect(bucket.keys).toHaveLength(6)
  gone = false
  expect(await run()).toMatchObject({ objects: 6, left: false })
  expect(ids()).toEqual(['order-1', 'order-2', 'order-3', 'order-4', 'order-5', 'order-6'])
})

test('a stream that never answers ends the run in time', async () => {
  const { spillOrders, run, bucket } = deployment({ onAppend: () => new Promise(() => {}) })
  await spillOrders('order-1')
  await spillOrders('order-2')
  const began = Date.now()
  expect(await run({ callMs: 50 })).toMatchObject({ objects: 0, left: true })
  expect(Date.now() - began).toBeLessThan(1_000)
  expect(bucket.keys).toHaveLength(2)
})

test('a run that ends between append and delete is repeated with the same events, for the stream to tell', async () => {
  const { spillOrders, run, bucket, ids } = deployment()
  await spillOrders('order-1')
  bucket.before = (verb) => (verb === 'delete' ? unavailable() : undefined)
  expect(await run()).toMatchObject({ objects: 0, left: true })
  bucket.before = () => {}
  expect(await run()).toMatchObject({ objects: 1, left: false })
  expect(new Set(ids())).toEqual(new Set(['order-1']))
})

test('an object that cannot be read is set aside as it is, and keeps no other back', async () => {
  const { spillOrders, run, bucket, ids, logged } = deployment()
  await spillOrders('order-1')
  const rotten = new Uint8Array([7, 0, 0, 0, 1, 2, 3])
  await bucket.put('spill/2026-11-22T10:00:01.700Z-rotten', rotten, { customMetadata: { events: '3' } })
  await bucket.put('spill/2026-11-22T10:00:01.800Z-empty', new Uint8Array(0))
  await spillOrders('order-2')
  const report = await run()
  expect(report).toMatchObject({ objects: 2, left: false })
  expect(report.setAside).toEqual([
    expect.stringContaining('spill/2026-11-22T10:00:01.700Z-rotten'),
    expect.stringContaining('spill/2026-11-22T10:00:01.800Z-empty'),
  ])
  expect(ids()).toEqual(['order-1', 'order-2'])
  expect(bucket.keys).toEqual([
    'spill-stuck/2026-11-22T10:00:01.700Z-rotten',
    'spill-stuck/2026-11-22T10:00:01.800Z-empty',
  ])
  const kept = bucket.kept.get('spill-stuck/2026-11-22T10:00:01.700Z-rotten')
  expect(kept?.bytes).toEqual(rotten)
  expect(kept?.customMetadata).toMatchObject({ events: '3', reason: expect.stringContaining('cannot be read') })
  expect(logged).toContain('a spilled object was set aside')
  expect(await run()).toMatchObject({ objects: 0, setAside: [], left: false })
})

test('an object that the stream can never take is set aside, and keeps no other back', async () => {
  const { spillOrders, run, bucket, ids } = deployment({
    onAppend: (batch) => {
      if (batch.some(({ id }) => id === 'huge')) throw new SluicewayError('stream_limit', 'too large for the queue')
    },
  })
  await spillOrders('order-1')
  const key = await spillOrders('huge')
  await spillOrders('order-2')
  expect(await run()).toMatchObject({ objects: 2, left: false, setAside: [`${key}: too large for the queue`] })
  expect(ids()).toEqual(['order-1', 'order-2'])
  expect(bucket.keys).toEqual([key.replace('spill/', 'spill-stuck/')])
})

const hour = 3_600_000

test('an object that the stream does not take now keeps later ones back for an hour, and then no more', async () => {
  const { spillOrders, run, bucket, ids, clock } = deployment({
    onAppend: (batch) => (batch.some(({ id }) => id === 'unlucky') ? unavailable() : undefined),
  })
  const key = await spillOrders('unlucky')
  await spillOrders('order-1')
  await spillOrders('order-2')
  expect(await run()).toMatchObject({ objects: 0, left: true, setAside: [], error: 'the log is unavailable' })
  expect(bucket.keys).toHaveLength(3)
  clock.now += hour
  expect(await run()).toMatchObject({ objects: 2, left: true, setAside: [] })
  expect(ids()).toEqual(['order-1', 'order-2'])
  expect(bucket.keys).toEqual([key])
})

test.each([
  ['fails', unavailable],
  ['does not answer', () => new Promise<void>(() => {})],
])('a stream that %s once gets what is spilled in its order all the same', async (_how, instead) => {
  let tries = 0
  const { spillOrders, run, ids } = deployment({ onAppend: () => ([1, 3].includes(++tries) ? instead() : undefined) })
  const all = Array.from({ length: 5 }, (_, i) => `order-${i}`)
  for (const id of all) await spillOrders(id)
  await run({ callMs: 50 })
  await run({ callMs: 50 })
  expect(ids()).toEqual(all)
})

describe('what cannot be stored now', () => {
  // Of two partitions, these are not in the same.
  const [ada, grace] = ['anon-ada', 'anon-grace']
  const isAda = (batch: readonly Packed[]) => batch.some(({ key }) => key === ada)

  test.each([
    ['fails', unavailable, 3],
    ['never answers', () => new Promise<void>(() => {}), 2],
  ])('spilled events whose partition %s keep nothing of other partitions waiting', async (_how, instead, most) => {
    let tries = 0
    const edge = deployment({ partitions: 2, onAppend: (batch) => (isAda(batch) ? (tries++, instead()) : undefined) })
    for (let i = 0; i < 500; i++) await edge.spillFor(ada, `ada-${i}`)
    await edge.spillFor(grace, 'grace-1')
    const { left, error, objects } = await edge.run({ callMs: 50 })
    expect({ left, objects }).toEqual({ left: true, objects: 1 })
    expect(error).toMatch(/unavailable|did not answer/)
    expect(edge.ids()).toEqual(['grace-1'])
    expect(edge.bucket.keys).toHaveLength(500)
    // One object at a time; the others are not even read.
    expect(tries).toBe(most)
    expect(edge.bucket.calls.filter((call) => call.startsWith('get'))).toHaveLength(most + 1)
  })

  test('while one partition and the lane of the edge do not answer, all of another partition is stored', async () => {
    const stored = Promise.withResolvers<void>()
    const edge = deployment({
      partitions: 2,
      onAppend: (batch) => {
        if (isAda(batch)) return stored.promise
        if (batch.some(({ id }) => id === 'grace-499')) stored.resolve()
        return undefined
      },
      onDeadLetters: () => stored.promise,
    })
    for (let i = 0; i < 3; i++) await edge.spillFor(ada, `ada-${i}`)
    await edge.spillLetter('refused-1')
    for (let i = 0; i < 500; i++) await edge.spillFor(grace, `grace-${i}`)
    expect(await edge.run({ callMs: 10_000 })).toMatchObject({ objects: 504, setAside: [], left: false })
    for (const [name, count] of [
      ['ada', 3],
      ['grace', 500],
    ] as const)
      expect(edge.ids().filter((id) => id.startsWith(name))).toEqual(
        Array.from({ length: count }, (_, i) => `${name}-${i}`),
      )
  })

  test('however many partitions there are, R2 has six calls at once, and few rounds are in memory', async () => {
    const edge = deployment({ partitions: 64, onAppend: () => new Promise((resolve) => setTimeout(resolve, 2)) })
    let now = 0
    let most = 0
    const { bucket } = edge
    for (let i = 0; i < 300; i++) await edge.spillFor(`anon-${i % 100}`, `order-${i}`)
    for (const verb of ['get', 'delete', 'list'] as const) {
      const real = bucket[verb].bind(bucket) as (...args: unknown[]) => Promise<unknown>
      Object.assign(bucket, {
        [verb]: async (...args: unknown[]) => {
          most = Math.max(most, ++now)
          await new Promise((resolve) => setTimeout(resolve, 1))
          return real(...args).finally(() => now--)
        },
      })
    }
    expect(await edge.run()).toMatchObject({ objects: 300, left: false })
    expect(most).toBe(6)
  })

  test('a run ends before it has made more calls than it may, and the next one goes on', async () => {
    const edge = deployment({ partitions: 2 })
    for (let i = 0; i < 500; i++) await edge.spillFor(i % 2 === 0 ? ada : grace, `order-${i}`)
    const { objects } = await edge.run({ calls: 100 })
    expect(objects).toBe(402)
    expect(await edge.run({ calls: 100 })).toMatchObject({ objects: 98, left: false })
    expect(new Set(edge.ids()).size).toBe(500)
  })

  test('spilled events whose partition the sweep found unavailable are left alone', async () => {
    const edge = deployment({ partitions: 2 })
    await edge.spillFor(ada, 'ada-1')
    await edge.spillFor(grace, 'grace-1')
    const partition = partitionOf(ada, 2)
    expect(await edge.run({ unavailable: [partition] })).toMatchObject({ left: true, objects: 1 })
    expect(edge.ids()).toEqual(['grace-1'])
    expect(await edge.run()).toMatchObject({ left: false, objects: 1 })
    expect(edge.ids()).toEqual(['grace-1', 'ada-1'])
  })

  test('a dead letter that the lane of the edge does not take keeps no spilled event waiting', async () => {
    const edge = deployment({ onDeadLetters: () => Promise.reject(new Error('the lane is unavailable')) })
    for (let i = 0; i < 5; i++) await edge.spillLetter(`refused-${i}`)
    await edge.spillOrders('order-1')
    expect(await edge.run()).toMatchObject({ objects: 1, left: true, error: 'the lane is unavailable' })
    expect(edge.appends).toHaveLength(1)
    expect(edge.ids()).toEqual(['order-1'])
    expect(edge.bucket.keys).toHaveLength(5)
  })

  test('a spilled object that R2 does not give keeps later ones waiting for an hour, and then no more', async () => {
    const edge = deployment()
    const key = await edge.spillOrders('order-1')
    await edge.spillOrders('order-2')
    edge.bucket.before = (verb, which) => {
      if (verb === 'get' && which === key) throw new Error('We encountered an internal error')
    }
    expect(await edge.run()).toMatchObject({ objects: 0, left: true, error: 'We encountered an internal error' })
    edge.clock.now += hour
    expect(await edge.run()).toMatchObject({ objects: 1, left: true })
    expect(edge.ids()).toEqual(['order-2'])
    edge.bucket.before = () => {}
    expect(await edge.run()).toMatchObject({ objects: 1, left: false })
  })

  test('spilled objects that cannot be stored now do not make a run longer than it may be', async () => {
    const edge = deployment({
      onAppend: (batch) => {
        edge.clock.now += 1_000
        // Two of three objects are unlucky, so that there are never three failures in a row.
        if (batch.some(({ id }) => Number(id.slice('order-'.length)) % 3 > 0)) unavailable()
      },
    })
    for (let i = 0; i < 100; i++) await edge.spillOrders(`order-${i}`)
    const began = edge.clock.now
    expect(await edge.run({ ms: 20_000 })).toMatchObject({ left: true })
    expect(edge.clock.now - began).toBeLessThan(22_000)
  })
})

test('a run of the drain is bounded in events, text and time', async () => {
  const { spillOrders, run, clock, bucket } = deployment({ onAppend: () => void (clock.now += 1_000) })
  // Each round holds 200 objects.
  for (let i = 0; i < 600; i++) await spillOrders(`order-${i}`)
  expect(await run({ events: 100 })).toMatchObject({ objects: 200, left: true })
  expect(await run({ length: 100 })).toMatchObject({ objects: 200, left: true })
  expect(await run({ ms: 900 })).toMatchObject({ objects: 200, left: false })
  for (let i = 0; i < 600; i++) await spillOrders(`more-${i}`)
  expect(await run({ ms: 1_900 })).toMatchObject({ objects: 400, left: true })
  expect(bucket.keys).toHaveLength(200)
})

test('more objects than a listing holds are stored in one run', async () => {
  const { spillOrders, run, bucket, ids } = deployment()
  bucket.pageSize = 3
  const all = Array.from({ length: 10 }, (_, i) => `order-${i}`)
  for (const id of all) await spillOrders(id)
  expect(await run()).toMatchObject({ objects: 10, left: false })
  expect(ids()).toEqual(all)
})

test('spilled dead letters are stored once, even when the run ended before their object was deleted', async () => {
  const { context, run, bucket, deadLetters } = deployment()
  const letter = refused
  await spill({ kind: 'letters', deadLetters: [letter, { ...letter, messageId: 'order-2' }] }, context)
  bucket.before = (verb) => (verb === 'delete' ? unavailable() : undefined)
  await run()
  bucket.before = () => {}
  expect(await run()).toMatchObject({ objects: 1, events: 2, left: false })
  expect(deadLetters).toEqual([letter, { ...letter, messageId: 'order-2' }])
  // Another event under the same messageId is another letter.
  const later = { ...letter, receivedAt: '2026-11-22T10:05:00.000Z' }
  await spill({ kind: 'letters', deadLetters: [later] }, context)
  await run()
  expect(deadLetters).toHaveLength(3)
})
