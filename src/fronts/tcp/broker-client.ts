// Users compile these files with programs of their own, which do not look for declarations here.
// oxlint-disable-next-line typescript/triple-slash-reference
/// <reference path="./kafkajs.d.ts" />
import { Buffer } from 'node:buffer'
import Cluster, { type WireBroker } from 'kafkajs/src/cluster/index.js'
import { createLogger, LEVELS } from 'kafkajs/src/loggers/index.js'
import socketFactory from 'kafkajs/src/network/socketFactory.js'
import { reasonOf, SluicewayError } from '../../core/errors.ts'

/** How brokers are reached. */
export interface BrokerAccess {
  /** `host:port`, at least one. */
  readonly brokers: readonly string[]
  readonly tls: boolean
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
    readonly username: string
    readonly password: string
  }
}

/** Milliseconds of one try to connect, and of one request beyond its own wait. */
const connectMs = 5_000
const requestMs = 25_000
/** Milliseconds without a call after which the sockets are closed: an open one keeps its object in memory, which is billed. */
const idleMs = 15_000
/** Milliseconds for which the leaders of partitions are believed. */
const metadataMs = 300_000

/** Codes of Kafka that a person must look at. */
const refusals = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'ILLEGAL_SASL_STATE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'INVALID_TOPIC_EXCEPTION',
  'UNSUPPORTED_VERSION',
])

/** Tries to find the coordinator of a group, and milliseconds between them. */
const coordinatorTries = 10
const coordinatorMs = 500

/** Codes that say that another broker leads a partition by now. */
const isStale = new Set(['NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE', 'FENCED_LEADER_EPOCH'])

/**
 * Sockets to the brokers of a cluster, which belong to one Durable Object. They are opened when they are needed, given up after
 * any failure, and closed when nothing is asked for a while.
 */
export class BrokerClient {
  readonly #access: BrokerAccess
  readonly #name: string
  #cluster: Cluster | undefined
  #idle: ReturnType<typeof setTimeout> | undefined

  /** @param name of the client, for the log of the brokers */
  constructor(access: BrokerAccess, name: string) {
    this.#access = access
    this.#name = name
  }

