import { randomBytes } from 'node:crypto'
import { Kafka } from '@upstash/kafka'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import type { Workerd } from '../support/workerd.ts'
import { startKafkaServer, writeKey } from './kafka-server.ts'

const user = { username: 'shop', password: 'password-of-the-shop' }
const hour = 3_600_000
let server: Workerd
const kafka = () => new Kafka({ url: `${server.url}/kafka`, ...user })

beforeAll(async () => {
  server = await startKafkaServer(`{
    partitions: 1,
    topics: {
      short: { retentionDays: 0.05 },
      small: { retentionMegabytes: 1 },
      orders: { partitions: 3, retentionDays: 30 },
    },
    newTopics: { partitions: 2 },
    users: { shop: { password: '${user.password}', read: ['*'], write: ['*'] } },
  }`)
})
afterAll(() => server.stop())

/** Lets time pass. */
const ahead = (ms: number) => server.fetch(`/test/ahead/${ms}`)
/** Lets an hour pass, with the schedule of each minute: it sweeps a sixtieth of the topics. */
const sweepAll = () => server.fetch('/test/minutes/60')

const firstOf = async (topic: string, partition = 0) =>
  (await kafka().admin().topicPartitionOffsets({ timestamp: 'earliest', topicPartition: { topic, partition } }))[0]
    ?.offset
const valuesFrom = async (topic: string, partition = 0, offset = 0) =>
  (await kafka().consumer().fetch({ topic, partition, offset, timeout: 0 })).map(({ value }) => value)
const consume = async (group: string, topic: string, autoOffsetReset: 'earliest' | 'latest' = 'latest') => {
  const found: string[] = []
  for (let call = 0; call < 4; call++)
    found.push(
      ...(
        await kafka()
          .consumer()
          .consume({ consumerGroupId: group, instanceId: 'a', topics: [topic], timeout: 50, autoOffsetReset })
      ).map(({ value }) => value),
    )
  return found.toSorted()
}

test('records of a topic are forgotten after its time, a group goes on with what is left, and offsets go on', async () => {
  await kafka().producer().produce('short', 'Order 1843')
  expect(await consume('late', 'short', 'earliest')).toEqual(['Order 1843'])
  await kafka()
    .consumer()
    .commit({ consumerGroupId: 'late', instanceId: 'a', offset: { topic: 'short', partition: 0, offset: 0 } })
  await kafka().admin().removeConsumerInstance('late', 'a')
  await kafka()
    .consumer()
    .commit({ consumerGroupId: 'late', instanceId: 'a', offset: { topic: 'short', partition: 0, offset: 0 } })
  await ahead(3 * hour)
  await sweepAll()
  await until('the record is forgotten', async () => (await firstOf('short')) === 1)
  await kafka().producer().produce('short', 'Order 1844')
  expect(await valuesFrom('short')).toEqual(['Order 1844'])
  expect(await consume('late', 'short')).toEqual(['Order 1844'])
}, 60_000)

test('the oldest hours of a topic are forgotten when it is too large', async () => {
  const noise = () => randomBytes(300_000).toString('base64')
  for (let i = 0; i < 6; i++) {
    await kafka().producer().produce('small', noise())
    await ahead(hour)
  }
  await sweepAll()
  const first = await until('some is forgotten', async () => (await firstOf('small')) ?? 0, { enough: (n) => n > 0 })
  // Of six records of 400 KB each, those of the last hours stay.
  expect(first).toBeLessThanOrEqual(4)
  expect((await valuesFrom('small', 0, first)).length).toBeGreaterThan(0)
}, 60_000)

test('a topic that has more partitions than before is read from the first record of the new ones', async () => {
  await kafka().producer().produce('orders', 'before', { partition: 0 })
  expect(await consume('grown', 'orders')).toEqual([])
  await server.restart({ LOG_CHANGES: JSON.stringify({ topics: { orders: { partitions: 5, retentionDays: 30 } } }) })
  await kafka()
    .producer()
    .produceMany([
      { topic: 'orders', partition: 4, value: 'in the fifth' },
      { topic: 'orders', partition: 0, value: 'in the first' },
    ])
  // The group starts at the end of what it knew, and loses nothing of what it did not know.
  expect(await consume('grown', 'orders')).toEqual(['in the fifth', 'in the first'])
})

test('partitions above the number of now can be read until they are empty, and take nothing', async () => {
  await server.restart({ LOG_CHANGES: JSON.stringify({ topics: { orders: { partitions: 1, retentionDays: 30 } } }) })
  expect((await kafka().admin().topics())['orders']).toBe(5)
  expect(await valuesFrom('orders', 4)).toEqual(['in the fifth'])
  const answers = await kafka()
    .producer()
    .produceMany(Array.from({ length: 12 }, (_, i) => ({ topic: 'orders', key: `user ${i}`, value: `after ${i}` })))
  expect(new Set(answers.map(({ partition }) => partition))).toEqual(new Set([0]))
  expect(await consume('grown', 'orders')).toHaveLength(12)
})

test('a topic that is gone from the config can be read for the time that the config gave it, then it is gone', async () => {
  await server.restart({ LOG_CHANGES: JSON.stringify({ topics: {}, newTopics: null }) })
  expect((await kafka().admin().topics())['orders']).toBe(5)
  await ahead(10 * 24 * hour)
  await sweepAll()
  expect(await valuesFrom('orders', 4)).toEqual(['in the fifth'])
  const refused = await fetch(`${server.url}/kafka/produce/orders/late`, {
    headers: { authorization: `Basic ${btoa(`${user.username}:${user.password}`)}` },
  })
  expect(refused.status).toBe(404)
  await ahead(21 * 24 * hour)
  for (let round = 0; round < 6; round++) await sweepAll()
  await until('the topic is gone', async () => !('orders' in (await kafka().admin().topics())))
}, 120_000)

test('events of partitions above the number of now are read, and new partitions from their first event', async () => {
  await server.restart({ LOG_CHANGES: JSON.stringify({ partitions: 1 }) })
  const track = async (userId: string) => {
    const answer = await server.fetch('/v1/track', {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${writeKey}:`)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ userId, event: 'Order Completed', messageId: `order of ${userId}` }),
    })
    expect(answer.status).toBe(200)
  }
  const users = ['ada', 'grace', 'edsger', 'barbara', 'alan', 'donald']
  const keys = async () =>
    (await consume('books', 'events')).map((value) => (JSON.parse(value) as { userId: string }).userId).toSorted()
  expect(await keys()).toEqual([])
  for (const one of users) await track(one)
  expect(await keys()).toEqual(users.toSorted())
  await server.restart({ LOG_CHANGES: JSON.stringify({ partitions: 4 }) })
  for (const one of users) await track(`${one} 2`)
  expect(await keys()).toEqual(users.map((one) => `${one} 2`).toSorted())
  for (const one of users) await track(`${one} 3`)
  await server.restart({ LOG_CHANGES: JSON.stringify({ partitions: 2 }) })
  expect((await kafka().admin().topics())['events']).toBe(4)
  expect(await keys()).toEqual(users.map((one) => `${one} 3`).toSorted())
}, 60_000)
