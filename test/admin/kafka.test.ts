import { Kafka } from '@upstash/kafka'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Workerd } from '../support/workerd.ts'
import { adminToken, startKafkaServer } from '../topics/kafka-server.ts'

const user = { username: 'shop', password: 'password-of-the-shop' }
let server: Workerd
let kafka: Kafka

beforeAll(async () => {
  server = await startKafkaServer(`{
    topics: { orders: { partitions: 2 } },
    newTopics: {},
    users: { shop: { password: '${user.password}', read: ['*'], write: ['*'] } },
  }`)
  kafka = new Kafka({ url: `${server.url}/kafka`, ...user })
  await kafka.producer().produceMany([
    { topic: 'orders', partition: 0, value: 'Order 1843' },
    { topic: 'orders', partition: 0, value: 'Order 1844' },
    { topic: 'orders', partition: 1, value: 'Order 1845' },
    { topic: 'emails', value: 'to ada' },
  ])
})
afterAll(() => server.stop())

async function admin(path: string, { method = 'GET', body }: { method?: string; body?: object } = {}) {
  const answer = await fetch(`${server.url}/admin${path}`, {
    method,
    headers: { authorization: `Bearer ${adminToken}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

const consume = async (group: string, topic = 'orders') =>
  (
    await kafka.consumer().consume({
      consumerGroupId: group,
      instanceId: 'a',
      topics: [topic],
      autoOffsetReset: 'earliest',
      autoCommit: false,
      timeout: 50,
    })
  ).map(({ value }) => value)

test('an administrator sees topics, and groups with their instances, offsets and lag', async () => {
  expect(await consume('stock')).toHaveLength(3)
  await kafka
    .consumer()
    .commit({ consumerGroupId: 'stock', instanceId: 'a', offset: { topic: 'orders', partition: 0, offset: 1 } })
  const { body } = await admin('/kafka')
  expect(body).toEqual({
    topics: [
      { name: 'events', partitions: [{ partition: 0, first: 0, head: 0, bytes: expect.any(Number) as number }] },
      { name: 'emails', partitions: [{ partition: 0, first: 0, head: 1, bytes: expect.any(Number) as number }] },
      {
        name: 'orders',
        partitions: [
          { partition: 0, first: 0, head: 2, bytes: expect.any(Number) as number },
          { partition: 1, first: 0, head: 1, bytes: expect.any(Number) as number },
        ],
      },
    ],
    groups: [
      {
        name: 'stock',
        instances: [
          {
            name: 'a',
            assigned: [
              { topic: 'orders', partition: 0 },
              { topic: 'orders', partition: 1 },
            ],
          },
        ],
        offsets: [
          { topic: 'orders', partition: 0, committed: 1, next: 2, lag: 1 },
          { topic: 'orders', partition: 1, committed: null, next: 1, lag: 1 },
        ],
      },
    ],
    failures: [],
  })
  const filtered = (await admin('/kafka?group=stock')).body as { topics: object[]; groups: { offsets: object[] }[] }
  expect(filtered.topics).toEqual([])
  expect(filtered.groups[0]?.offsets).toMatchObject([{ lag: 1 }, { lag: 1 }])
  expect((await admin('/kafka?topic=emails')).body).toMatchObject({ topics: [{ name: 'emails' }], groups: [] })
  expect((await admin('/kafka?topic=none')).status).toBe(404)
  expect((await admin('/kafka?topics=emails')).status).toBe(400)
})

test('the offsets of a group are set once no instance is in it', async () => {
  await consume('books')
  const to = (body: object) =>
    admin('/kafka/groups/books/offsets', { method: 'POST', body: { topic: 'orders', ...body } })
  expect((await to({ to: 'earliest' })).status).toBe(409)
  await kafka.admin().removeConsumerInstance('books', 'a')
  const committed = async () =>
    (
      await kafka.consumer().committed({
        consumerGroupId: 'books',
        instanceId: 'a',
        topicPartitions: [0, 1].map((partition) => ({ topic: 'orders', partition })),
      })
    ).map(({ offset }) => offset)
  expect((await to({ to: 'latest' })).body).toMatchObject({
    group: 'books',
    offsets: [{ committed: 2 }, { committed: 1 }],
  })
  expect(await committed()).toEqual([2, 1])
  expect((await to({ to: 'earliest' })).status).toBe(200)
  expect(await committed()).toEqual([0, 0])
  await to({ to: Date.now() + 60_000, partition: 1 })
  await to({ to: { offset: 1 }, partition: 0 })
  expect(await committed()).toEqual([1, 1])
  expect(await consume('books')).toEqual(['Order 1844'])
  expect((await to({ to: 'yesterday' })).status).toBe(400)
  expect((await to({ to: 'latest', partition: 7 })).status).toBe(404)
  expect(
    (await admin('/kafka/groups/a%20b/offsets', { method: 'POST', body: { topic: 'orders', to: 0 } })).status,
  ).toBe(400)
})

test('a group is deleted once no instance is in it, and begins anew', async () => {
  await consume('mail')
  await kafka.consumer().commit({ consumerGroupId: 'mail', instanceId: 'a' })
  expect((await admin('/kafka/groups/mail', { method: 'DELETE' })).status).toBe(409)
  await kafka.admin().removeConsumerInstance('mail', 'a')
  expect(await admin('/kafka/groups/mail', { method: 'DELETE' })).toMatchObject({
    status: 200,
    body: { success: true },
  })
  expect((await admin('/kafka/groups/mail', { method: 'DELETE' })).status).toBe(404)
  expect(await consume('mail')).toHaveLength(3)
})

test('a topic that was made by naming it is deleted, and one of the config is not', async () => {
  expect((await admin('/kafka/topics/orders', { method: 'DELETE' })).status).toBe(409)
  expect((await admin('/kafka/topics/events', { method: 'DELETE' })).status).toBe(409)
  expect((await admin('/kafka/topics/none', { method: 'DELETE' })).status).toBe(404)
  expect((await admin('/kafka/topics/emails', { method: 'DELETE' })).status).toBe(200)
  const { topics } = (await admin('/kafka')).body as { topics: { name: string }[] }
  expect(topics.map(({ name }) => name)).toEqual(['events', 'orders'])
})

test('a stranger is told nothing of topics and groups', async () => {
  for (const path of ['/kafka', '/kafka/groups/stock', '/kafka/topics/orders'])
    expect((await fetch(`${server.url}/admin${path}`)).status).toBe(401)
})