  /**
   * Does something with the cluster, its sockets open and the leaders of a topic known.
   *
   * @param topics whose leaders are needed
   * @param signal ends the waiting, and the sockets with it
   * @param work what is done
   * @returns what `work` gave
   * @throws {SluicewayError} kafka_refused, kafka_unavailable; what `work` throws with the code of Kafka in `details.type`
   */
  async use<T>(
    topics: readonly string[],
    signal: AbortSignal | undefined,
    work: (cluster: Cluster) => Promise<T>,
  ): Promise<T> {
    clearTimeout(this.#idle)
    const cluster = (this.#cluster ??= this.#make())
    const { promise: aborted, reject } = Promise.withResolvers<never>()
    const onAbort = () => reject(new Error('the time is over'))
    signal?.addEventListener('abort', onAbort)
    if (signal?.aborted === true) onAbort()
    try {
      return await Promise.race([aborted, this.#work(cluster, topics, work)])
    } catch (thrown) {
      const error = errorOf(thrown, topics)
      // What is still under way there has no one who waits for it, and leaders may be others by now.
      this.#forget(cluster)
      throw error
    } finally {
      signal?.removeEventListener('abort', onAbort)
      if (this.#cluster !== undefined) this.#idle = setTimeout(() => this.#forget(cluster), idleMs)
    }
  }

  /** Closes the sockets. */
  async close(): Promise<void> {
    clearTimeout(this.#idle)
    if (this.#cluster !== undefined) this.#forget(this.#cluster)
  }

  async #work<T>(cluster: Cluster, topics: readonly string[], work: (cluster: Cluster) => Promise<T>): Promise<T> {
    if (!cluster.isConnected()) await cluster.connect()
    await cluster.addMultipleTargetTopics(topics)
    await cluster.refreshMetadataIfNecessary()
    try {
      return await work(cluster)
    } catch (thrown) {
      if (!isStale.has(typeOf(thrown) ?? '')) throw thrown
      await cluster.refreshMetadata()
      return work(cluster)
    }
  }

  #forget(cluster: Cluster): void {
    if (this.#cluster === cluster) this.#cluster = undefined
    cluster.disconnect().catch(() => {})
  }

  #make(): Cluster {
    const { brokers, tls, sasl } = this.#access
    return new Cluster({
      // It logs what is thrown as well, with stacks.
      logger: createLogger({ level: LEVELS.NOTHING, logCreator: () => () => {} }),
      socketFactory: socketFactory(),
      brokers,
      ssl: tls ? {} : null,
      sasl: sasl === undefined ? null : { ...sasl },
      clientId: this.#name,
      connectionTimeout: connectMs,
      authenticationTimeout: connectMs,
      reauthenticationThreshold: 10_000,
      requestTimeout: requestMs,
      enforceRequestTimeout: true,
      metadataMaxAge: metadataMs,
      allowAutoTopicCreation: false,
      maxInFlightRequests: null,
      isolationLevel: 0,
      retry: { retries: 0 },
    })
  }
}

/** The leader of a partition; undefined where there is no such partition. */
export async function leaderOf(cluster: Cluster, topic: string, partition: number): Promise<WireBroker | undefined> {
  const leader = cluster.findTopicPartitionMetadata(topic).find(({ partitionId }) => partitionId === partition)?.leader
  return leader === undefined ? undefined : cluster.findBroker({ nodeId: `${leader}` })
}

/** The broker that keeps the offsets of a group. For a cluster's first group it is made when somebody asks for it. */
export async function coordinatorOf(cluster: Cluster, groupId: string): Promise<WireBroker> {
  for (let tries = 1; ; tries++) {
    try {
      return await cluster.findGroupCoordinator({ groupId })
    } catch (thrown) {
      if (tries === coordinatorTries) throw thrown
      await new Promise((resolve) => setTimeout(resolve, coordinatorMs))
    }
  }
}

interface KafkaFailure {
  readonly type?: unknown
  readonly name?: unknown
  readonly cause?: unknown
  readonly originalError?: unknown
}

/** The code of Kafka beneath an error; undefined where a connection failed. */
export function typeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined
  const { type, name, cause, originalError } = thrown as KafkaFailure
  if (typeof type === 'string') return type
  if (name === 'KafkaJSSASLAuthenticationError') return 'SASL_AUTHENTICATION_FAILED'
  if (name === 'KafkaJSNotImplemented') return 'NOT_IMPLEMENTED'
  return typeOf(originalError ?? cause)
}

function errorOf(thrown: unknown, topics: readonly string[]): SluicewayError {
  if (thrown instanceof SluicewayError) return thrown
  const type = typeOf(thrown)
  const details = type === undefined ? {} : { type }
  if (type === 'NOT_IMPLEMENTED')
    return new SluicewayError(
      'kafka_refused',
      'The topic holds batches in a compression that is not read here (only gzip is): set compression.type of the topic to producer, gzip or uncompressed, or take the bridge.',
      { cause: thrown, details },
    )
  if (type === 'UNKNOWN_TOPIC_OR_PARTITION')
    return new SluicewayError('kafka_refused', `There is no topic ${topics.join(', ')}, or the user may not see it.`, {
      cause: thrown,
      details,
    })
  const isRefused = type !== undefined && refusals.has(type)
  return new SluicewayError(
    isRefused ? 'kafka_refused' : 'kafka_unavailable',
    `Kafka ${isRefused ? 'refuses' : 'does not answer'}${type === undefined ? '' : ` (${type})`}: ${reasonOf(thrown)}`,
    { cause: thrown, details },
  )
}

/** Bytes as the client takes them; null stays null. */
export const bufferOf = (bytes: Uint8Array | null): Buffer | null =>
  bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
