// The destination kafka() with all that is real: the lane's delivery, the bridge, Kafka, a schema registry. A TCP client judges.
import avsc from 'avsc'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingServer } from '../../scripts/servers/missing-server.ts'
import { type RegistryServer, startRegistry } from '../../scripts/servers/registry.ts'
import { kafka as kafkaDestination, type KafkaDestinationInput } from '../../destinations/kafka.ts'
import { readFrame } from '../../src/avro/framing.ts'
import { Envelope } from '../../src/core/envelope.ts'
import { upstash } from '../../src/fronts/upstash.ts'
import { deliver } from '../../src/lanes/deliver.ts'
import { type BridgeProcess, everything, startBridgeProcess } from '../bridge/bridge-process.ts'
import { fakePort } from '../support/fake-context.ts'
import { type BrokerRecord, type RealKafka, realKafka } from '../support/real-kafka.ts'
import { headerOf } from '../support/sample-events.ts'

const password = 'password-of-kafka'
const missing = (await missingServer('kafka')) ?? (await missingServer('registry'))
const people = [
  'Ada Lovelace',
  'Grace Hopper',
  'Joan Clarke',
  'Zoë Müller',
  '李娜',
  'Katherine Johnson',
  'x'.repeat(300),
]

const orderOf = (id: string, userId: string | undefined, more: Readonly<Record<string, unknown>> = {}) =>
  new Envelope(
    headerOf(id, { key: userId ?? id, receivedAt: '', to: [] }),
    JSON.stringify({
      type: 'track',
      event: 'Order Completed',
      messageId: id,
      ...(userId === undefined ? {} : { userId }),
      properties: { order_id: id, total: 129.9, note: 'Straße 7, 東京 ☕' },
      ...more,
    }),
  )

const order = {
  type: 'record',
  name: 'OrderCompleted',
  namespace: 'shop',
  fields: [
    { name: 'messageId', type: 'string' },
    { name: 'userId', type: ['null', 'string'], default: null },
    {
      name: 'properties',
      type: {
        type: 'record',
        name: 'Order',
        fields: [
          { name: 'order_id', type: 'string' },
          { name: 'total', type: 'double' },
          { name: 'note', type: 'string' },
        ],
      },
    },
  ],
} as const

const idOf = ({ headers }: BrokerRecord) => String(headers['message_id'])
const keyOf = ({ key }: BrokerRecord) => key?.toString()

