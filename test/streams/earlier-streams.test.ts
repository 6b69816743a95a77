import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import { defineConfig } from '../../src/configure/define-config.ts'
import type { Bindings } from '../../src/core/bindings.ts'
import type { Stream } from '../../src/core/stream.ts'
import { upstash } from '../../src/fronts/upstash.ts'
import { recordOfEnvelope } from '../../src/kafka/envelope-record.ts'
import { kafka } from '../../src/streams/kafka.ts'
import { log } from '../../src/streams/log.ts'
import { messageBatchesOf } from '../../src/streams/queues/messages.ts'
import { qstash } from '../../src/streams/qstash.ts'
import { unpack } from '../../src/core/envelope.ts'
import { packedOrder } from '../support/sample-events.ts'
import { Sink } from '../support/sink.ts'
import { until } from '../support/until.ts'
import type { Workerd } from '../support/workerd.ts'
import { startKafkaServer } from '../topics/kafka-server.ts'
import { startDeployment } from './earlier-server.ts'
import { FakeQstash } from './fake-qstash.ts'
import { address, qstashAt } from './qstash-deployment.ts'
import { currentKey, nextKey, token } from './qstash-signature.ts'

const events = (left: string) => ['1', '2'].map((n) => packedOrder(`order ${n} in ${left}`, {}, { to: ['webhook'] }))

let kafkaServer: Workerd
beforeAll(async () => {
  kafkaServer = await startKafkaServer(
    "{ topics: { 'stream-log': {}, 'stream-queues': {}, 'stream-qstash': {}, 'stream-kafka': {} }, users: { kafka: { password: 'password-of-kafka', read: ['*'], write: ['*'] } } }",
  )
})
afterAll(() => kafkaServer.stop())

/** Drivers as source text. */
const sources = (fake: FakeQstash, topic: string) => ({
  log: 'log()',
  queues: 'queues()',
  qstash: `qstash(${JSON.stringify({ url: address, qstashUrl: fake.url, token, currentSigningKey: currentKey, nextSigningKey: nextKey, allowPrivate: true })})`,
  kafka: `kafka({ topic: '${topic}', front: upstash({ url: '${kafkaServer.url}/kafka', username: 'kafka', password: 'password-of-kafka', allowPrivate: true }) })`,
})

const front = () =>
  upstash({ url: `${kafkaServer.url}/kafka`, username: 'kafka', password: 'password-of-kafka', allowPrivate: true })

async function produce(topic: string, left: string): Promise<void> {
  const connection = front().connect({ fetch: (request) => fetch(request), now: Date.now }, 'tests')
  const records = unpack(
    events(left)
      .map(({ text }) => text)
      .join(''),
  ).map((envelope) => recordOfEnvelope(envelope, { partition: 0, headers: true }))
  const outcomes = await connection.produce(topic, records, AbortSignal.timeout(10_000))
  expect(outcomes.map(({ written }) => written)).toEqual([true, true])
}

describe.each(['log', 'queues', 'qstash', 'kafka'] as const)('when the stream is %s now', (today) => {
  let fake: FakeQstash
  let sink: Sink
  let deployment: Workerd
  const topic = `stream-${today}`
  beforeEach(async () => {
    fake = await FakeQstash.start()
    sink = await Sink.open()
  })
  afterEach(async () => {
    await deployment.stop()
    await fake.stop()
    await sink.close()
  })

  const start = async (...earlier: ('qstash' | 'kafka')[]) => {
    const source = sources(fake, topic)
    const list = earlier.map((name) => source[name]).join(', ')
    deployment = await startDeployment(`stream: ${source[today]}, earlierStreams: [${list}]`, sink.url)
    fake.originOf = () => deployment.url
  }
  const tick = () => deployment.fetch('/tick', { method: 'POST' })
  const arrived = async (left: string) => {
    const wanted = events(left).map(({ id }) => id)
    await until(`what was left in ${left} is at the sink`, () => wanted.every((id) => sink.deliveries.get(id) === 1))
    return sink.arrivals.filter((id) => wanted.includes(id))
  }

  test(`what a queue, QStash and Kafka hold still reaches the destination when the stream is ${today} now`, async () => {
    await start('qstash', ...(today === 'kafka' ? [] : (['kafka'] as const)))
    const [[body = ''] = []] = messageBatchesOf(events('the queue'), () => 0)
    await deployment.fetch('/enqueue', { method: 'POST', body })
    expect(await arrived('the queue')).toHaveLength(2)

    await qstashAt(fake.url).append(events('QStash'), {} as Bindings)
    expect(await arrived('QStash')).toHaveLength(2)

    await produce(topic, 'Kafka')
    await tick()
    expect(await arrived('Kafka')).toHaveLength(2)
    // Offsets are kept: another run of the schedule brings nothing again.
    await tick()
    expect([...sink.deliveries.values()].every((count) => count === 1)).toBe(true)
  })
})

