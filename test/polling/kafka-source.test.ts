import { Kafka } from '@upstash/kafka'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import type { Workerd } from '../support/workerd.ts'
import { adminToken, startKafkaServer } from '../topics/kafka-server.ts'

const password = 'password-of-the-shop'
const users = `users: { shop: { password: '${password}', read: ['*'], write: ['*'] } }`

// One deployment's log is the Kafka, another one reads it.
let kafka: Workerd
let router: Workerd
const clientOf = (server: Workerd) => new Kafka({ url: `${server.url}/kafka`, username: 'shop', password })

beforeAll(async () => {
  kafka = await startKafkaServer(`{ topics: { orders: { partitions: 3 } }, ${users} }`)
  router = await startKafkaServer(`{ ${users} }`, {
    imports: `
      import { upstash } from './src/fronts/upstash.ts'
      import { kafka } from './src/sources/kafka.ts'`,
    sources: `shop: {
      kafka: kafka({
        front: upstash({ url: '${kafka.url}/kafka', username: 'shop', password: '${password}', allowPrivate: true }),
        topics: ['orders'],
        pollSeconds: 1,
        map: ({ key, value, headers }) => {
          if (value.status === 'draft') return null
          if (value.status === 'broken') throw new Error('an order without lines')
          return { type: 'track', event: 'Order Completed', userId: key, properties: value, context: { shop: headers.shop } }
        },
      }),
    },`,
  })
})
afterAll(async () => {
  await router.stop()
  await kafka.stop()
})

const produce = (orders: readonly { readonly number: number; readonly user: string; readonly status?: string }[]) =>
  clientOf(kafka)
    .producer()
    .produceMany(
      orders.map(({ number, user, status = 'paid' }) => ({
        topic: 'orders',
        key: user,
        value: { order_id: `${number}`, status },
        headers: [{ key: 'shop', value: 'Bremen' }],
      })),
    )

interface Accepted {
  readonly messageId: string
  readonly userId: string
  readonly timestamp: string
  readonly properties: { readonly order_id: string }
  readonly context: { readonly shop: string }
}

/** Everything that the router's log holds. */
async function accepted(): Promise<Accepted[]> {
  await router.fetch('/health')
  const found: Accepted[] = []
  for (let offset = 0; ;) {
    const page = await clientOf(router).consumer().fetch({ topic: 'events', partition: 0, offset, timeout: 0 })
    const last = page.at(-1)
    if (last === undefined) return found
    found.push(...page.map(({ value }) => JSON.parse(value) as Accepted))
    offset = last.offset + 1
  }
}

test('records of a topic become events of the source, in order per key, and drafts become none', async () => {
  await produce([
    { number: 1, user: 'ada' },
    { number: 2, user: 'grace' },
    { number: 3, user: 'ada', status: 'draft' },
    { number: 4, user: 'ada' },
  ])
  const events = await until('three events', accepted, { enough: ({ length }) => length === 3 })
  expect(events.filter(({ userId }) => userId === 'ada').map(({ properties }) => properties.order_id)).toEqual([
    '1',
    '4',
  ])
  expect(events[0]).toMatchObject({
    messageId: expect.stringMatching(/^kafka:orders:\d:\d$/) as string,
    context: { shop: 'Bremen' },
  })
})

test('a record that cannot be mapped is a dead letter, which can be edited and sent on', async () => {
  const before = await accepted()
  await produce([{ number: 5, user: 'ada', status: 'broken' }])
  const admin = (path: string, init: { method?: string; body?: string } = {}) =>
    router.fetch(`/admin${path}`, {
      ...init,
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    })
  const letter = await until('a dead letter', async () => {
    await router.fetch('/health')
    const { deadLetters } = (await (await admin('/dead-letters')).json()) as {
      deadLetters: { id: string; reason: string; event: { value: { status: string } } }[]
    }
    return deadLetters[0]
  })
  expect(letter.reason).toMatch(/^orders \d, offset \d: an order without lines$/)
  const id = encodeURIComponent(letter.id)
  await admin(`/dead-letters/${id}`, {
    method: 'PUT',
    body: JSON.stringify({ event: { ...letter.event, value: { order_id: '5', status: 'paid' } } }),
  })
  expect(
    (await admin('/dead-letters/replay', { method: 'POST', body: JSON.stringify({ ids: [letter.id] }) })).status,
  ).toBe(200)
  const events = await until('the mended event', accepted, { enough: ({ length }) => length === before.length + 1 })
  expect(events.at(-1)?.properties.order_id).toBe('5')
})

test('a crash in the middle of reading loses and repeats no record', async () => {
  const before = await accepted()
  const orders = Array.from({ length: 400 }, (_, n) => ({ number: 1_000 + n, user: `user ${n % 9}` }))
  for (let from = 0; from < orders.length; from += 40) {
    await produce(orders.slice(from, from + 40))
    if (from === 80 || from === 240) {
      await until('some of them', accepted, { enough: ({ length }) => length > before.length + from / 2 })
      await router.restart()
    }
  }
  await until('all of them', accepted, { enough: ({ length }) => length >= before.length + orders.length, seconds: 60 })
  await new Promise((resolve) => setTimeout(resolve, 2_500))
  const events = (await accepted()).slice(before.length)
  expect(events.map(({ properties }) => Number(properties.order_id)).toSorted((a, b) => a - b)).toEqual(
    orders.map(({ number }) => number),
  )
  for (const user of new Set(orders.map((order) => order.user)))
    expect(events.filter(({ userId }) => userId === user).map(({ properties }) => Number(properties.order_id))).toEqual(
      orders.filter((order) => order.user === user).map(({ number }) => number),
    )
})
