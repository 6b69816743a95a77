// A Kafka source with all that is real: Kafka, a schema registry, the bridge, the router in workerd. A TCP client produces.
import { Buffer } from 'node:buffer'
import { Kafka } from '@upstash/kafka'
import avsc from 'avsc'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingServer } from '../../scripts/servers/missing-server.ts'
import { type RegistryServer, startRegistry } from '../../scripts/servers/registry.ts'
import { type BridgeProcess, everything, startBridgeProcess } from '../bridge/bridge-process.ts'
import { type RealKafka, realKafka } from '../support/real-kafka.ts'
import { until } from '../support/until.ts'
import type { Workerd } from '../support/workerd.ts'
import { adminToken, startKafkaServer } from '../topics/kafka-server.ts'

const missing = (await missingServer('kafka')) ?? (await missingServer('registry'))
const password = 'password-of-the-shop'
const users = ['ada', 'grace', 'mary', 'alan', 'edsger', 'barbara']
const schema = {
  type: 'record',
  name: 'Order',
  fields: [
    { name: 'order_id', type: 'string' },
    { name: 'total', type: 'double' },
    { name: 'coupon', type: ['null', 'string'], default: null },
  ],
} as const
const type = avsc.Type.forSchema(schema as unknown as avsc.Schema)

interface Arrived {
  readonly messageId: string
  readonly event: string
  readonly userId: string
  readonly timestamp: string
  readonly properties: Readonly<Record<string, unknown>>
  readonly context?: { readonly shop?: string }
}

interface Letter {
  readonly messageId: string
  readonly reason: string
  readonly event: { readonly topic: string; readonly partition: number; readonly offset: number }
}

interface SourceStatus {
  readonly source: string
  readonly state: string
  readonly lag?: number
  readonly problem?: string
  readonly nextStep?: string
  readonly since?: number
}