describe.skipIf(missing !== undefined)('the destination kafka before a real Kafka', { timeout: 120_000 }, () => {
  let kafka: RealKafka
  let registry: RegistryServer
  let bridge: BridgeProcess

  beforeAll(async () => {
    ;[kafka, registry] = await Promise.all([realKafka(), startRegistry()])
    bridge = await startBridgeProcess({
      kafka: { brokers: [kafka.bootstrap] },
      users: [{ name: 'kafka', password, ...everything }],
    })
  }, 240_000)
  afterAll(async () => {
    await bridge?.close()
    await Promise.all([kafka?.stop(), registry?.stop()])
  })

  const destinationOf = (input: Omit<KafkaDestinationInput, 'front'>) => {
    const front = upstash({ url: bridge.url, username: 'kafka', password, allowPrivate: true })
    const destination = kafkaDestination({ front, ...input })
    expect(destination.problems).toEqual([])
    return destination
  }
  const port = fakePort({ fetch: (request) => fetch(request), now: () => Date.now() })
  const send = async (input: Omit<KafkaDestinationInput, 'front'>, events: readonly Envelope[]) =>
    (await deliver(events, destinationOf(input), { port })).outcomes.map(({ verdict }) => verdict)
  const done = { kind: 'done' }

  test('orders of each user are in the partition that Java chooses, in their order, byte for byte, with their headers', async () => {
    for (const topic of ['orders', 'chosen-by-java']) await kafka.createTopic(topic, 5)
    const events = Array.from({ length: 210 }, (_, i) => orderOf(`order-${i}`, people[i % people.length]))
    const verdicts = await send({ topic: 'orders', headers: { event: '${event}', who: '${userId}' } }, events)
    expect(verdicts).toEqual(events.map(() => done))
    const stored = await kafka.records('orders')
    expect(stored).toHaveLength(210)

    await kafka.produce(
      'chosen-by-java',
      people.map((key) => ({ key, value: 'x' })),
    )
    const chosen = new Map((await kafka.records('chosen-by-java')).map((one) => [keyOf(one), one.partition]))
    expect(new Set(chosen.values()).size).toBeGreaterThan(2)
    const byId = new Map(events.map((event) => [event.id, event.text]))
    for (const person of people) {
      const theirs = stored.filter((one) => keyOf(one) === person)
      expect([...new Set(theirs.map(({ partition }) => partition))]).toEqual([chosen.get(person)])
      expect(theirs.map(idOf)).toEqual(events.filter(({ event }) => event.userId === person).map(({ id }) => id))
    }
    for (const one of stored) {
      expect(one.value?.toString()).toBe(byId.get(idOf(one)))
      expect(Object.keys(one.headers)).toEqual(['message_id', 'event', 'who'])
      expect(String(one.headers['who'])).toBe(keyOf(one))
      expect(String(one.headers['event'])).toBe('Order Completed')
    }
  })

  test('events go to topics by their names, and one whose topic is missing waits alone', async () => {
    for (const topic of ['sales', 'views']) await kafka.createTopic(topic, 2)
    const verdicts = await send(
      { topic: 'nowhere', eventToTopicMap: { 'Order Completed': 'sales', 'Product Viewed': 'views' } },
      [
        orderOf('order-1', 'ada'),
        orderOf('view-1', 'ada', { event: 'Product Viewed' }),
        orderOf('cart-1', 'grace', { event: 'Cart Viewed' }),
        orderOf('order-2', 'ada'),
      ],
    )
    expect(verdicts.map(({ kind }) => kind)).toEqual(['done', 'done', 'pause', 'done'])
    expect((await kafka.records('sales')).map(idOf)).toEqual(['order-1', 'order-2'])
    expect((await kafka.records('views')).map(idOf)).toEqual(['view-1'])
  })

  test('a tombstone and a record without a key are written as such, and one that is too large is dead alone', async () => {
    await kafka.createTopic('small', 1, { 'max.message.bytes': '20000' })
    const verdicts = await send(
      {
        topic: 'small',
        key: (event) => (event.userId === 'nobody' ? null : event.userId),
        value: ({ userId, messageId }) =>
          userId === 'ada'
            ? null
            : userId === 'joan'
              ? Array.from({ length: 9_000 }, () => crypto.randomUUID())
              : messageId,
      },
      [
        orderOf('order-1', 'ada'),
        orderOf('order-2', 'nobody'),
        orderOf('order-3', 'joan'),
        orderOf('order-4', 'grace'),
      ],
    )
    expect(verdicts.map(({ kind }) => kind)).toEqual(['done', 'done', 'dead', 'done'])
    const stored = await kafka.records('small')
    const seen = stored.map((one) => [keyOf(one), one.value?.toString()])
    expect(seen.toSorted()).toEqual(
      [
        ['ada', undefined],
        ['grace', '"order-4"'],
        [undefined, '"order-2"'],
      ].toSorted(),
    )
  })

  test('orders as Avro are read back by another library, with the schema that was registered', async () => {
    await kafka.createTopic('avro-orders', 3)
    const schema = JSON.stringify(order)
    const input: Omit<KafkaDestinationInput, 'front'> = {
      topic: 'avro-orders',
      registry: { url: registry.url, allowPrivate: true, schema: 'register', schemas: { 'avro-orders': schema } },
    }
    const verdicts = await send(input, [
      orderOf('order-1', 'ada'),
      orderOf('order-2', 'ada', { properties: { order_id: 'order-2', total: 'a lot', note: '' } }),
      orderOf('order-3', 'ada'),
      orderOf('order-4', undefined, { anonymousId: 'visitor-7' }),
    ])
    expect(verdicts.map(({ kind }) => kind)).toEqual(['done', 'dead', 'done', 'done'])
    expect(verdicts[1]).toMatchObject({ reason: expect.stringContaining('properties.total') as string })

    const answer = await fetch(`${registry.url}/subjects/avro-orders-value/versions/latest`)
    const registered = (await answer.json()) as { id: number; schema: string }
    const type = avsc.Type.forSchema(JSON.parse(registered.schema) as avsc.Schema)
    const stored = await kafka.records('avro-orders')
    const read = stored.map((one) => {
      const { schema: ref, payload } = readFrame(one.value ?? new Uint8Array())
      expect(ref).toEqual({ kind: 'id', id: registered.id })
      return [keyOf(one), JSON.parse(JSON.stringify(type.fromBuffer(Buffer.from(payload)))) as unknown]
    })
    const properties = (id: string) => ({ order_id: id, total: 129.9, note: 'Straße 7, 東京 ☕' })
    expect(read.filter(([key]) => key === 'ada')).toEqual([
      ['ada', { messageId: 'order-1', userId: 'ada', properties: properties('order-1') }],
      ['ada', { messageId: 'order-3', userId: 'ada', properties: properties('order-3') }],
    ])
    expect(read.filter(([key]) => key === 'visitor-7')).toEqual([
      ['visitor-7', { messageId: 'order-4', userId: null, properties: properties('order-4') }],
    ])

    // Another client finds what was registered, and the latest version needs no schema of ours.
    const again = await send({ topic: 'avro-orders', registry: { url: registry.url, allowPrivate: true } }, [
      orderOf('order-5', 'grace'),
    ])
    expect(again).toEqual([done])
    expect(await kafka.records('avro-orders')).toHaveLength(4)
  })

  test('orders wait while the registry is gone or has no schema, and while the bridge is gone, and arrive once it is back', async () => {
    await kafka.createTopic('patient', 1)
    const input = {
      topic: 'patient',
      registry: { url: registry.url, allowPrivate: true, timeoutSeconds: 2, latestSeconds: 0 },
    }
    expect(await send(input, [orderOf('order-1', 'ada')])).toMatchObject([{ kind: 'pause' }])
    await registry.kill()
    expect(await send(input, [orderOf('order-1', 'ada')])).toMatchObject([{ kind: 'retry' }])
    await registry.restart()
    await bridge.kill()
    const plain = { topic: 'patient' }
    const events = [orderOf('order-1', 'ada'), orderOf('order-2', 'ada')]
    expect((await send(plain, events)).map(({ kind }) => kind)).toEqual(['retry', 'retry'])
    await bridge.start()
    expect(await send(plain, events)).toEqual([done, done])
    expect((await kafka.records('patient')).map(idOf)).toEqual(['order-1', 'order-2'])
  })
})
