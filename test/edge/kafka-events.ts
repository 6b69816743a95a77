import type { KafkaMessage } from '../../src/core/kafka.ts'
import { upstash } from '../../src/fronts/upstash.ts'
import { kafka, type KafkaSourceInput } from '../../src/sources/kafka.ts'

const encoder = new TextEncoder()
const bytesOf = (value: unknown): Uint8Array | null =>
  value === null || value instanceof Uint8Array
    ? value
    : encoder.encode(typeof value === 'string' ? value : JSON.stringify(value))

/** A record of the topic `orders`, as a front reads it: text and bytes as they are, other values as JSON. */
export const recordAt = (offset: number, value: unknown, more: Partial<KafkaMessage> = {}): KafkaMessage => ({
  topic: 'orders',
  partition: 0,
  offset,
  timestamp: Date.parse('2026-11-22T10:00:00.000Z'),
  key: encoder.encode('ada'),
  headers: [],
  ...more,
  value: bytesOf(value),
})

/** A source of the topic `orders`, whose records are orders that were completed, unless the test says otherwise. */
export const ordersOf = (more: Partial<KafkaSourceInput> = {}) =>
  kafka({
    front: upstash({ url: 'https://kafka.example.com', username: 'router', password: 'password-of-kafka' }),
    topics: ['orders'],
    map: ({ key, value }) => ({ type: 'track', event: 'Order Completed', userId: key, properties: value }),
    ...more,
  })
