import { describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import type { Transform } from '../../src/core/transform.ts'
import { runTransforms } from '../../src/transforms/run.ts'
import { plainOrder } from '../support/sample-events.ts'

const event = (messageId: string, more: Partial<Event> = {}): Event =>
  plainOrder(messageId, { anonymousId: 'anon-ada', ...more })

const describeEvent = () => ({ sourceName: 'shop', receivedAt: '2026-11-22T10:00:00.500Z' })

const run = (transforms: readonly Transform[], events: readonly Event[]) =>
  runTransforms(transforms, events, describeEvent)

/** Users write JavaScript: a transform may return anything. */
const returning = (value: unknown): Transform => ({ name: 'odd', transformEvent: () => value as never })

describe('transformEvent', () => {
  test('transformEvent changes events, which keep their order although some are awaited', async () => {
    const slowFirst: Transform = {
      transformEvent: async (one) => {
        if (one.messageId === 'm-1') await new Promise((resolve) => setTimeout(resolve, 10))
        return { ...one, properties: { original: one.messageId } }
      },
    }
    const ran = await run([slowFirst], [event('m-1'), event('m-2')])
    expect(ran.events.map((one) => [one.index, one.event.messageId, one.event.properties])).toEqual([
      [0, 'm-1', { original: 'm-1' }],
      [1, 'm-2', { original: 'm-2' }],
    ])
    expect(ran.events.map(({ text }) => JSON.parse(text))).toEqual(ran.events.map((one) => one.event))
    expect([ran.dropped, ran.failed]).toEqual([[], []])
  })

  test.each([null, undefined, []])('transformEvent drops an event by returning %j', async (value) => {
    const ran = await run([returning(value)], [event('m-1')])
    expect(ran).toMatchObject({ events: [], dropped: [{ index: 0, transform: 'odd' }], failed: [] })
  })

  test('transformEvent multiplies an event, whose copies get messageIds of their own unless they have some', async () => {
    const splits: Transform = {
      transformEvent: (one) => [one, { ...one }, { ...one, messageId: 'mine' }, one, { ...one, messageId: '' }],
    }
    const ran = await run([splits], [event('m-1'), event('m-2')])
    expect(ran.events.map((one) => [one.index, one.event.messageId])).toEqual([
      [0, 'm-1'],
      [0, 'm-1#1'],
      [0, 'mine'],
      [0, 'm-1#3'],
      [0, 'm-1#4'],
      [1, 'm-2'],
      [1, 'm-2#1'],
      [1, 'mine'],
      [1, 'm-2#3'],
      [1, 'm-2#4'],
    ])
  })

  test('transformEvent gives an event that lost its messageId its own one back', async () => {
    const loses: Transform = {
      transformEvent: (one) => {
        delete (one as Partial<Event>).messageId
        return one
      },
    }
    const ran = await run([loses], [event('m-1')])
    expect(ran.events[0]).toMatchObject({ event: { messageId: 'm-1' }, text: expect.stringContaining('"m-1"') })
  })

  test.each([
    [7, 'returned event from transformEvent(event) is not an object'],
    ['text', 'returned event from transformEvent(event) is not an object'],
    [[event('m-1'), 7], 'returned event in events array from transformEvent(event) is not an object'],
    [[[]], 'returned event in events array from transformEvent(event) is not an object'],
    [event('m-1', { n: 7n }), 'Do not know how to serialize a BigInt'],
    [event('m-1', { toJSON: () => 'text' }), 'returned event from a transform is not an object'],
  ])('transformEvent fails the event when it returns %o', async (value, message) => {
    const ran = await run([returning(value)], [event('m-1')])
    expect(ran.events).toEqual([])
    expect(ran.failed).toMatchObject([{ index: 0, transform: 'odd', error: { message } }])
  })

  test('transformEvent that throws or rejects fails that event only, with the stack down to the function of the user', async () => {
    const throws: Transform = {
      name: 'careless',
      transformEvent: (one) => {
        if (one.messageId === 'm-1') throw new TypeError('no email here')
        if (one.messageId === 'm-3') return Promise.reject(new Error('geo is unavailable'))
        return one
      },
    }
    const ran = await run([throws], [event('m-1'), event('m-2'), event('m-3')])
    expect(ran.events.map(({ index }) => index)).toEqual([1])
    expect(ran.failed.map(({ index, error }) => [index, error.message])).toEqual([
      [0, 'no email here'],
      [2, 'geo is unavailable'],
    ])
    const stack = ran.failed[0]?.error.stack.split('\n') ?? []
    expect(stack[0]).toBe('TypeError: no email here')
    expect(stack.at(-1)).toMatch(/transformEvent/)
    expect(stack.join('\n')).not.toContain('src/transforms/run.ts')
  })

  test.each([[undefined], [null], ['plain text'], [{ toString: null }], [Object.create(null)], [5n]])(
    'transformEvent that throws %o still fails with a message',
    async (thrown) => {
      const ran = await run([{ transformEvent: () => { throw thrown } }], [event('m-1')]) // prettier-ignore
      expect(typeof ran.failed[0]?.error.message).toBe('string')
    },
  )
})

describe('transformBatch', () => {
  test('transformBatch gets all events, may reorder, change, drop and add', async () => {
    const batch: Transform = {
      name: 'merge',
      transformBatch: ([first, , third]) => [
        { ...(third as Event), event: 'Last First' },
        first as Event,
        event('new one'),
        { type: 'track', event: 'Lost Its Id' } as Event,
      ],
    }
    const ran = await run([batch], [event('m-1'), event('m-2'), event('m-3')])
    expect(ran.events.map((one) => [one.index, one.event.messageId, one.event.event])).toEqual([
      [2, 'm-3', 'Last First'],
      [0, 'm-1', 'Order Completed'],
      [0, 'new one', 'Order Completed'],
      [0, 'm-1#2', 'Lost Its Id'],
    ])
    expect(ran.dropped).toEqual([{ index: 1, transform: 'merge' }])
  })

  test('transformBatch keeps apart two inputs with one messageId, whether it returns them or copies', async () => {
    const same = [event('m-1', { event: 'One' }), event('m-1', { event: 'Two' })]
    for (const transformBatch of [(all: Event[]) => all, (all: Event[]) => all.map((one) => ({ ...one }))]) {
      const ran = await run([{ transformBatch }], structuredClone(same))
      expect(ran.events.map((one) => [one.index, one.event.messageId, one.event.event])).toEqual([
        [0, 'm-1', 'One'],
        [1, 'm-1', 'Two'],
      ])
      expect(ran.dropped).toEqual([])
    }
  })

  test('transformBatch may give an event another messageId: the same object still stands for the same input', async () => {
    const renames: Transform = {
      transformBatch: (all) => {
        for (const one of all) one.messageId = `renamed-${one.messageId}`
        return all
      },
    }
    const ran = await run([renames], [event('m-1'), event('m-2')])
    expect(ran.events.map((one) => [one.index, one.event.messageId])).toEqual([
      [0, 'renamed-m-1'],
      [1, 'renamed-m-2'],
    ])
    expect(ran.dropped).toEqual([])
  })

  test('transformBatch that throws fails all its events', async () => {
    const throws: Transform = { name: 'all', transformBatch: () => { throw new Error('no luck') } } // prettier-ignore
    const ran = await run([throws], [event('m-1'), event('m-2')])
    expect(ran.events).toEqual([])
    expect(ran.failed.map(({ index, error }) => [index, error.message])).toEqual([
      [0, 'no luck'],
      [1, 'no luck'],
    ])
  })

  test('transformBatch that returns no array, or an array with something else in it, fails those events', async () => {
    const none = await run([{ transformBatch: () => ({}) as never }], [event('m-1')])
    expect(none.failed[0]?.error.message).toBe('returned events from transformBatch(event) is not an array')
    const mixed = await run(
      [{ transformBatch: ([first]) => [first as Event, 7 as never] }],
      [event('m-1'), event('m-2'), event('m-3')],
    )
    expect(mixed.failed).toMatchObject([
      { index: 1, error: { message: 'returned event in events array from transformBatch(events) is not an object' } },
    ])
    expect([mixed.events.map(({ index }) => index), mixed.dropped.map(({ index }) => index)]).toEqual([[0], [2]])
  })
})

describe('several transforms', () => {
  test('several transforms run one after the other, and the later ones do not see what was dropped or failed', async () => {
    const handed: string[] = []
    const transforms: Transform[] = [
      { name: 'drop', transformEvent: (one) => (one.messageId === 'm-1' ? null : one) },
      {
        name: 'fail',
        transformEvent: (one) => {
          if (one.messageId === 'm-2') throw new Error('no')
          return [one, one]
        },
      },
      {
        transformEvent: (one) => {
          handed.push(one.messageId)
          return one.messageId === 'm-3' ? null : one
        },
      },
    ]
    const ran = await run(transforms, [event('m-1'), event('m-2'), event('m-3')])
    expect(handed).toEqual(['m-3', 'm-3#2.1'])
    expect(ran.events.map((one) => [one.index, one.event.messageId])).toEqual([[2, 'm-3#2.1']])
    expect(ran.dropped).toEqual([
      { index: 0, transform: 'drop' },
      { index: 2, transform: 'transform 3' },
    ])
    expect(ran.failed).toMatchObject([{ index: 1, transform: 'fail' }])
  })

  test('an object that a transform puts into several events is not shared any more behind it', async () => {
    const shared = { hits: 0 }
    const transforms: Transform[] = [
      { transformEvent: (one) => ({ ...one, context: shared }) },
      {
        transformEvent: (one) => {
          ;(one.context as { hits: number }).hits++
          return one
        },
      },
    ]
    const ran = await run(transforms, [event('m-1'), event('m-2')])
    expect(ran.events.map((one) => one.event.context)).toEqual([{ hits: 1 }, { hits: 1 }])
    expect(shared.hits).toBe(0)
  })

  test('the metadata of an event is found by messageId, as the event was before the transform, and is empty for others', async () => {
    const found: unknown[] = []
    const looks: Transform = {
      transformEvent: (one, metadata) => {
        one.type = 'changed'
        found.push(metadata(one), metadata({ type: 'track', messageId: 'unknown' }))
        return one
      },
    }
    await run([looks], [event('m-1')])
    expect(found).toEqual([
      {
        messageId: 'm-1',
        sourceName: 'shop',
        receivedAt: '2026-11-22T10:00:00.500Z',
        eventType: 'track',
        eventName: 'Order Completed',
        sourceId: 'shop',
        transformationId: 'transform 1',
      },
      {},
    ])
  })
})

test('a run tells for each transform how many events went in, came out, were dropped and failed, and how long it took', async () => {
  const sorts: Transform = {
    name: 'sorts',
    transformEvent: async (one) => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      if (one.messageId === 'bad') throw new Error('no total')
      if (one.messageId === 'bot') return null
      return one.messageId === 'cart' ? [one, one, one] : one
    },
  }
  const ran = await run(
    [sorts, { name: 'keeps', transformBatch: (events) => events }, returning(null), { transformEvent: (one) => one }],
    ['bad', 'bot', 'cart', 'order-1'].map((id) => event(id)),
  )
  expect(ran.steps).toEqual([
    { transform: 'sorts', in: 4, out: 4, dropped: 1, errors: 1, ms: expect.any(Number) },
    { transform: 'keeps', in: 4, out: 4, dropped: 0, errors: 0, ms: expect.any(Number) },
    { transform: 'odd', in: 4, out: 0, dropped: 4, errors: 0, ms: expect.any(Number) },
  ])
  expect(ran.steps[0]?.ms).toBeGreaterThan(15)
  expect(ran.steps[0]?.ms).toBeLessThan(5_000)
})
