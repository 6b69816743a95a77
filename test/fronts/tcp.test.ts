// The front on its own, in Node, where it runs as in a Durable Object.
import { builtinModules } from 'node:module'
import { build } from 'esbuild'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingServer } from '../../scripts/servers/missing-server.ts'
import type { KafkaConnection, KafkaRecord } from '../../src/core/kafka.ts'
import { tcp } from '../../src/fronts/tcp.ts'
import { type Certificates, makeCertificates } from '../bridge/certificates.ts'
import { fakePort } from '../support/fake-context.ts'
import { type RealKafka, realKafka } from '../support/real-kafka.ts'
import { until } from '../support/until.ts'
import { suiteTopics } from './front-subject.ts'
import { frontSuite } from './front-suite.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const password = 'password-of-sluiceway'
const signal = () => AbortSignal.timeout(20_000)

const record = (value: string | null, more: Partial<KafkaRecord> = {}): KafkaRecord => ({
  partition: 0,
  key: encoder.encode('ada'),
  value: value === null ? null : encoder.encode(value),
  headers: [],
  ...more,
})

test('settings of brokers that cannot be reached from the edge are problems that say what to do', () => {
  const problemsOf = (more: object) => tcp({ brokers: 'kafka.example.org:9093', ...more }).problems
  expect(problemsOf({})).toEqual([])
  expect(problemsOf({ brokers: '10.0.0.7:9093' })).toEqual([
    expect.stringMatching(/^"brokers" must name public hosts: .*; the bridge reaches others$/),
  ])
  expect(problemsOf({ brokers: 'kafka.example.org' })[0]).toMatch(/must be host:port/)
  expect(problemsOf({ tls: false })[0]).toMatch(/^"tls" must be true/)
  expect(problemsOf({ username: 'ada' })).toEqual(['"password" is missing: "username" alone is no login'])
  expect(problemsOf({ mechanism: 'gssapi' })[0]).toMatch(/scram-sha-512/)
  const { redacted } = tcp({ brokers: 'kafka.example.org:9093', username: 'ada', password })
  expect(JSON.stringify(redacted)).not.toContain(password)
})

test('whoever does not import the front tcp has nothing of its client in the bundle', async () => {
  const bundled = async (contents: string) => {
    const { metafile } = await build({
      stdin: { contents, resolveDir: import.meta.dirname, loader: 'ts' },
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      // As for workerd: what is built for Node is there only once it was packed.
      platform: 'neutral',
      conditions: ['workerd', 'worker', 'browser'],
      mainFields: ['module', 'main'],
      external: ['cloudflare:*', 'node:*', ...builtinModules],
    })
    return Object.keys(metafile.inputs).some((file) => file.includes('node_modules/kafkajs/'))
  }
  expect(await bundled(`import '../../src/index.ts'`)).toBe(false)
  expect(await bundled(`import '../../src/fronts/tcp.ts'`)).toBe(true)
})

