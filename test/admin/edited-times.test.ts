import { expect, test } from 'vitest'
import { receivedAt } from '../support/sample-events.ts'
import { fakeAdmin } from './fake-admin.ts'

const times = {
  originalTimestamp: '2026-11-22T09:59:58.000Z',
  sentAt: '2026-11-22T10:00:00.000Z',
  timestamp: '2026-11-22T09:59:58.500Z',
  receivedAt,
}
const event = { type: 'track', messageId: 'order-1', userId: 'ada', event: 'Order Completed', ...times }
const letters = {
  'tables:0': [{ messageId: 'order-1', event }],
  'webhook:0': [{ messageId: 'order-1', event }],
  '@edge:0': [{ messageId: 'order-1', event }],
}

const edit = (lane: string, edited: object) =>
  fakeAdmin({ letters }).put(`/dead-letters/${lane}:1`, {
    event: { type: 'track', userId: 'ada', event: 'Order Completed', ...edited },
  })

test('a letter of a lane that is edited to an event without times keeps those that it had', async () => {
  const { body } = await edit('tables:0', { timestamp: null, sentAt: '' })
  expect(body.deadLetter.event).toMatchObject(times)
})

test('a time that is edited is written as all times are', async () => {
  const { body } = await edit('tables:0', { timestamp: '2026-11-22 08:00:00 +0100' })
  expect(body.deadLetter.event).toMatchObject({ ...times, timestamp: '2026-11-22T07:00:00.000Z' })
})

test('a time that is none is refused, which says what is one', async () => {
  const { status, body } = await edit('tables:0', { timestamp: '22/11/2026' })
  expect([status, body]).toMatchObject([
    400,
    { code: 'bad_request', message: 'event.timestamp: must be a time such as 2026-11-22T10:00:00Z, or be left out' },
  ])
})

test('a letter of the edge stays as it was edited: it goes the whole way of a new event', async () => {
  const { body } = await edit('@edge:0', { timestamp: '22/11/2026' })
  expect(body.deadLetter.event).toMatchObject({ timestamp: '22/11/2026' })
  expect(body.deadLetter.event).not.toHaveProperty('sentAt')
})

test('a letter of a lane that is edited to another time of happening gets its timestamp of that, by the clock of the server', async () => {
  const { body } = await edit('webhook:0', { originalTimestamp: '2026-11-22T08:00:00Z' })
  expect(body.deadLetter.event).toMatchObject({
    ...times,
    originalTimestamp: '2026-11-22T08:00:00.000Z',
    timestamp: '2026-11-22T08:00:00.500Z',
  })
})

test('a letter of a lane that is edited to what the edge would refuse is refused, with what is wrong', async () => {
  for (const [edited, reason] of [
    [{ context: 'the shop' }, 'context must be an object'],
    [{ type: null }, 'type must be text'],
  ] as const)
    expect((await edit('tables:0', edited)).body).toMatchObject({ code: 'bad_request', message: `event: ${reason}` })
})
