import { describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { acceptEvents } from '../../src/edge/accept.ts'
import { writeCopy } from '../../src/admission/suppression-copy.ts'
import { type Snapshot, SuppressionList, type UserId } from '../../src/admission/suppression-list.ts'
import { Sqlite } from '../support/sqlite.ts'
import { call } from '../support/call.ts'
import type { FakeBucket } from '../support/fake-bucket.ts'
import { adminToken, now as start } from '../support/fake-context.ts'
import { type EdgeOptions, type FakeEdge, fakeEdge } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'
import type { Source } from '../../src/core/resolved-config.ts'

const ada: UserId = { kind: 'userId', id: 'ada' }

/** An edge with an admin token, a list, and a clock in seconds. */
function edgeWithList(options: EdgeOptions = {}) {
  const clock = { seconds: 0 }
  const list = new SuppressionList(new Sqlite().open())
  const object = {
    asked: 0,
    answer: (snapshot: Snapshot | null): Snapshot | null | Promise<Snapshot | null> => snapshot,
  }
  const SUPPRESSION = {
    getByName: (name: string) => ({
      snapshot: async (version: number | undefined) => {
        if (name !== 'all') throw new Error(`there is no list "${name}"`)
        object.asked++
        return object.answer(version === list.version ? null : list.snapshot)
      },
    }),
  }
  const edge = fakeEdge({
    resolved: { adminToken },
    ...options,
    port: { now: () => start + clock.seconds * 1000 },
    bindings: { SUPPRESSION },
  })
  return { edge, list, object, clock, bucket: edge.bucket as FakeBucket & R2Bucket }
}

let ids = 0
const order = (more: object = {}) => orderCompleted({ messageId: `order-${++ids}`, ...more })
const send = async (edge: FakeEdge, ...events: unknown[]) => {
  const answer = await call(edge, '/v1/batch', { body: { batch: events } })
  await Promise.all(edge.background.splice(0))
  return answer
}
const sendOne = (edge: FakeEdge, more: object = {}) => send(edge, order(more))
const unavailable = () => Promise.reject(new Error('the object was reset'))
const silent = () => new Promise<null>(() => {})

describe('an event of a suppressed user', () => {
  test('an event of a suppressed user is dropped like any other that is dropped: 200, counted, and stored nowhere', async () => {
    const { edge, list } = edgeWithList()
    list.add([ada], 1)
    const answer = await send(edge, order(), order({ userId: 'grace', anonymousId: 'anon-grace' }))
    expect(answer.status).toBe(200)
    expect(answer.json()).toEqual({ success: true, accepted: 1, dropped: 1 })
    expect(edge.events().map(({ userId }) => userId)).toEqual(['grace'])
    expect(edge.counters).toEqual({ 'dropped:suppressed': 1 })
    expect(edge.deadLetters).toEqual([])
  })

  test.each<[string, UserId, object, boolean]>([
    ['its userId', ada, {}, true],
    ['its anonymousId', { kind: 'anonymousId', id: 'anon-ada' }, { userId: 'grace' }, true],
    ['a number', { kind: 'userId', id: '42' }, { userId: 42 }, true],
    ['an id with blanks around it', ada, { userId: ' ada ' }, true],
    [
      'the id that an alias joins to another',
      ada,
      { type: 'alias', userId: 'grace', anonymousId: 'g', previousId: 'ada' },
      true,
    ],
    [
      'an id of a merge',
      ada,
      { type: 'merge', userId: 'grace', mergeProperties: [{ type: 'id', value: 'ada' }] },
      true,
    ],
    ['no id of the other kind', { kind: 'anonymousId', id: 'ada' }, {}, false],
    ['no id in capitals', { kind: 'userId', id: 'ADA' }, {}, false],
    ['no empty id', { kind: 'userId', id: '' }, { userId: '' }, false],
  ])('an event of a suppressed user is recognized by %s', async (_what, user, event, dropped) => {
    const { edge, list } = edgeWithList()
    list.add([user], 1)
    await sendOne(edge, event)
    expect(edge.events()).toHaveLength(dropped ? 0 : 1)
    expect(edge.counters).toEqual(dropped ? { 'dropped:suppressed': 1 } : {})
  })

  test('an event of a suppressed user is recognized by the anonymousId that it was sent with, though the cookie has another', async () => {
    const { edge, list } = edgeWithList()
    list.add([{ kind: 'anonymousId', id: 'anon-ada' }], 1)
    const source = edge.context.resolved.sources.get('shop') as Source
    const events = [order({ userId: undefined }), order({ userId: undefined, anonymousId: 'anon-grace' })]
    const answer = await acceptEvents({ source, events, facts: {}, anonymousId: 'anon-of-the-cookie' }, edge.context)
    expect(answer).toEqual({ accepted: 1, dropped: 1, rejected: [] })
    expect(edge.events()).toMatchObject([{ anonymousId: 'anon-of-the-cookie' }])
  })

  test('an event of a suppressed user is recognized by the userId that a transform gives it', async () => {
    const transformEvent = (event: Event) => {
      const named = { ...event, userId: event.context?.['crmId'] as string }
      return [named, { ...event, userId: 'grace' }].slice(0, event.event === 'Order Completed' ? 1 : 2)
    }
    const { edge, list } = edgeWithList({ source: { transforms: [{ name: 'crm', transformEvent }] } })
    list.add([ada], 1)
    const of = (crmId: string, more: object = {}) => order({ userId: undefined, context: { crmId }, ...more })
    const answer = await send(edge, of('ada'), of('alan'), of('ada', { event: 'Doubled' }))
    expect(answer.json()).toEqual({ success: true, accepted: 2, dropped: 1 })
    expect(edge.events().map(({ userId }) => userId)).toEqual(['alan', 'grace'])
    expect(edge.counters).toEqual({ 'dropped:suppressed': 2 })
  })

  test('an event whose ids are no ids is dropped for no suppressed user', async () => {
    const { edge, list } = edgeWithList()
    list.add([ada], 1)
    const answer = await send(
      edge,
      order({ anonymousId: { toString: 1, valueOf: 1 }, userId: [] }),
      order({ userId: 7 }),
    )
    expect([answer.status, answer.json()]).toMatchObject([200, { accepted: 1, rejected: [{ code: 'invalid_event' }] }])
  })

  test('an event of a suppressed user is recognized before its ids are hashed, and before its transforms', async () => {
    let ran = 0
    const { edge, list } = edgeWithList({
      source: {
        privacy: { hash: ['userId', 'anonymousId'] },
        transforms: [
          {
            name: 'counts',
            transformEvent: (event) => {
              ran++
              return event
            },
          },
        ],
      },
    })
    list.add([ada], 1)
    await sendOne(edge)
    expect([edge.events(), ran]).toEqual([[], 0])
  })

  test('an event of a suppressed user is no dead letter either when something is wrong with it', async () => {
    const { edge, list } = edgeWithList()
    list.add([ada], 1)
    const answer = await sendOne(edge, { properties: 'none' })
    expect(answer.json()).toEqual({ success: true, accepted: 0, dropped: 1 })
    expect(edge.deadLetters).toEqual([])
  })
})

describe('what an isolate knows', () => {
  test('the list that an isolate knows is asked for by its first request, and then no more for five seconds', async () => {
    const { edge, list, object, clock } = edgeWithList()
    list.add([ada], 1)
    for (clock.seconds = 0; clock.seconds <= 5; clock.seconds++) await sendOne(edge)
    expect(object.asked).toBe(1)
    expect(edge.events()).toEqual([])
  })

  test('the list that an isolate knows still serves after five seconds while it is asked for again, so that a change is known within ten', async () => {
    const { edge, list, object, clock } = edgeWithList()
    await sendOne(edge)
    list.add([ada], 1)
    clock.seconds = 4
    await sendOne(edge)
    expect(edge.events()).toHaveLength(2)
    // The answer does not wait for this one.
    clock.seconds = 6
    let reply: (value: Snapshot | null) => void = () => {}
    object.answer = (snapshot) => new Promise((resolve) => (reply = () => resolve(snapshot)))
    expect((await call(edge, '/v1/batch', { body: { batch: [order()] } })).status).toBe(200)
    expect([object.asked, edge.events().length]).toEqual([2, 3])
    reply(null)
    await Promise.all(edge.background.splice(0))
    await sendOne(edge)
    expect([object.asked, edge.events().length]).toEqual([2, 3])
    list.remove([ada])
    object.answer = (snapshot) => snapshot
    clock.seconds = 12
    await sendOne(edge)
    await sendOne(edge)
    expect(edge.events()).toHaveLength(4)
  })

  test('the list that an isolate knows is waited for when it is more than ten seconds old', async () => {
    const { edge, list, clock } = edgeWithList()
    await sendOne(edge)
    list.add([ada], 1)
    clock.seconds = 10.1
    await sendOne(edge)
    expect(edge.events()).toHaveLength(1)
  })

  test('the list that an isolate knows is not asked for a second time while an answer is on its way, unless that takes too long', async () => {
    const { edge, object, clock } = edgeWithList()
    await sendOne(edge)
    object.answer = silent
    const ask = async (seconds: number) => {
      clock.seconds = seconds
      expect((await call(edge, '/v1/batch', { body: { batch: [order()] } })).status).toBe(200)
      return object.asked
    }
    expect([await ask(6), await ask(7), await ask(8.9)]).toEqual([2, 2, 2])
    expect(await ask(9.5)).toBe(3)
    await Promise.all(edge.background.splice(0))
  })

  test('the list that an isolate knows is not replaced by an older answer that comes late', async () => {
    const { edge, list, object, clock } = edgeWithList()
    let late: () => void = () => {}
    object.answer = (snapshot) => new Promise((resolve) => (late = () => resolve(snapshot)))
    const first = sendOne(edge)
    await new Promise((resolve) => setTimeout(resolve, 10))
    list.add([ada], 1)
    clock.seconds = 1
    object.answer = (snapshot) => snapshot
    await sendOne(edge)
    late()
    await first
    await sendOne(edge)
    // Only the first request may have known nothing.
    expect(edge.counters['dropped:suppressed']).toBeGreaterThanOrEqual(2)
    expect(edge.events().length).toBeLessThanOrEqual(1)
  })

  test('without an admin token nobody is suppressed, and nobody is asked for the list', async () => {
    const { edge, list, object } = edgeWithList({ resolved: { adminToken: undefined } })
    list.add([ada], 1)
    await sendOne(edge)
    expect([object.asked, edge.events().length]).toEqual([0, 1])
  })
})

describe('while the object is unavailable', () => {
  test.each([
    ['fails', unavailable],
    ['does not answer', silent],
  ])('the copy of the list in R2 is read when its object %s', async (_how, answer) => {
    const { edge, list, object, bucket } = edgeWithList()
    list.add([ada], 1)
    await writeCopy(list.snapshot, bucket)
    object.answer = answer
    expect((await sendOne(edge)).status).toBe(200)
    await sendOne(edge, { userId: 'grace', anonymousId: 'anon-grace' })
    expect(edge.events().map(({ userId }) => userId)).toEqual(['grace'])
    expect(object.asked).toBe(1)
  })

  test('nobody is suppressed while the object of the list is unavailable and there never was a copy', async () => {
    const { edge, object } = edgeWithList()
    object.answer = unavailable
    await sendOne(edge)
    expect(edge.events()).toHaveLength(1)
  })

  test('a copy of the list that is older than what is known changes nothing', async () => {
    const { edge, list, object, bucket, clock } = edgeWithList()
    list.add([{ kind: 'userId', id: 'grace' }], 1)
    await writeCopy(list.snapshot, bucket)
    list.add([ada], 2)
    await sendOne(edge)
    object.answer = unavailable
    clock.seconds = 11
    await sendOne(edge)
    expect(edge.events()).toEqual([])
  })

  test('events are answered 503 when both the object of the list and R2 are unavailable, and nothing of them is stored', async () => {
    const { edge, object, bucket, clock } = edgeWithList()
    object.answer = unavailable
    bucket.before = () => {
      throw new Error('R2 is unavailable')
    }
    const answer = await sendOne(edge)
    expect(answer.status).toBe(503)
    expect(answer.json()).toMatchObject({ success: false, code: 'stream_unavailable' })
    expect(answer.headers.get('retry-after')).toBe('2')
    expect(edge.events()).toEqual([])
    object.answer = (snapshot) => snapshot
    clock.seconds = 2
    expect((await sendOne(edge)).status).toBe(200)
  })

  test('the list that is known serves for its ten seconds while its object is unavailable', async () => {
    const { edge, object, bucket, clock } = edgeWithList()
    await sendOne(edge)
    object.answer = unavailable
    bucket.before = () => {
      throw new Error('R2 is unavailable')
    }
    for (const seconds of [6, 8, 10]) {
      clock.seconds = seconds
      expect((await sendOne(edge)).status).toBe(200)
    }
    expect(edge.logged).toContain('the list of suppressed users could not be read')
    clock.seconds = 10.5
    expect((await sendOne(edge)).status).toBe(503)
  })
})
