import { describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import type { Transform } from '../../src/core/transform.ts'
import { replayEdgeLetter } from '../../src/edge/replay-edge-letter.ts'
import { fakeEdge } from '../support/fake-edge.ts'
import { orderCompleted, receivedAt } from '../support/sample-events.ts'
import { call } from '../support/call.ts'

/** Sends Ada's order through a transform that sets fields, undefined for those that it deletes. */
async function through(fields: Record<string, unknown>, sent: Record<string, unknown> = {}) {
  const transform: Transform = { transformEvent: (event) => Object.freeze({ ...event, ...fields }) as Event }
  const edge = fakeEdge({ source: { transforms: [transform] } })
  const answer = await call(edge, '/v1/track', { body: orderCompleted(sent) })
  return { edge, answer: answer.json(), event: edge.events()[0] }
}

const before = '2026-11-22T09:59:58.500Z'

describe('what a transform makes of the timestamp', () => {
  test.each<[unknown, Record<string, unknown>]>([
    [Date.UTC(2026, 10, 22, 9), { timestamp: '2026-11-22T09:00:00.000Z' }],
    ['2026-11-22T10:00:00+01:00', { timestamp: '2026-11-22T09:00:00.000Z' }],
    ['2026-11-21T10:00:00.000Z', { timestamp: '2026-11-21T10:00:00.000Z' }],
    [null, { timestamp: before }],
    [undefined, { timestamp: before }],
    ['', { timestamp: before }],
    ['22/11/2026 10:00', { timestamp: before, context: { invalidTimestamp: '22/11/2026 10:00' } }],
    [{}, { timestamp: before, context: { invalidTimestamp: '{}' } }],
    [
      '2027-11-22T10:00:00.000Z',
      { timestamp: '2026-11-22T11:00:00.500Z', context: { unclampedTimestamp: '2027-11-22T10:00:00.000Z' } },
    ],
  ])('%j is stored as a time, and is as good as before where it is none', async (timestamp, expected) => {
    const { event } = await through({ timestamp })
    expect(event).toMatchObject(expected)
  })

  test('a Date is a time', async () => {
    const { event } = await through({ timestamp: new Date(Date.UTC(2026, 10, 22, 9)) })
    expect(event).toMatchObject({ timestamp: '2026-11-22T09:00:00.000Z' })
  })

  test('what a transform makes of the timestamp goes for the other times as well', async () => {
    const { event } = await through({ originalTimestamp: 'x', sentAt: null, receivedAt: 17 })
    expect(event).toMatchObject({
      originalTimestamp: '2026-11-22T09:59:58.000Z',
      sentAt: '2026-11-22T10:00:00.000Z',
      receivedAt,
      context: { invalidOriginalTimestamp: 'x' },
    })
  })
})

test('a type that a transform wrote in capitals is the type', async () => {
  expect((await through({ type: 'Track' })).event).toMatchObject({ type: 'track' })
})

test('a context that a transform deleted is an empty one', async () => {
  expect((await through({ context: undefined })).event).toMatchObject({ context: {} })
})

test('ids that a transform made of numbers are text', async () => {
  expect((await through({ userId: 42, anonymousId: ' anon-ada ' })).event).toMatchObject({
    userId: '42',
    anonymousId: 'anon-ada',
  })
})

test('a messageId that is no text is the one that the event had', async () => {
  expect((await through({ messageId: 17 })).event).toMatchObject({ messageId: 'order-1' })
})

test.each([
  [{ anonymousId: undefined, userId: undefined }],
  [{ anonymousId: '', userId: null }],
  [{ anonymousId: ' ', userId: '' }],
])('an event from which a transform took who it is of (%j) is a dead letter that says so', async (fields) => {
  const { edge, answer } = await through(fields)
  expect(answer).toMatchObject({
    accepted: 0,
    rejected: [
      {
        code: 'transform_failed',
        reason: 'a transform returned an event that is not valid: it has neither an anonymousId nor a userId',
      },
    ],
  })
  expect(edge.events()).toEqual([])
  expect(JSON.parse(edge.deadLetters[0]?.event ?? '')).toMatchObject({ userId: 'ada', anonymousId: 'anon-ada' })
})

test('a dead letter of the edge that was edited to an event without times gets those of its arrival', async () => {
  const edge = fakeEdge()
  const event = { type: 'track', event: 'Order Completed', userId: 'ada', timestamp: null, context: [] }
  const letter = { source: 'shop', code: 'no_identity', messageId: 'm-1', receivedAt: '2026-11-20T08:00:00.000Z' }
  await replayEdgeLetter({ ...letter, stage: 'ingest', event }, edge.context)
  const times = { timestamp: letter.receivedAt, originalTimestamp: letter.receivedAt, sentAt: letter.receivedAt }
  expect(edge.events()).toMatchObject([{ ...times, receivedAt: letter.receivedAt }])
})
