import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { SluicewayError } from '../../src/core/errors.ts'
import type { Packed } from '../../src/core/envelope.ts'
import { acceptEvents } from '../../src/edge/accept.ts'
import { readSpill } from '../../src/spill/spill.ts'
import { fakeEdge, type FakeEdge, type EdgeOptions } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'
import type { Source } from '../../src/core/resolved-config.ts'

const appendMs = 200
const never = () => new Promise<void>(() => {})
const fails = () => {
  throw new SluicewayError('stream_unavailable', 'the log is unavailable')
}

/** An edge with a deadline that a test can wait for. */
const edgeWith = (options: EdgeOptions = {}): FakeEdge => fakeEdge({ limits: { appendMs }, ...options })

const send = (edge: Pick<FakeEdge, 'context'>, ...events: unknown[]) =>
  acceptEvents({ source: edge.context.resolved.sources.get('shop') as Source, events, facts: {} }, edge.context)

const orders = (...ids: string[]) => ids.map((messageId) => orderCompleted({ messageId }))

/** The messageIds in each object, in the order of keys. */
async function spilledIds({ bucket, context }: Pick<FakeEdge, 'bucket' | 'context'>): Promise<string[][]> {
  return Promise.all(
    bucket.keys.map(async (key) => {
      const spilled = await readSpill(key, context)
      return spilled?.kind === 'events' ? spilled.packed.map(({ id }) => id) : []
    }),
  )
}

const msOf = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now()
  await work()
  return performance.now() - began
}

describe('events that the stream does not take', () => {
  test('events that the stream does not take are one object in R2, and accepted', async () => {
    const edge = edgeWith({ onAppend: fails })
    expect(await send(edge, ...orders('order-1', 'order-2'))).toMatchObject({ accepted: 2, rejected: [] })
    expect(edge.bucket.keys).toEqual([expect.stringMatching(/^spill\/2026-11-22T10:00:00\.500Z-[0-9a-f-]{36}$/)])
    expect(await spilledIds(edge)).toEqual([['order-1', 'order-2']])
    const [kept] = edge.bucket.kept.values()
    expect(kept?.customMetadata).toMatchObject({ kind: 'events', events: '2', receivedAt: '2026-11-22T10:00:00.500Z' })
    const [key = ''] = edge.bucket.keys
    const spilled = await readSpill(key, edge.context)
    expect(spilled?.kind === 'events' && JSON.parse(spilled.packed[1]?.text.split('\n')[1] ?? '')).toMatchObject({
      event: 'Order Completed',
      messageId: 'order-2',
      receivedAt: '2026-11-22T10:00:00.500Z',
    })
  })

  test('events that the stream does not take within the deadline are spilled before it has passed', async () => {
    const edge = edgeWith({ onAppend: never })
    const ms = await msOf(() => send(edge, ...orders('order-1')))
    expect(ms).toBeGreaterThan(appendMs * 0.7)
    expect(ms).toBeLessThan(appendMs)
    expect(await spilledIds(edge)).toEqual([['order-1']])
  })

  test('events that the stream takes late are in it all the same: their object is deleted', async () => {
    const edge = edgeWith({ onAppend: () => sleep(appendMs * 1.5) })
    await send(edge, ...orders('order-1'))
    expect(edge.bucket.keys).toHaveLength(1)
    await Promise.all(edge.background)
    expect(edge.bucket.keys).toEqual([])
    expect(edge.events()).toMatchObject([{ messageId: 'order-1' }])
  })

  test('events are waited for until the deadline while R2 is slow', async () => {
    const edge = edgeWith({ onAppend: () => sleep(800), limits: { appendMs: 1_000 } })
    edge.bucket.before = (verb) => (verb === 'put' ? sleep(500) : undefined)
    const ms = await msOf(() => send(edge, ...orders('order-1')))
    expect(ms).toBeLessThan(1_000)
    await Promise.all(edge.background)
    expect(edge.bucket.keys).toEqual([])
  })

  test('events are spilled from the first piece on that was not appended', async () => {
    let pieces = 0
    const edge = edgeWith({
      streamLimits: { events: 2, bytes: 800_000 },
      onAppend: () => (++pieces === 2 ? fails() : undefined),
    })
    await send(edge, ...orders('order-1', 'order-2', 'order-3', 'order-4', 'order-5'))
    expect(edge.events().map(({ messageId }) => messageId)).toEqual(['order-1', 'order-2'])
    expect(await spilledIds(edge)).toEqual([['order-3', 'order-4', 'order-5']])
  })

  test('events that are beyond the limits of the stream are refused, not spilled', async () => {
    const edge = edgeWith({
      onAppend: () => {
        throw new SluicewayError('stream_limit', 'too large for the queue')
      },
    })
    await expect(send(edge, ...orders('order-1'))).rejects.toMatchObject({ code: 'stream_limit' })
    expect(edge.bucket.keys).toEqual([])
  })

  test('events that neither the stream nor R2 takes are refused', async () => {
    const edge = edgeWith({ onAppend: fails })
    edge.bucket.before = () => {
      throw new Error('R2 is unavailable')
    }
    await expect(send(edge, ...orders('order-1'))).rejects.toMatchObject({ code: 'stream_unavailable' })
    expect(edge.logged).toContain('what came was neither stored nor spilled')
  })
})

