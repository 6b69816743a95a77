// Users compile these files with programs of their own, which do not look for declarations here.
// oxlint-disable-next-line typescript/triple-slash-reference
/// <reference path="./kafkajs.d.ts" />
import type Cluster from 'kafkajs/src/cluster/index.js'
import type { WireMessage } from 'kafkajs/src/cluster/index.js'
import { reasonOf, SluicewayError } from '../../core/errors.ts'
import type {
  FetchOptions,
  FrontCapabilities,
  KafkaBytes,
  KafkaConnection,
  KafkaFetched,
  KafkaMessage,
  KafkaPosition,
  KafkaRecord,
  ProduceOutcome,
} from '../../core/kafka.ts'
import type { Port } from '../../core/port.ts'
import { produceInPieces } from '../shared/produce-in-pieces.ts'
import type { Judged } from '../shared/record-verdicts.ts'
import { type BrokerClient, bufferOf, coordinatorOf, leaderOf, typeOf } from './broker-client.ts'

/** What a connection is made of. */
export interface TcpConnectionOptions {
  readonly client: BrokerClient
  readonly capabilities: FrontCapabilities
  readonly port: Pick<Port, 'now'>
}

type Found = KafkaPosition & { readonly offset: number }

/** Codes after which a record is surely not written; with all others it may be. */
const notWritten = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'NOT_ENOUGH_REPLICAS',
  'CORRUPT_MESSAGE',
  'KAFKA_STORAGE_ERROR',
])
/** Codes of what Kafka will never take. */
const never = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'INVALID_TIMESTAMP'])
/** Milliseconds that a broker may wait for its replicas. */
const replicasMs = 8_000

const encoder = new TextEncoder()

/** Speaks Kafka's own protocol to the brokers: `acks=all`, no producer id, reading by assignment. */
export class TcpConnection implements KafkaConnection {
  readonly #options: TcpConnectionOptions

  constructor(options: TcpConnectionOptions) {
    this.#options = options
  }

  produce(topic: string, records: readonly KafkaRecord[], signal: AbortSignal): Promise<readonly ProduceOutcome[]> {
    const { client, capabilities } = this.#options
    const send = (piece: readonly KafkaRecord[]) =>
      client.use([topic], signal, async (cluster) => {
        const outcomes = new Map<KafkaRecord, Judged>()
        const groups = Map.groupBy(piece, ({ partition }) => partition)
        await Promise.all(
          Array.from(groups, async ([partition, group]) => {
            const written = await this.#write(cluster, { topic, partition }, group)
            group.forEach((record, i) => outcomes.set(record, written[i] as Judged))
          }),
        )
        // Leaders may have moved.
        if ([...outcomes.values()].some((outcome) => !outcome.written)) await cluster.refreshMetadata().catch(() => {})
        return piece.map((record) => outcomes.get(record) as Judged)
      })
    return produceInPieces(records, { capabilities, signal, what: `produce to ${topic}`, send, obstacleOf })
  }

