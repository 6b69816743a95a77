import { Kafka } from '@upstash/kafka'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Workerd } from '../support/workerd.ts'
import { startKafkaServer, writeKey } from './kafka-server.ts'

let server: Workerd
const client = (username = 'shop', password = 'password-of-the-shop') =>
  new Kafka({ url: `${server.url}/kafka`, username, password })

beforeAll(async () => {
  server = await startKafkaServer(`{
    partitions: 2,
    topics: { orders: { partitions: 3 }, emails: {} },
    newTopics: { partitions: 2 },
    users: {
      shop: { password: 'password-of-the-shop', read: ['*'], write: ['*'] },
      reader: { password: 'password-of-the-reader', read: ['orders'], groups: ['stock-*'] },
    },
  }`)
})
afterAll(() => server.stop())

test('the client produces one record and many, and reads them back by offset', async () => {
  const kafka = client()
  const one = await kafka.producer().produce('orders', { order: '1843' }, { key: 'ada', partition: 2 })
  expect(one).toMatchObject({ topic: 'orders', partition: 2, offset: 0 })
  const many = await kafka.producer().produceMany([
    { topic: 'orders', value: 'zweite', key: 'ada', partition: 2, headers: [{ key: 'source', value: 'shop' }] },
    { topic: 'emails', value: 'an ada' },
    { topic: 'orders', value: 'dritte', key: 'ada', partition: 2, timestamp: 1_700_000_000_000 },
  ])
  expect(many.map(({ topic, partition, offset }) => [topic, partition, offset])).toEqual([
    ['orders', 2, 1],
    ['emails', 0, 0],
    ['orders', 2, 2],
  ])
  const read = await kafka.consumer().fetch({ topic: 'orders', partition: 2, offset: 1, timeout: 1000 })
  expect(read).toEqual([
    {
      topic: 'orders',
      partition: 2,
      offset: 1,
      timestamp: many[0]?.timestamp,
      key: 'ada',
      value: 'zweite',
      headers: [{ key: 'source', value: 'shop' }],
    },
    {
      topic: 'orders',
      partition: 2,
      offset: 2,
      timestamp: 1_700_000_000_000,
      key: 'ada',
      value: 'dritte',
      headers: [],
    },
  ])
  expect(await kafka.admin().topics()).toMatchObject({ events: 2, orders: 3, emails: 1 })
})

test('two groups each get all records of a topic once, and commit by themselves', async () => {
  const kafka = client()
  const values = Array.from({ length: 40 }, (_, n) => `order ${n}`)
  await kafka.producer().produceMany(values.map((value, n) => ({ topic: 'sales', value, key: `user ${n % 7}` })))
  for (const group of ['stock', 'email']) {
    const got: string[] = []
    for (let i = 0; i < 5; i++) {
      const messages = await kafka.consumer().consume({
        consumerGroupId: group,
        instanceId: 'a',
        topics: ['sales'],
        autoOffsetReset: 'earliest',
        timeout: 50,
      })
      got.push(...messages.map(({ value }) => value))
    }
    expect(got.toSorted()).toEqual(values.toSorted())
  }
})

test('events that were sent to the edge are records of the topic events', async () => {
  const response = await server.fetch('/v1/track', {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${writeKey}:`)}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      userId: 'ada',
      event: 'Order Completed',
      messageId: 'order-1843',
      properties: { total: 129.9 },
    }),
  })
  expect(response.status).toBe(200)
  const messages = await client()
    .consumer()
    .consume({
      consumerGroupId: 'books',
      instanceId: '1',
      topics: ['events'],
      autoOffsetReset: 'earliest',
      timeout: 2000,
    })
  expect(messages.map(({ key, value, headers }) => [key, JSON.parse(value), headers[0]])).toEqual([
    [
      'ada',
      expect.objectContaining({ event: 'Order Completed', properties: { total: 129.9 } }),
      { key: 'message_id', value: 'order-1843' },
    ],
  ])
})