test('R2 that is unavailable changes nothing while the stream is there', async () => {
  const edge = edgeWith()
  edge.bucket.before = never
  const ms = await msOf(() => send(edge, ...orders('order-1')))
  expect(ms).toBeLessThan(appendMs / 2)
  expect(edge.events()).toMatchObject([{ messageId: 'order-1' }])
})

describe('during an outage', () => {
  test('one request a second tries the stream during an outage, the others are spilled at once', async () => {
    let tries = 0
    const edge = edgeWith({ onAppend: () => (tries++, never()) })
    await send(edge, ...orders('order-0'))
    const ms = await msOf(() =>
      Promise.all(Array.from({ length: 50 }, (_, i) => send(edge, ...orders(`order-${i + 1}`)))),
    )
    expect(ms).toBeLessThan(appendMs / 2)
    expect(tries).toBe(1)
    edge.clock.now += 1_000
    await Promise.all(Array.from({ length: 50 }, (_, i) => send(edge, ...orders(`order-${i + 51}`))))
    expect(tries).toBe(2)
    expect((await spilledIds(edge)).flat()).toHaveLength(101)
  })

  test('the first success of an append ends an outage', async () => {
    let unavailable = true
    const edge = edgeWith({ onAppend: () => (unavailable ? fails() : undefined) })
    await send(edge, ...orders('order-1'))
    unavailable = false
    await send(edge, ...orders('order-2'))
    expect(edge.bucket.keys).toHaveLength(2)
    edge.clock.now += 1_000
    await send(edge, ...orders('order-3'))
    await send(edge, ...orders('order-4'))
    expect(edge.events().map(({ messageId }) => messageId)).toEqual(['order-3', 'order-4'])
    expect(edge.bucket.keys).toHaveLength(2)
  })

  test('a clock that is set back does not lengthen an outage', async () => {
    let unavailable = true
    const edge = edgeWith({ onAppend: () => (unavailable ? fails() : undefined) })
    await send(edge, ...orders('order-1'))
    unavailable = false
    edge.clock.now -= 3_600_000
    await send(edge, ...orders('order-2'))
    expect(edge.events()).toMatchObject([{ messageId: 'order-2' }])
  })

  test.each([
    ['fails', () => fails()],
    ['is late', never],
  ])('the stream is tried all the same during an outage when R2 %s', async (_how, before) => {
    let unavailable = true
    const edge = edgeWith({ onAppend: () => (unavailable ? fails() : undefined) })
    await send(edge, ...orders('order-1'))
    unavailable = false
    edge.bucket.before = before
    await send(edge, ...orders('order-2'))
    expect(edge.events()).toMatchObject([{ messageId: 'order-2' }])
  })
})