  async fetch(positions: readonly KafkaPosition[], { maxBytes, waitMs, signal }: FetchOptions): Promise<KafkaFetched> {
    if (positions.length === 0) return { messages: [], moved: [] }
    return this.#options.client.use(topicsOf(positions), signal, async (cluster) => {
      const ends = positions.filter(({ offset }) => typeof offset !== 'number')
      const moved = (await Promise.all(ends.map((one) => offsetAt(cluster, one, one.offset)))).map(
        (offset, i): Found => ({ ...(ends[i] as KafkaPosition), offset }),
      )
      const places = positions.map((one): Found => {
        const { offset } = one
        return typeof offset === 'number' ? { ...one, offset } : (moved.find((end) => isSame(end, one)) as Found)
      })
      try {
        const answers = await Promise.all(
          Array.from(await byLeader(cluster, places), ([broker, group]) =>
            broker.fetch({ ...fetchRequest(group, maxBytes), maxWaitTime: Math.round(waitMs), minBytes: 1 }),
          ),
        )
        const got = places.map((place) => {
          const all = answers
            .flatMap(({ responses }) => responses)
            .filter(({ topicName }) => topicName === place.topic)
            .flatMap(({ partitions }) => partitions)
            .filter(({ partition }) => partition === place.partition)
            .flatMap(({ messages }) => messages)
          // A batch is read whole: its first records may be before the position.
          return all.filter(({ offset }) => Number(offset) >= place.offset).map((one) => ({ place, one }))
        })
        const messages = got.map((all) => all.filter(({ one }) => one.isControlRecord !== true))
        // Markers of transactions have offsets, too: where nothing else came, the position is behind them.
        const passed = got.flatMap((all, i): Found[] => {
          const last = all.at(-1)
          return last === undefined || messages[i]?.length !== 0
            ? []
            : [{ ...last.place, offset: Number(last.one.offset) + 1 }]
        })
        return {
          messages: messages.flat().map(({ place, one }) => messageOf(place, one)),
          moved: [...moved.filter((one) => !passed.some((other) => isSame(other, one))), ...passed],
        }
      } catch (thrown) {
        if (typeOf(thrown) !== 'OFFSET_OUT_OF_RANGE') throw thrown
        return { messages: [], moved: await outOfRange(cluster, places) }
      }
    })
  }

  async commit(group: string, positions: readonly Found[]): Promise<void> {
    if (positions.length === 0) return
    await this.#options.client.use(topicsOf(positions), undefined, async (cluster) => {
      const coordinator = await coordinatorOf(cluster, group)
      const topics = Array.from(
        Map.groupBy(positions, ({ topic }) => topic),
        ([topic, some]) => ({
          topic,
          partitions: some.map(({ partition, offset }) => ({ partition, offset: `${offset}`, metadata: '' })),
        }),
      )
      // Nobody is a member: these are the values for that.
      await coordinator.offsetCommit({ groupId: group, groupGenerationId: -1, memberId: '', retentionTime: -1, topics })
    })
  }

  async ends(
    places: readonly Pick<KafkaPosition, 'topic' | 'partition'>[],
    signal: AbortSignal,
  ): Promise<readonly Found[]> {
    if (places.length === 0) return []
    return this.#options.client.use(topicsOf(places), signal, (cluster) =>
      Promise.all(
        places.map(async ({ topic, partition }): Promise<Found> => {
          const place = { topic, partition, offset: 'latest' } as const
          return { ...place, offset: await offsetAt(cluster, place, 'latest') }
        }),
      ),
    )
  }

  partitions(topic: string, signal: AbortSignal): Promise<number> {
    return this.#options.client.use([topic], signal, async (cluster) => {
      await cluster.refreshMetadata()
      return cluster.findTopicPartitionMetadata(topic).length
    })
  }

  close(): Promise<void> {
    return this.#options.client.close()
  }

  /** Writes records of one partition with one request; what is too large together is halved. */
  async #write(
    cluster: Cluster,
    place: { readonly topic: string; readonly partition: number },
    records: readonly KafkaRecord[],
  ): Promise<readonly Judged[]> {
    const { topic, partition } = place
    try {
      const broker = await leaderOf(cluster, topic, partition)
      if (broker === undefined) {
        const reason = `the topic ${topic} has no partition ${partition}`
        return records.map(() => ({ written: false, retry: 'yes', reason, isOurs: true }))
      }
      const { topics } = await broker.produce({
        topicData: [{ topic, partitions: [{ partition, messages: records.map((one) => this.#wireOf(one)) }] }],
        acks: -1,
        timeout: replicasMs,
      })
      const base = Number(topics[0]?.partitions[0]?.baseOffset)
      return records.map((_, i) => ({ written: true, ...(base >= 0 ? { offset: base + i } : {}) }))
    } catch (thrown) {
      if (thrown instanceof SluicewayError) throw thrown
      const type = typeOf(thrown)
      // Without a code of Kafka the connection failed, and nothing is known of any record.
      if (type === undefined || /AUTHORIZATION|SASL/.test(type)) throw thrown
      if (never.has(type) && records.length > 1) {
        const half = records.length >> 1
        const first = await this.#write(cluster, place, records.slice(0, half))
        const failed = first.find((one) => !one.written && one.retry !== 'no')
        const rest = records.slice(half)
        return [
          ...first,
          ...(failed === undefined
            ? await this.#write(cluster, place, rest)
            : rest.map((): Judged => ({ written: false, retry: 'yes', reason: 'an earlier record failed' }))),
        ]
      }
      const retry = never.has(type) ? 'no' : notWritten.has(type) ? 'yes' : 'unknown'
      return records.map(() => ({ written: false, retry, reason: `${type}: ${reasonOf(thrown)}` }))
    }
  }

  #wireOf({ key, value, headers, timestamp }: KafkaRecord): object {
    const named = Map.groupBy(headers, ([name]) => name)
    return {
      key: bufferOf(key),
      value: bufferOf(value),
      headers: Object.fromEntries(Array.from(named, ([name, some]) => [name, some.map(([, one]) => bufferOf(one))])),
      timestamp: timestamp ?? this.#options.port.now(),
    }
  }
}

/** The client fails at a header of null, and would take all others of its call with it. */
function obstacleOf({ headers }: KafkaRecord): ProduceOutcome | undefined {
  const empty = headers.find(([, value]) => value === null)
  return empty === undefined
    ? undefined
    : { written: false, retry: 'no', reason: `the header "${empty[0]}" is null, which this front cannot write` }
}

const topicsOf = (positions: readonly Pick<KafkaPosition, 'topic'>[]): string[] => [
  ...new Set(positions.map(({ topic }) => topic)),
]

const isSame = (a: KafkaPosition, b: KafkaPosition): boolean => a.topic === b.topic && a.partition === b.partition

async function byLeader(cluster: Cluster, places: readonly Found[]) {
  const leaders = await Promise.all(
    places.map(async ({ topic, partition }) => {
      const leader = await leaderOf(cluster, topic, partition)
      if (leader === undefined)
        throw new SluicewayError('kafka_refused', `The topic ${topic} has no partition ${partition}.`)
      return leader
    }),
  )
  return Map.groupBy(places, (place) => leaders[places.indexOf(place)] as (typeof leaders)[number])
}

const fetchRequest = (places: readonly Found[], maxBytes: number): object => ({
  isolationLevel: 0,
  maxBytes,
  topics: Array.from(
    Map.groupBy(places, ({ topic }) => topic),
    ([topic, some]) => ({
      topic,
      partitions: some.map(({ partition, offset }) => ({ partition, fetchOffset: `${offset}`, maxBytes })),
    }),
  ),
})

async function offsetAt(cluster: Cluster, { topic, partition }: KafkaPosition, end: KafkaPosition['offset']) {
  const [found] = await cluster.fetchTopicsOffset([
    { topic, partitions: [{ partition }], fromBeginning: end === 'earliest' },
  ])
  return Number(found?.partitions[0]?.offset ?? 0)
}

/** Where reading goes on after the broker said that it has a position no more: at the oldest record. */
async function outOfRange(cluster: Cluster, places: readonly Found[]): Promise<Found[]> {
  const moved = await Promise.all(
    places.map(async (place): Promise<Found[]> => {
      const [first, next] = [await offsetAt(cluster, place, 'earliest'), await offsetAt(cluster, place, 'latest')]
      return place.offset < first || place.offset > next ? [{ ...place, offset: first }] : []
    }),
  )
  return moved.flat()
}

const bytesOf = (value: Uint8Array | string | null): KafkaBytes =>
  value === null ? null : typeof value === 'string' ? encoder.encode(value) : new Uint8Array(value)

/** False for what the client takes from the prototype of its object, where a header is named as a member of that. */
const isHeaderValue = (value: unknown): value is Uint8Array | string | null =>
  value === null || typeof value === 'string' || value instanceof Uint8Array

function messageOf(
  { topic, partition }: Found,
  { offset, timestamp, key, value, headers = {} }: WireMessage,
): KafkaMessage {
  return {
    topic,
    partition,
    offset: Number(offset),
    timestamp: Number(timestamp),
    key: bytesOf(key),
    value: bytesOf(value),
    headers: Object.entries(headers).flatMap(([name, values]) =>
      (Array.isArray(values) ? (values as readonly unknown[]) : [values])
        .filter(isHeaderValue)
        .map((one) => [name, bytesOf(one)] as const),
    ),
  }
}
