// What the bridge answered as written is in Kafka, whatever breaks; a TCP client judges.
import { Kafka, logLevel } from 'kafkajs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingServer } from '../../scripts/servers/missing-server.ts'
import { type RealKafka, realKafka } from '../support/real-kafka.ts'
import { until } from '../support/until.ts'
import { type BridgeProcess, everything, startBridgeProcess } from './bridge-process.ts'
import { orderIds, type ProduceLoad, startLoad } from './produce-load.ts'

const authorization = `Bearer a-token`

describe.skipIf((await missingServer('kafka')) !== undefined)('the bridge in trouble', () => {
  let kafka: RealKafka
  let bridge: BridgeProcess
  let topics = 0

  beforeAll(async () => {
    kafka = await realKafka()
    bridge = await startBridgeProcess(configOf())
  }, 180_000)
  afterAll(async () => {
    await bridge?.close()
    await kafka?.stop()
  })

  const configOf = (limits: Record<string, number> = {}) => ({
    kafka: { brokers: [kafka.bootstrap] },
    tokens: [{ name: 'edge', token: 'a-token', ...everything }],
    limits: { requestMs: 2_000, ...limits },
  })

  async function freshTopic(): Promise<string> {
    const topic = `orders-${topics++}`
    await kafka.createTopic(topic, 3)
    return topic
  }

  async function call(path: string, body?: unknown, url = bridge.url) {
    const answer = await fetch(`${url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: answer.status, body: (await answer.json()) as unknown, headers: answer.headers }
  }

  const isWriting = (load: ProduceLoad, more = 100) => {
    const before = load.written().length
    return until('records are written', () => load.written().length >= before + more, { seconds: 90 })
  }

  /** Everything that was answered as written is there, once, in the order of its key. */
  async function expectAll(topic: string, load: ProduceLoad): Promise<void> {
    const records = await kafka.records(topic)
    const stored = orderIds(records)
    const there = new Set(stored)
    expect(load.written().filter((id) => !there.has(id))).toEqual([])
    // An idempotent producer: not even what was tried again is there twice.
    expect(stored.length).toBe(there.size)
    for (const [, own] of Map.groupBy(records, ({ key }) => key?.toString())) {
      expect(new Set(own.map(({ partition }) => partition)).size).toBe(1)
      const ids = orderIds(own)
      expect(ids).toEqual(ids.toSorted((a, b) => a - b))
    }
  }

  const loadOn = (topic: string, clients = 8) => startLoad({ url: () => bridge.url, topic, authorization, clients })

  test('records that are written while the broker is frozen and thawed are there once and in order', async () => {
    const topic = await freshTopic()
    const load = loadOn(topic)
    await isWriting(load)
    await kafka.freeze()
    await sleep(7_000)
    kafka.thaw()
    await isWriting(load)
    await load.stop()
    await expectAll(topic, load)
    expect(load.told.every(({ status }) => status === 200)).toBe(true)
  }, 180_000)

  test('records that are sent while the broker is killed and comes back are there once and in order', async () => {
    const topic = await freshTopic()
    const load = loadOn(topic)
    await isWriting(load)
    await kafka.kill()
    await sleep(5_000)
    await kafka.restart()
    await isWriting(load)
    await load.stop()
    await expectAll(topic, load)
  }, 240_000)

  test('SIGTERM under load answers what was taken, and nothing that was written is lost', async () => {
    const topic = await freshTopic()
    const load = loadOn(topic)
    await isWriting(load)
    expect(await bridge.halt()).toBe(0)
    await bridge.start()
    await isWriting(load)
    await load.stop()
    await expectAll(topic, load)
    // Each record that the broker has was answered: those without an answer never came as far as the bridge.
    const written = new Set(load.written())
    expect(orderIds(await kafka.records(topic)).filter((id) => !written.has(id))).toEqual([])
    expect(bridge.log().map(({ message }) => message)).toContain('the bridge has stopped')
  }, 180_000)

  test('kill -9 of the bridge under load loses nothing that it had answered', async () => {
    const topic = await freshTopic()
    const load = loadOn(topic)
    for (let i = 0; i < 2; i++) {
      await isWriting(load)
      await bridge.kill()
      await sleep(300)
      await bridge.start()
    }
    await isWriting(load)
    await load.stop()
    const there = new Set(orderIds(await kafka.records(topic)))
    expect(load.written().filter((id) => !there.has(id))).toEqual([])
  }, 180_000)

  test('a consumer instance takes its place again at once after kill -9 of the bridge', async () => {
    const topic = await freshTopic()
    await kafka.produce(topic, [{ key: 'ada', value: 'Order Completed' }])
    const consume = async (timeout: number) => {
      const answer = await fetch(`${bridge.url}/consume/mail/i1/${topic}?timeout=${timeout}`, {
        headers: { authorization, 'kafka-auto-offset-reset': 'earliest', 'kafka-enable-auto-commit': 'false' },
      })
      return ((await answer.json()) as readonly { value: string }[]).map(({ value }) => value)
    }
    expect(await consume(20_000)).toEqual(['Order Completed'])
    await bridge.kill()
    await bridge.start()
    const began = Date.now()
    // Nothing was committed, so it comes again.
    expect(await consume(20_000)).toEqual(['Order Completed'])
    // Far below the 20 s after which the brokers would give its partitions to others.
    expect(Date.now() - began).toBeLessThan(10_000)
    expect((await call('/commit/mail/i1', [])).status).toBe(200)
    await bridge.restart()
    expect(await consume(500)).toEqual([])
  }, 120_000)

  test('a consumer instance goes on where it was when the broker was killed and is back', async () => {
    const topic = await freshTopic()
    await kafka.produce(topic, [{ key: 'ada', value: 'Order Completed' }])
    const consume = async () => {
      const answer = await fetch(`${bridge.url}/consume/stock/i1/${topic}?timeout=2000`, {
        headers: { authorization, 'kafka-auto-offset-reset': 'earliest', 'kafka-auto-commit-interval': '200' },
      })
      const body = (await answer.json()) as readonly { value: string }[] | { error: string }
      return Array.isArray(body) ? (body as readonly { value: string }[]).map(({ value }) => value) : []
    }
    const first = await until('the order is consumed', consume, { enough: (seen) => seen.length > 0 })
    expect(first).toEqual(['Order Completed'])
    await sleep(1_500)
    await kafka.kill()
    await sleep(3_000)
    await kafka.restart()
    await until('Kafka takes a record', async () => {
      await kafka.produce(topic, [{ key: 'ada', value: 'Order Refunded' }])
      return true
    })
    const next = await until('the refund is consumed', consume, { enough: (seen) => seen.length > 0, seconds: 90 })
    expect(next).toEqual(['Order Refunded'])
  }, 180_000)

  test('/health says within seconds that the broker is frozen, and that it is back', async () => {
    expect(await call('/health')).toMatchObject({ status: 200, body: { status: 'ok', brokers: [{ ok: true }] } })
    await kafka.freeze()
    try {
      // An answer of a broker holds for a second.
      const told = await until('the bridge says that the broker is down', () => call('/health'), {
        enough: ({ status }) => status === 503,
        seconds: 15,
      })
      expect(told.body).toMatchObject({ status: 'down' })
    } finally {
      kafka.thaw()
    }
    await until('the bridge says that the broker is back', async () => (await call('/health')).status === 200)
  }, 60_000)

  test('records whose time is over say whether they may have been written', async () => {
    const topic = await freshTopic()
    const hasty = await startBridgeProcess(configOf({ deliveryMs: 3_000, requestMs: 1_000 }))
    try {
      const record = (value: string) => ({ topic, partition: 0, value })
      expect((await call('/produce', [record('before')], hasty.url)).status).toBe(200)
      await kafka.freeze()
      const began = Date.now()
      const sent = call('/produce', [record('sent')], hasty.url)
      await sleep(500)
      const waiting = call('/produce', [record('waiting')], hasty.url)
      expect(await sent).toMatchObject({ status: 504, body: [{ status: 504, retry: 'unknown' }] })
      expect(await waiting).toMatchObject({ status: 503, body: [{ status: 503, retry: 'yes' }] })
      expect(Date.now() - began).toBeLessThan(6_000)
      kafka.thaw()
      await until(
        'the bridge writes again',
        async () => (await call('/produce', [record('after')], hasty.url)).status === 200,
      )
      const values = (await kafka.records(topic)).map(({ value }) => value?.toString())
      // The one of which nobody knew may be there; the one that never left the bridge is not.
      expect(values.filter((value) => value !== 'sent')).toEqual(['before', 'after'])
    } finally {
      kafka.thaw()
      await hasty.close()
    }
  }, 90_000)

  test('a bridge whose buffer is full asks to come back, and writes what it took', async () => {
    const topic = await freshTopic()
    const small = await startBridgeProcess(configOf({ bufferBytes: 100_000, bodyBytes: 60_000 }))
    try {
      const record = (id: number) => ({
        topic,
        partition: 0,
        value: JSON.stringify({ order_id: id, note: '.'.repeat(40_000) }),
      })
      expect((await call('/produce', [record(0)], small.url)).status).toBe(200)
      await kafka.freeze()
      const taken = [1, 2].map((id) => call('/produce', [record(id)], small.url))
      await sleep(1_000)
      const refused = await call('/produce', [record(3)], small.url)
      expect(refused.status).toBe(429)
      expect(refused.headers.get('retry-after')).toBe('1')
      expect((await call('/produce', { topic, value: '.'.repeat(70_000) }, small.url)).status).toBe(413)
      kafka.thaw()
      for (const answer of await Promise.all(taken)) expect(answer.status).toBe(200)
      expect((await call('/produce', [record(3)], small.url)).status).toBe(200)
      expect(orderIds(await kafka.records(topic)).toSorted()).toEqual([0, 1, 2, 3])
    } finally {
      kafka.thaw()
      await small.close()
    }
  }, 90_000)

  test('one record that is too large for the topic takes no other along', async () => {
    const topic = `small-${topics++}`
    await kafka.createTopic(topic, 1, { 'max.message.bytes': '10000' })
    const sizes = [100, 200, 300, 20_000, 400, 9_000, 9_000, 30_000, 500]
    const body = sizes.map((size, id) => ({ topic, value: JSON.stringify({ order_id: id }).padEnd(size) }))
    const answer = await call('/produce', body)
    expect(answer.status).toBe(413)
    const results = answer.body as readonly { offset?: number; status?: number }[]
    expect(results.map(({ status }) => status)).toEqual(sizes.map((size) => (size > 10_000 ? 413 : undefined)))
    const stored = await kafka.records(topic)
    expect(orderIds(stored)).toEqual([0, 1, 2, 4, 5, 6, 8])
    for (const [i, { offset }] of stored.entries())
      expect(results[orderIds(stored)[i] ?? -1]?.offset).toBe(Number(offset))
  }, 60_000)

  test('partitions that are added are written to and read from at once', async () => {
    const topic = await freshTopic()
    expect((await call('/produce', { topic, partition: 2, value: 'third' })).status).toBe(200)
    await kafka.admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] })
    await until('the new partition takes a record', async () => {
      return (await call('/produce', { topic, partition: 4, value: 'fifth' })).status === 200
    })
    expect((await call('/fetch', { topic, partition: 4, offset: 0 })).body).toMatchObject([{ value: 'fifth' }])
    expect((await call('/topics')).body).toMatchObject({ [topic]: 5 })
  }, 60_000)

  test('a group whose offset was deleted by retention goes on at the oldest record, and the log says so', async () => {
    const topic = `short-${topics++}`
    await kafka.createTopic(topic, 1)
    await kafka.produce(topic, [{ value: 'one' }, { value: 'two' }, { value: 'three' }])
    expect((await call('/commit/archive/i1', { topic, partition: 0, offset: 1 })).status).toBe(200)
    await kafka.admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] })
    const answer = await fetch(`${bridge.url}/consume/archive/i1/${topic}?timeout=20000`, {
      headers: { authorization, 'kafka-auto-offset-reset': 'earliest' },
    })
    expect(await answer.json()).toMatchObject([{ offset: 2, value: 'three' }])
    expect(bridge.log()).toContainEqual(expect.objectContaining({ topic, from: 1, offset: 2, group: 'archive' }))
  }, 60_000)

  test('records of a transaction that was given up are left out where the config says so', async () => {
    const topic = await freshTopic()
    const strict = await startBridgeProcess({
      ...configOf(),
      kafka: { brokers: [kafka.bootstrap], isolation: 'read_committed' },
    })
    const client = new Kafka({ brokers: [kafka.bootstrap], logLevel: logLevel.NOTHING })
    const producer = client.producer({ transactionalId: topic, maxInFlightRequests: 1, idempotent: true })
    await producer.connect()
    try {
      const send = async (value: string, end: 'commit' | 'abort') => {
        const transaction = await producer.transaction()
        await transaction.send({ topic, messages: [{ value, partition: 0 }] })
        await transaction[end]()
      }
      await send('given up', 'abort')
      await send('kept', 'commit')
      await send('given up as well', 'abort')
      const read = async (url: string) => {
        const { body } = await call('/fetch', { topic, partition: 0, offset: 0, timeout: 5_000 }, url)
        return (body as readonly { value: string }[]).map(({ value }) => value)
      }
      expect(await read(strict.url)).toEqual(['kept'])
      expect(await read(bridge.url)).toEqual(['given up', 'kept', 'given up as well'])
      // Behind the last record there is only the mark of a transaction: no record, and no wait for ever.
      expect((await call('/fetch', { topic, partition: 0, offset: 5, timeout: 300 }, strict.url)).body).toEqual([])
      expect((await call('/fetch', { topic, partition: 0, offset: 3, timeout: 300 }, strict.url)).body).toEqual([])
    } finally {
      await producer.disconnect()
      await strict.close()
    }
  }, 60_000)

  test.each(['gzip', 'snappy', 'lz4', 'zstd'])(
    'batches are compressed with %s where the config says so',
    async (compression) => {
      const topic = await freshTopic()
      const packing = await startBridgeProcess({ ...configOf(), kafka: { brokers: [kafka.bootstrap], compression } })
      try {
        const values = Array.from({ length: 50 }, (_, id) => JSON.stringify({ event: 'Order Completed', order_id: id }))
        const records = values.map((value) => ({ topic, partition: 0, value }))
        expect((await call('/produce', records, packing.url)).status).toBe(200)
        // Read by the other bridge, which was told of no compression.
        const { body } = await call('/fetch', { topic, partition: 0, offset: 0 })
        expect((body as readonly { value: string }[]).map(({ value }) => value)).toEqual(values)
      } finally {
        await packing.close()
      }
    },
    30_000,
  )
})
