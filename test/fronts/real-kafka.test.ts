// The front `upstash` and the stream kafka() through the bridge, as its users run it, before a real Kafka.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingServer } from '../../scripts/servers/missing-server.ts'
import { upstash } from '../../src/fronts/upstash.ts'
import { kafka as kafkaStream } from '../../src/streams/kafka.ts'
import { type BridgeProcess, everything, startBridgeProcess } from '../bridge/bridge-process.ts'
import { streamSuite } from '../streams/stream-suite.ts'
import { type RealKafka, realKafka } from '../support/real-kafka.ts'
import { frontSuite } from './front-suite.ts'
import { nodePort, recordOf, soon, suiteTopics } from './front-subject.ts'

const password = 'password-of-kafka'
const missing = await missingServer('kafka')

describe.skipIf(missing !== undefined)('a real Kafka behind the bridge', () => {
  let kafka: RealKafka
  let bridge: BridgeProcess
  const front = (url: string, given = password) =>
    upstash({ url, username: 'kafka', password: given, allowPrivate: true })

  beforeAll(async () => {
    kafka = await realKafka()
    await kafka.admin.createTopics({
      topics: [...suiteTopics.map((topic) => ({ topic, numPartitions: 3 })), { topic: 'stream', numPartitions: 1 }],
      waitForLeaders: true,
    })
    bridge = await startBridgeProcess({
      kafka: { brokers: [kafka.bootstrap] },
      users: [{ name: 'kafka', password, ...everything }],
    })
  }, 240_000)
  afterAll(async () => {
    await bridge?.close()
    await kafka?.stop()
  })

  frontSuite({
    name: 'upstash on the bridge',
    isFake: false,
    start: async () => ({ url: bridge.url, stop: async () => undefined }),
    front,
  })

  test('a client of Kafka itself reads the bytes that the front has written, and sees what it has committed', async () => {
    const connection = front(bridge.url).connect(nodePort, 'reader')
    const [topic = ''] = suiteTopics.slice(-1)
    const headers = [
      ['message_id', new Uint8Array([0, 255])],
      ['empty', new Uint8Array(0)],
    ] as const
    await connection.produce(
      topic,
      [recordOf(2, 'Ada Lovelace', { headers }), recordOf(2, '', { value: null })],
      soon(),
    )
    const stored = (await kafka.records(topic)).filter(({ partition }) => partition === 2)
    expect(stored.map(({ key, value }) => [key?.toString(), value?.toString()])).toEqual([
      ['ada', 'Ada Lovelace'],
      ['ada', undefined],
    ])
    expect(stored[0]?.headers).toEqual({ message_id: Buffer.from([0, 255]), empty: Buffer.alloc(0) })
    await connection.commit('sluiceway', [{ topic, partition: 2, offset: 1 }])
    const [committed] = await kafka.admin.fetchOffsets({ groupId: 'sluiceway', topics: [topic] })
    expect(committed?.partitions.find(({ partition }) => partition === 2)?.offset).toBe('1')
  })

  streamSuite({
    driver: 'kafka',
    name: 'kafka on a real Kafka',
    module: './test/streams/kafka-drivers.ts',
    options: async () => ({ url: bridge.url, topic: 'stream' }),
    limits: kafkaStream({ front: front('https://bridge.example.org'), topic: 'stream' }).limits,
  })
})