describe.skipIf(missing !== undefined)('a real Kafka as a source', { timeout: 120_000 }, () => {
  let kafka: RealKafka
  let registry: RegistryServer
  let bridge: BridgeProcess
  let router: Workerd

  beforeAll(async () => {
    ;[kafka, registry] = await Promise.all([realKafka(), startRegistry()])
    bridge = await startBridgeProcess({
      kafka: { brokers: [kafka.bootstrap] },
      users: [{ name: 'router', password, ...everything }],
    })
    for (const [topic, partitions] of Object.entries({ orders: 3, 'avro-orders': 2, load: 4 }))
      await kafka.createTopic(topic, partitions)
    router = await startKafkaServer(`{ users: { shop: { password: '${password}', read: ['*'] } } }`, {
      imports: `
        import { upstash } from './src/fronts/upstash.ts'
        import { kafka } from './src/sources/kafka.ts'
        import { avroValues } from './src/registry/avro-values.ts'
        const front = upstash({ url: '${bridge.url}', username: 'router', password: '${password}', allowPrivate: true })`,
      sources: `
        shop: { kafka: kafka({
          front, topics: ['orders', 'load'], pollSeconds: 1,
          map: ({ topic, key, value, headers }) => value === null ? null
            : { type: 'track', event: topic, userId: key, properties: value, context: { shop: headers.shop } },
        }) },
        avro: { kafka: kafka({
          front, topics: ['avro-orders'], pollSeconds: 1,
          values: avroValues({ url: '${registry.url}', allowPrivate: true }),
          map: ({ topic, key, value }) => ({ type: 'track', event: topic, userId: key, properties: value }),
        }) },`,
    })
  }, 240_000)
  afterAll(async () => {
    await router?.stop()
    await bridge?.close()
    await Promise.all([kafka?.stop(), registry?.stop()])
  })

  /** What the log of the router holds of a topic. */
  async function arrivedOf(topic: string): Promise<Arrived[]> {
    await router.fetch('/health')
    const consumer = new Kafka({ url: `${router.url}/kafka`, username: 'shop', password }).consumer()
    const found: Arrived[] = []
    for (let offset = 0; ;) {
      const page = await consumer.fetch({ topic: 'events', partition: 0, offset, timeout: 0 })
      const last = page.at(-1)
      if (last === undefined) return found.filter(({ event }) => event === topic)
      found.push(...page.map(({ value }) => JSON.parse(value) as Arrived))
      offset = last.offset + 1
    }
  }

  async function admin<T>(path: string): Promise<T> {
    const answer = await router.fetch(`/admin${path}`, { headers: { authorization: `Bearer ${adminToken}` } })
    return (await answer.json()) as T
  }
  const sourceOf = async (name: string) =>
    (await admin<{ sources: SourceStatus[] }>('/sources')).sources.find(({ source }) => source === name)
  const letters = async () => (await admin<{ deadLetters: Letter[] }>('/dead-letters')).deadLetters

  test('JSON that a TCP client has written arrives as events, with key, headers and time; a tombstone becomes none, and no JSON a dead letter', async () => {
    const before = Date.now()
    await kafka.produce('orders', [
      {
        key: 'ada',
        value: JSON.stringify({ order_id: '1843', total: 129.9 }),
        partition: 1,
        headers: { shop: 'Bremen' },
      },
      { key: 'ada', value: null, partition: 1 },
      { key: 'ada', value: '{"order_id":', partition: 1 },
      { key: 'grace', value: JSON.stringify({ order_id: '1844' }), partition: 1 },
    ])
    const events = await until('two orders', () => arrivedOf('orders'), {
      enough: ({ length }) => length >= 2,
      seconds: 30,
    })
    expect(events).toHaveLength(2)
    expect(events[0]).toMatchObject({
      messageId: 'kafka:orders:1:0',
      userId: 'ada',
      properties: { order_id: '1843', total: 129.9 },
      context: { shop: 'Bremen' },
    })
    const at = Date.parse(events[0]?.timestamp ?? '')
    expect([at >= before, at <= Date.now()]).toEqual([true, true])
    expect(events[1]).toMatchObject({ messageId: 'kafka:orders:1:3', userId: 'grace' })
    const [letter] = await until('its dead letter', letters, { enough: ({ length }) => length > 0 })
    expect(letter).toMatchObject({
      messageId: 'kafka:orders:1:2',
      reason: expect.stringMatching(/^orders 1, offset 2: its value cannot be decoded: /) as string,
      event: { topic: 'orders', partition: 1, offset: 2, text: '{"order_id":' },
    })
  })

  test('Avro that another library has written, under an id of the registry, arrives as events', async () => {
    const answer = await fetch(`${registry.url}/subjects/avro-orders-value/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ schema: JSON.stringify(schema) }),
    })
    const { id } = (await answer.json()) as { id: number }
    const frame = Buffer.alloc(5)
    frame.writeInt32BE(id, 1)
    const orders = [
      { order_id: '1845', total: 17.25, coupon: 'SPRING' },
      { order_id: '1846', total: 0, coupon: null },
    ]
    await kafka.produce(
      'avro-orders',
      orders.map((order) => ({ key: 'mary', value: Buffer.concat([frame, type.toBuffer(order)]) })),
    )
    const events = await until('the orders', () => arrivedOf('avro-orders'), {
      enough: ({ length }) => length >= 2,
      seconds: 30,
    })
    expect(events.map(({ userId, properties }) => [userId, properties])).toEqual(orders.map((order) => ['mary', order]))
  })

  test('a broker, a bridge and a router that are killed while records come lose none and repeat none, in the order of each user', async () => {
    let next = 0
    const produce = async (count: number) => {
      const numbers = Array.from({ length: count }, () => next++)
      await kafka.produce(
        'load',
        numbers.map((n) => ({ key: users[n % users.length] ?? '', value: JSON.stringify({ n }) })),
      )
    }
    await produce(400)
    await until('some of it', () => arrivedOf('load'), { enough: ({ length }) => length > 0, seconds: 30 })
    await produce(400)
    await router.restart()
    await produce(200)
    await until('some after the restart', () => arrivedOf('load'), {
      enough: ({ length }) => length > 400,
      seconds: 30,
    })
    await produce(400)
    await bridge.kill()
    await kafka.kill()
    const failing = await until('a source that tells', () => sourceOf('shop'), {
      enough: (one) => one?.state === 'failing',
      seconds: 30,
    })
    expect(failing).toMatchObject({
      problem: expect.stringContaining('The Kafka front does not answer') as string,
      nextStep: expect.stringContaining('look at the front and its brokers') as string,
      since: expect.any(Number) as number,
    })
    await kafka.restart()
    await bridge.start()
    await produce(200)
    await until('all of the load', () => arrivedOf('load'), { enough: ({ length }) => length >= next, seconds: 60 })
    await until('a source that is well again', () => sourceOf('shop'), {
      enough: (one) => one?.state === 'running' && one.lag === 0,
      seconds: 90,
    })
    const events = await arrivedOf('load')
    const numbersOf = (some: readonly Arrived[]) => some.map(({ properties }) => Number(properties['n']))
    expect(numbersOf(events).toSorted((a, b) => a - b)).toEqual(Array.from({ length: next }, (_, n) => n))
    for (const user of users) {
      const numbers = numbersOf(events.filter(({ userId }) => userId === user))
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    }
  })
})
