import { expect, test } from 'vitest'
import { replayedTextOf } from '../../src/lanes/replayed-text.ts'

const receivedAt = '2026-11-22T10:00:00.500Z'
const limits = { pastDays: 30, futureMinutes: 60 }
const order = { type: 'track', event: 'Order Completed', messageId: 'order-1', userId: 'ada' }

const replay = (event: object) =>
  JSON.parse(replayedTextOf({ event: JSON.stringify(event), receivedAt }, limits)) as Record<string, unknown>

test('a letter without times that is replayed gets those of its arrival, as at the edge', () => {
  expect(replay(order)).toMatchObject({
    ...order,
    originalTimestamp: receivedAt,
    sentAt: receivedAt,
    timestamp: receivedAt,
    receivedAt,
  })
})

test('a letter that says when it happened by the clock of the client is corrected by that of the server, as at the edge', () => {
  const times = { originalTimestamp: '2026-11-22T09:50:00.000Z', sentAt: '2026-11-22T09:55:00.000Z' }
  expect(replay({ ...order, ...times })).toMatchObject({ ...times, timestamp: '2026-11-22T09:55:00.500Z' })
})

test('a letter with times that cannot be read or believed keeps what they were in its context, as at the edge', () => {
  const event = { ...order, sentAt: 'yesterday', timestamp: '1926-11-22T10:00:00.000Z' }
  expect(replay(event)).toMatchObject({
    sentAt: receivedAt,
    timestamp: '2026-10-23T10:00:00.500Z',
    context: { invalidSentAt: 'yesterday', unclampedTimestamp: '1926-11-22T10:00:00.000Z' },
  })
})

test('a letter that has its times, or is no event, is replayed to the letter', () => {
  const whole = `{ "type": "track", "originalTimestamp": "${receivedAt}", "sentAt": "${receivedAt}", "timestamp": "${receivedAt}", "receivedAt": "${receivedAt}" }`
  for (const event of [whole, 'Order Completed', '[1]'])
    expect(replayedTextOf({ event, receivedAt }, limits)).toBe(event)
})
