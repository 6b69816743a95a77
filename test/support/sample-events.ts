import { type Header, pack, type Packed } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import type { Chunk } from '../../src/core/inbox.ts'
import { frame } from '../../src/storage/frame.ts'

/** When the events of tests are received: `now` of fake-context.ts, as it is written into them. */
export const receivedAt = '2026-11-22T10:00:00.500Z'

/** Ada's order as an SDK sends it, with all that an SDK adds. */
export const orderCompleted = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  type: 'track',
  event: 'Order Completed',
  messageId: 'order-1',
  anonymousId: 'anon-ada',
  userId: 'ada',
  originalTimestamp: '2026-11-22T09:59:58.000Z',
  sentAt: '2026-11-22T10:00:00.000Z',
  properties: { order_id: '50314b8e', revenue: 39.95, products: [{ sku: '45790-32', name: 'Monopoly: 3rd Edition' }] },
  context: { library: { name: 'analytics-node', version: '3.1.0' }, traits: { email: 'ada@example.com' } },
  ...more,
})

/** An order of Ada's with no more than somebody would look for. */
export const plainOrder = (messageId: string, more: Partial<Event> = {}): Event => ({
  type: 'track',
  messageId,
  userId: 'ada',
  event: 'Order Completed',
  properties: { order_id: messageId, total: 42 },
  ...more,
})

/** What the stream knows of an event of Ada's shop. */
export const headerOf = (id: string, more: Partial<Header> = {}): Header => ({
  id,
  key: 'ada',
  source: 'shop',
  receivedAt,
  to: ['webhook'],
  facts: {},
  ...more,
})

/** An order as it crosses a stream to two destinations. */
export const packedOrder = (
  id: string,
  event: Partial<Event> = {},
  { key = 'ada', to = ['webhook', 'audit'], at = receivedAt } = {},
): Packed =>
  pack(headerOf(id, { key, to, receivedAt: at }), {
    type: 'track',
    event: 'Order Completed',
    messageId: id,
    anonymousId: key,
    ...event,
  })

/** Events of a partition as a stream hands them to lanes; durable at `at`, milliseconds since the epoch. */
export const chunkOf = (offset: number, events: readonly Packed[], at = 0): Chunk => ({
  offset,
  count: events.length,
  at,
  data: frame(events.map(({ text }) => text).join('')),
})