describe.skipIf((await missingServer('kafka')) !== undefined)('the front tcp on a real Kafka', () => {
  let certificates: Certificates
  let kafka: RealKafka
  let connection: KafkaConnection
  const connect = (more: object = {}) =>
    tcp({
      brokers: kafka.secureBootstrap,
      username: 'sluiceway',
      password,
      tls: false,
      allowPrivate: true,
      ...more,
    }).connect(fakePort({ now: Date.now }), 'tests')
  const fetched = async (topic: string, offset: number | 'earliest' | 'latest', partition = 0) =>
    connection.fetch([{ topic, partition, offset }], { maxBytes: 2_000_000, waitMs: 300, signal: signal() })

  beforeAll(async () => {
    certificates = await makeCertificates()
    kafka = await realKafka({
      secure: {
        keyAndCertificate: certificates.serverBundle,
        authorities: certificates.ca,
        users: { sluiceway: password },
      },
      settings: {
        'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_PLAINTEXT',
      },
    })
    await kafka.admin.createTopics({
      topics: suiteTopics.map((topic) => ({ topic, numPartitions: 3 })),
      waitForLeaders: true,
    })
    for (const topic of suiteTopics)
      await until(`${topic} has its leaders`, async () => (await kafka.ends(topic)).length === 3)
    connection = connect()
  }, 180_000)
  afterAll(async () => {
    await connection?.close()
    await kafka?.stop()
    await certificates?.remove()
  })

  frontSuite({
    name: 'tcp',
    isFake: false,
    start: async () => ({ url: kafka.secureBootstrap ?? '', stop: async () => undefined }),
    front: (brokers, given = password) =>
      tcp({ brokers, username: 'sluiceway', password: given, tls: false, allowPrivate: true }),
    nullHeaders: false,
  })

  test('bytes, headers, timestamps and tombstones pass the brokers unchanged, and come back with their offsets', async () => {
    await kafka.createTopic('bytes', 2)
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    const at = Date.UTC(2026, 10, 22, 10)
    const records = [
      record('Order Completed', {
        timestamp: at,
        headers: [
          ['source', encoder.encode('shop')],
          ['source', bytes],
          ['constructor', encoder.encode('Lovelace')],
        ],
      }),
      record(null, { timestamp: at }),
      record('Order Refunded', { partition: 1, key: null, timestamp: at }),
    ]
    expect(await connection.produce('bytes', records, signal())).toEqual([
      { written: true, offset: 0 },
      { written: true, offset: 1 },
      { written: true, offset: 0 },
    ])
    const judged = await kafka.records('bytes')
    expect(
      judged.map(({ partition, offset, value, timestamp }) => [partition, offset, value?.toString(), timestamp]),
    ).toEqual([
      [0, '0', 'Order Completed', at],
      [0, '1', undefined, at],
      [1, '0', 'Order Refunded', at],
    ])
    const { messages } = await fetched('bytes', 'earliest')
    expect(messages[0]?.headers).toEqual([
      ['source', encoder.encode('shop')],
      ['source', bytes],
      ['constructor', encoder.encode('Lovelace')],
    ])
    expect(
      messages.map(({ offset, value, timestamp }) => [
        offset,
        value === null ? null : decoder.decode(value),
        timestamp,
      ]),
    ).toEqual([
      [0, 'Order Completed', at],
      [1, null, at],
    ])
    expect((await fetched('bytes', 0, 1)).messages[0]?.key).toBeNull()
  })

  test('reading begins at an offset in the middle of a batch, and latest is behind everything', async () => {
    await kafka.createTopic('middle', 1)
    await connection.produce(
      'middle',
      Array.from({ length: 100 }, (_, i) => record(`order-${i}`)),
      signal(),
    )
    expect((await fetched('middle', 98)).messages.map(({ offset }) => offset)).toEqual([98, 99])
    expect(await fetched('middle', 'latest')).toEqual({
      messages: [],
      moved: [{ topic: 'middle', partition: 0, offset: 100 }],
    })
  })

  test('a record that is too large for the broker is refused alone, and its neighbors are written in order', async () => {
    await kafka.createTopic('large', 1, { 'max.message.bytes': '20000' })
    const records = ['1', '2', 'x'.repeat(30_000), '4', '5'].map((value) => record(value))
    const outcomes = await connection.produce('large', records, signal())
    expect(outcomes.map((one) => (one.written ? one.offset : one.retry))).toEqual([0, 1, 'no', 2, 3])
    expect((await kafka.records('large')).map(({ value }) => value?.toString())).toEqual(['1', '2', '4', '5'])
  })

  test('a position that the broker has no more is moved to its oldest record', async () => {
    await kafka.createTopic('short', 1)
    await connection.produce(
      'short',
      Array.from({ length: 10 }, () => record('Order Completed')),
      signal(),
    )
    await kafka.admin.deleteTopicRecords({ topic: 'short', partitions: [{ partition: 0, offset: '6' }] })
    const place = { topic: 'short', partition: 0 }
    expect(await fetched('short', 2)).toEqual({ messages: [], moved: [{ ...place, offset: 6 }] })
    // The topic was made anew.
    expect(await fetched('short', 500)).toEqual({ messages: [], moved: [{ ...place, offset: 6 }] })
  })

  test('markers of transactions are passed over, so that reading does not stand still before them', async () => {
    await kafka.createTopic('marked', 1)
    const producer = new Kafka({ brokers: [kafka.bootstrap], logLevel: logLevel.NOTHING }).producer({
      transactionalId: 'shop',
      maxInFlightRequests: 1,
      idempotent: true,
    })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic: 'marked', messages: [{ value: 'Order Completed' }] })
    await transaction.commit()
    await producer.disconnect()
    const seen = await until('the marker is there', () => fetched('marked', 1), {
      enough: ({ moved }) => moved.length > 0,
    })
    expect(seen).toEqual({ messages: [], moved: [{ topic: 'marked', partition: 0, offset: 2 }] })
    expect((await fetched('marked', 0)).messages).toHaveLength(1)
  })

  test('the offsets of a group are told to Kafka, for its lag tools', async () => {
    await kafka.createTopic('lag', 1)
    await connection.produce('lag', [record('Order Completed')], signal())
    await connection.commit('sluiceway', [{ topic: 'lag', partition: 0, offset: 1 }])
    const [told] = await kafka.admin.fetchOffsets({ groupId: 'sluiceway', topics: ['lag'] })
    expect(told?.partitions).toEqual([expect.objectContaining({ partition: 0, offset: '1' })])
  })

  test('a topic that is not there is refused, and the number of partitions of one that is there is told', async () => {
    await kafka.createTopic('counted', 3)
    expect(await connection.partitions('counted', signal())).toBe(3)
    await expect(connection.partitions('nowhere', signal())).rejects.toMatchObject({ code: 'kafka_refused' })
    await expect(connection.produce('nowhere', [record('x')], signal())).rejects.toMatchObject({
      code: 'kafka_refused',
    })
    await expect(connection.produce('counted', [record('x', { partition: 7 })], signal())).rejects.toMatchObject({
      code: 'kafka_refused',
    })
  })

  test.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
    'a user logs in to the brokers by %s',
    async (mechanism) => {
      const one = connect({ mechanism })
      expect(await one.partitions('counted', signal())).toBe(3)
      await one.close()
      const wrong = connect({ mechanism, password: 'sesame-of-nobody' })
      const failed: unknown = await wrong.partitions('counted', signal()).catch((error: unknown) => error)
      expect(failed).toMatchObject({ code: 'kafka_refused' })
      expect((failed as Error).message).not.toContain('sesame')
    },
  )

  test('a broker that does not answer fails a call in its time, and the outcome of its records is unknown', async () => {
    await kafka.createTopic('frozen', 1)
    await connection.partitions('frozen', signal())
    await kafka.freeze()
    try {
      const failed = connection.produce('frozen', [record('Order Completed')], AbortSignal.timeout(1_000))
      await expect(failed).rejects.toMatchObject({ code: 'kafka_unavailable' })
    } finally {
      kafka.thaw()
    }
    await until('it takes records again', async () => {
      const [one] = await connection.produce('frozen', [record('Order Refunded')], signal())
      return one?.written
    })
  })
})