test('a deployment that forgets its QStash answers 404, and what QStash then gives up is fetched once it is an earlier stream', async () => {
  const fake = await FakeQstash.start()
  const sink = await Sink.open()
  let deployment = await startDeployment('stream: log()', sink.url)
  try {
    fake.originOf = () => deployment.url
    await qstashAt(fake.url, { retries: 1 }).append(events('QStash'), {} as Bindings)
    await until('QStash gave it up', () => fake.dead.length === 1)
    expect(fake.deliveries.map(({ status }) => status)).toEqual([404, 404])
    await deployment.stop()
    deployment = await startDeployment(`stream: log(), earlierStreams: [${sources(fake, 'none').qstash}]`, sink.url)
    await deployment.fetch('/tick', { method: 'POST' })
    await until('both orders are at the sink', () => sink.deliveries.size === 2)
    expect(fake.dead).toEqual([])
  } finally {
    await deployment.stop()
    await fake.stop()
    await sink.close()
  }
})

test('messages that QStash holds for an old address or account reach the destination after both have changed', async () => {
  const fake = await FakeQstash.start()
  const sink = await Sink.open()
  const other = await FakeQstash.start()
  other.keys = { current: 'sig_new', next: 'sig_newer' }
  const moved = sources(other, 'none')
    .qstash.replace(address, 'https://moved.example.com')
    .replace(currentKey, 'sig_new')
  const deployment = await startDeployment(
    `stream: ${moved.replace(nextKey, 'sig_newer')}, earlierStreams: [${sources(fake, 'none').qstash}]`,
    sink.url,
  )
  try {
    fake.originOf = other.originOf = () => deployment.url
    await qstashAt(fake.url).append(events('QStash'), {} as Bindings)
    await until('both orders are at the sink', () => sink.deliveries.size === 2)
    expect([fake, other].map(({ deliveries }) => deliveries.map(({ status }) => status))).toEqual([[204], [204]])
    const stranger = await deployment.fetch('/qstash', { method: 'POST', body: 'Hello' })
    expect([stranger.status, await stranger.text()]).toEqual([
      401,
      'The signature is wrong: the call has no Upstash-Signature',
    ])
  } finally {
    await deployment.stop()
    await other.stop()
    await fake.stop()
    await sink.close()
  }
})

const problemsOf = (stream: Stream, ...earlierStreams: Stream[]): string => {
  try {
    resolveConfig(
      defineConfig(() => ({ stream, earlierStreams, sources: { shop: { writeKey: 'writeKeyOfTheTests' } } })),
      {},
    )
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

test('earlier streams that cannot work are problems of the config that name their place', () => {
  const topic = () => kafka({ topic: 'events', front: front() })
  expect(problemsOf(log(), qstashAt())).toBe('')
  expect(problemsOf(log(), topic())).toBe('')
  expect(problemsOf(log(), qstash({ url: address } as never))).toContain('earlierStreams[0]: "token" is missing')
  expect(problemsOf(topic(), topic())).toContain('earlierStreams: there may be one kafka() only')
  expect(problemsOf(log(), topic(), topic())).toContain('earlierStreams: there may be one kafka() only')
  expect(problemsOf(log(), 'qstash' as never)).toContain('earlierStreams[0]: must be a stream')
})
