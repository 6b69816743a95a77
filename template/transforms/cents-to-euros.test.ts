import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from 'sluiceway/event'
import { transformEvent } from './cents-to-euros.ts'

const order: Event = {
  type: 'track',
  messageId: 'order-1843',
  event: 'Order Completed',
  properties: { order_id: '1843', total_cents: 12_990 },
}

test('a total in cents is written in euros too, and the rest stays', () => {
  assert.deepEqual(transformEvent(structuredClone(order)).properties, {
    order_id: '1843',
    total_cents: 12_990,
    total: 129.9,
  })
})

test('an event without a total stays as it is', () => {
  const ping: Event = { type: 'track', messageId: 'ping-1', event: 'Pinged' }
  assert.deepEqual(transformEvent(structuredClone(ping)), ping)
})
