import { type Admin, CompressionTypes, type IHeaders, Kafka, logLevel } from 'kafkajs'
import { type KafkaOptions, type KafkaServer, startKafka } from '../../scripts/servers/kafka.ts'
import { until } from './until.ts'

/** A record as the TCP client reads it from the broker. */
export interface BrokerRecord {
  readonly partition: number
  readonly offset: string
  /** Milliseconds. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: IHeaders
}

/** A real Kafka, and a TCP client that judges what is in it: not the client that the bridge uses. */
export interface RealKafka extends KafkaServer {
  readonly admin: Admin
  readonly createTopic: (topic: string, partitions?: number, settings?: Record<string, string>) => Promise<void>
  readonly produce: (
    topic: string,
    messages: readonly {
      key?: string | Buffer | null
      value: string | Buffer | null
      partition?: number
      headers?: IHeaders
    }[],
  ) => Promise<void>
  /** Everything in the topic now, by partition and offset. */
  readonly records: (topic: string) => Promise<BrokerRecord[]>
  /** The next offset of each partition, in the order of partitions. */
  readonly ends: (topic: string) => Promise<number[]>
}

const quiet = { logLevel: logLevel.NOTHING, logCreator: () => () => {} }

/** Starts a real Kafka, with a client of its own; `stop` ends both. */
export async function realKafka(options: KafkaOptions = {}): Promise<RealKafka> {
  const server = await startKafka(options)
  const client = new Kafka({ clientId: 'judge', brokers: [server.bootstrap], ...quiet })
  const admin = client.admin()
  await admin.connect()

  // A topic that has just been made has no leader yet.
  const offsetsOf = async (topic: string, tries = 40): ReturnType<typeof admin.fetchTopicOffsets> => {
    try {
      return await admin.fetchTopicOffsets(topic)
    } catch (error) {
      if (!/not the leader|no leader/.test(String(error)) || tries === 0) throw error
      await new Promise((resolve) => setTimeout(resolve, 250))
      return offsetsOf(topic, tries - 1)
    }
  }

  const ends = async (topic: string) =>
    (await offsetsOf(topic)).toSorted((a, b) => a.partition - b.partition).map(({ high }) => Number(high))

  const records = async (topic: string): Promise<BrokerRecord[]> => {
    const offsets = await offsetsOf(topic)
    const wanted = new Map(
      offsets.filter(({ high, low }) => high !== low).map(({ partition, high }) => [partition, Number(high)]),
    )
    const found: BrokerRecord[] = []
    if (wanted.size === 0) return found
    const group = `judge-${crypto.randomUUID()}`
    const consumer = client.consumer({ groupId: group })
    await consumer.connect()
    try {
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run({
        autoCommit: false,
        eachMessage: async ({ partition, message }) => {
          const { offset, timestamp, key, value, headers = {} } = message
          found.push({ partition, offset, timestamp: Number(timestamp), key, value, headers })
        },
      })
      await until(
        `all records of ${topic} are read`,
        () =>
          [...wanted].every(([partition, high]) =>
            found.some((one) => one.partition === partition && Number(one.offset) >= high - 1),
          ),
        { seconds: 60 },
      )
    } finally {
      await consumer.disconnect()
      await admin.deleteGroups([group]).catch(() => undefined)
    }
    const last = new Map(wanted)
    return found
      .filter((one) => Number(one.offset) < (last.get(one.partition) ?? 0))
      .toSorted((a, b) => a.partition - b.partition || Number(a.offset) - Number(b.offset))
  }

  const produce: RealKafka['produce'] = async (topic, messages) => {
    const producer = client.producer({ allowAutoTopicCreation: false })
    await producer.connect()
    try {
      await producer.send({ topic, acks: -1, compression: CompressionTypes.None, messages: [...messages] })
    } finally {
      await producer.disconnect()
    }
  }

  return {
    ...server,
    get pid() {
      return server.pid
    },
    admin,
    createTopic: async (topic, partitions = 3, settings = {}) => {
      const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }))
      await admin.createTopics({
        waitForLeaders: false,
        topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }],
      })
      await until(`the topic ${topic} has its leaders`, async () => (await ends(topic)).length === partitions)
    },
    produce,
    records,
    ends,
    stop: async () => {
      await Promise.race([admin.disconnect(), new Promise((resolve) => setTimeout(resolve, 2_000))])
      await server.stop()
    },
  }
}
