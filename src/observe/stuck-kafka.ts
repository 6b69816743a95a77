import type { AppContext } from '../core/app-context.ts'
import type { KafkaSourceStatus } from '../core/kafka-source.ts'
import { partitionsOf } from '../core/lanes.ts'
import { withTimeout } from '../core/with-timeout.ts'

/** Milliseconds that each question may take. */
const questionMs = 2_000
/** Milliseconds for which a source may fail without being stuck: one read that fails is tried again within seconds. */
const patienceMs = 15_000
/** Milliseconds beyond `pollSeconds` for which a source need not have read: a long read, or one that waits for its rate. */
const lateMs = 300_000

/** A Kafka source that does not read all of its topics. */
export interface StuckKafkaSource {
  readonly source: string
  /** `late`: it has not read for minutes, and does not say why. `unavailable`: its object did not answer. */
  readonly state: Exclude<KafkaSourceStatus['state'], 'running' | 'disabled'> | 'late' | 'unavailable'
  readonly reason?: string
  /** What to do about it. */
  readonly nextStep?: string
  /** Milliseconds since the epoch. */
  readonly since?: number
  /** Records that wait in Kafka. */
  readonly lag?: number
}

/** A partition of the stream kafka() that takes no events, or cannot be read. */
export interface StuckKafkaPartition {
  readonly stream: 'kafka'
  readonly partition: number
  readonly state: 'failing' | 'unavailable'
  readonly reason?: string
  /** What to do about it. */
  readonly nextStep?: string
  /** Milliseconds since the epoch. */
  readonly since?: number
  /** Records that the lanes have not got. */
  readonly lag?: number
}

/** Conversations with Kafka: how many there are, and those that do not get on. */
export interface KafkaConversations<Stuck> {
  readonly all: number
  readonly stuck: readonly Stuck[]
}

/** Asks each Kafka source that is switched on whether it gets on. */
export async function stuckKafkaSources({
  resolved,
  bindings,
  port,
}: AppContext): Promise<KafkaConversations<StuckKafkaSource>> {
  const sources = [...resolved.sources.values()].filter(({ kafka, enabled }) => kafka !== undefined && enabled)
  const found = await Promise.all(
    sources.map(async ({ name, kafka }): Promise<StuckKafkaSource[]> => {
      try {
        const asked = (async () => bindings.POLLER.getByName(name).status())()
        const status = await withTimeout(asked, questionMs, `the Kafka source ${name}`)
        const { state, problem, nextStep, since, lag, readAt } = status
        const waits = lag === undefined ? {} : { lag }
        if (state === 'failing' || state === 'partial') {
          if (since !== undefined && port.now() - since < patienceMs) return []
          return [
            {
              source: name,
              state,
              ...(problem === undefined ? {} : { reason: problem }),
              ...(nextStep === undefined ? {} : { nextStep }),
              ...(since === undefined ? {} : { since }),
              ...waits,
            },
          ]
        }
        const lateAt = (readAt ?? port.now()) + (kafka?.pollSeconds ?? 0) * 1_000 + lateMs
        return state === 'disabled' || port.now() < lateAt
          ? []
          : [{ source: name, state: 'late', reason: 'it has not read for minutes', since: lateAt, ...waits }]
      } catch {
        return [{ source: name, state: 'unavailable' }]
      }
    }),
  )
  return { all: sources.length, stuck: found.flat() }
}

/** Asks each partition of the stream, where that is Kafka, or was before, whether it gets on. */
export async function stuckKafkaPartitions({
  resolved,
  bindings,
}: AppContext): Promise<KafkaConversations<StuckKafkaPartition>> {
  const streams = [resolved.stream, ...resolved.earlierStreams]
  const kafka = streams.find((stream) => stream.kafka !== undefined)?.kafka
  const partitions = kafka === undefined ? [] : partitionsOf(kafka.partitions)
  const found = await Promise.all(
    partitions.map(async (partition): Promise<StuckKafkaPartition[]> => {
      const about = { stream: 'kafka', partition } as const
      try {
        const asked = (async () => bindings.KAFKA.getByName(`${partition}`).status())()
        const status = await withTimeout(asked, questionMs, `partition ${partition} of Kafka`)
        const { problem, nextStep, since, lag } = status
        return problem === undefined
          ? []
          : [
              {
                ...about,
                state: 'failing',
                reason: problem,
                ...(nextStep === undefined ? {} : { nextStep }),
                ...(since === undefined ? {} : { since }),
                lag,
              },
            ]
      } catch {
        return [{ ...about, state: 'unavailable' }]
      }
    }),
  )
  return { all: partitions.length, stuck: found.flat() }
}