describe('one partition that is unavailable', () => {
  // Of two partitions, these are not in the same.
  const ada = (messageId: string) => orderCompleted({ messageId, anonymousId: 'anon-ada' })
  const grace = (messageId: string) => orderCompleted({ messageId, anonymousId: 'anon-grace' })
  const isAda = (batch: readonly Packed[]) => batch.some(({ key }) => key === 'anon-ada')

  test('events for one partition that is unavailable are spilled; what is for others is appended', async () => {
    const edge = edgeWith({ partitions: 2, onAppend: (batch) => (isAda(batch) ? fails() : undefined) })
    expect(await send(edge, ada('order-1'), grace('order-2'), ada('order-3'))).toMatchObject({ accepted: 3 })
    expect(edge.events().map(({ messageId }) => messageId)).toEqual(['order-2'])
    expect(await spilledIds(edge)).toEqual([['order-1', 'order-3']])
    const [kept] = edge.bucket.kept.values()
    expect(kept?.customMetadata).toMatchObject({ partition: expect.stringMatching(/^[01]\/2$/) })
  })

  test('one partition that is unavailable keeps no event of others waiting, and what they do does not end its outage', async () => {
    let tries = 0
    const edge = edgeWith({
      partitions: 2,
      onAppend: (batch) => (isAda(batch) ? (tries++, never()) : undefined),
    })
    await send(edge, ada('order-0'))
    const ms = await msOf(async () => {
      for (let i = 1; i <= 50; i++) await send(edge, i % 2 === 0 ? ada(`order-${i}`) : grace(`order-${i}`))
    })
    expect(ms).toBeLessThan(appendMs / 2)
    expect(tries).toBe(1)
    expect(edge.events()).toHaveLength(25)
    expect(await spilledIds(edge)).toHaveLength(26)
  })
})

describe('what the lane of the edge does not take', () => {
  test('dead letters that the lane of the edge does not take are an object too, beside events that are appended', async () => {
    const edge = edgeWith({ onDeadLetters: () => Promise.reject(new Error('the lane is unavailable')) })
    expect(await send(edge, ...orders('order-1'), 7)).toMatchObject({ accepted: 1, rejected: [{ index: 1 }] })
    expect(edge.events()).toMatchObject([{ messageId: 'order-1' }])
    const [key = ''] = edge.bucket.keys
    expect(await readSpill(key, edge.context)).toMatchObject({
      kind: 'letters',
      deadLetters: [{ stage: 'ingest', code: 'not_an_object', event: '7' }],
    })
  })

  test('dead letters that neither the lane of the edge nor R2 takes are refused', async () => {
    const edge = edgeWith({ onDeadLetters: () => Promise.reject(new Error('the lane is unavailable')) })
    edge.bucket.before = () => Promise.reject(new Error('R2 is unavailable'))
    await expect(send(edge, 7)).rejects.toMatchObject({ code: 'stream_unavailable' })
  })

  test('counts that the lane of the edge does not take keep no answer waiting; one that fails is logged', async () => {
    const transforms = [{ name: 'drop-all', transformEvent: () => null }]
    const hanging = edgeWith({ source: { transforms }, onCount: never })
    expect(await msOf(() => send(hanging, ...orders('order-1')))).toBeLessThan(appendMs / 2)
    const failing = edgeWith({
      source: { transforms },
      onCount: () => Promise.reject(new Error('the lane is unavailable')),
    })
    expect(await send(failing, ...orders('order-1'))).toMatchObject({ accepted: 0, dropped: 1 })
    await Promise.all(failing.background)
    expect(failing.logged.toSorted()).toEqual(['what the edge counted was lost', 'what transforms did was not counted'])
  })
})
