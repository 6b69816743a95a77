import { isIP } from 'node:net'
import {
  Admin,
  type API,
  type Base,
  type BaseOptions,
  type Broker,
  type ClusterMetadata,
  type Connection,
  findErrorBy,
  kGetApi,
  type SASLMechanismValue,
} from '@platformatic/kafka'
import type { BridgeConfig } from './config.ts'
import { BridgeError, brokerError } from './errors.ts'

/** A topic's partitions. */
export interface TopicFacts {
  readonly id: string
  readonly partitions: readonly { readonly leader: number; readonly epoch: number }[]
}

/** Milliseconds for which partitions and leaders are believed, unless a broker says otherwise. */
const believed = 30_000
/** Milliseconds for which a topic that is not there is not asked for again. */
const missingFor = 1_000

/**
 * Makes the options of every client of the bridge: how the brokers are reached.
 *
 * @param config of the bridge
 * @returns options for the library
 */
export function clientOptions({ kafka, limits }: Pick<BridgeConfig, 'kafka' | 'limits'>): BaseOptions {
  const byName = kafka.brokers.every((broker) => isIP(broker.replace(/:\d+$/, '').replaceAll(/[[\]]/g, '')) === 0)
  return {
    clientId: kafka.clientId,
    bootstrapBrokers: [...kafka.brokers],
    connectTimeout: Math.min(5_000, limits.requestMs),
    requestTimeout: limits.requestMs,
    timeout: limits.requestMs,
    retries: 1,
    retryDelay: 200,
    maxInflights: 100,
    metadataMaxAge: believed,
    autocreateTopics: false,
    strict: false,
    // With an address instead of a name there is nothing to say in the TLS handshake.
    ...(kafka.tls === undefined ? {} : { tls: { ...kafka.tls }, ...(byName ? { tlsServerName: true } : {}) }),
    ...(kafka.sasl === undefined
      ? {}
      : { sasl: { ...kafka.sasl, mechanism: kafka.sasl.mechanism as SASLMechanismValue } }),
  }
}

/** Finds the newest version of a call that both the client and the brokers speak. */
export const apiOf = <Arguments extends unknown[], Answer>(
  client: Base,
  name: string,
): Promise<API<Arguments, Answer>> =>
  new Promise((resolve, reject) => {
    client[kGetApi]<Arguments, Answer>(name, (error, api) =>
      api === undefined ? reject(error ?? new Error(`The brokers know no ${name}`)) : resolve(api),
    )
  })

/** Knows which topics, partitions and brokers there are. */
export class Brokers {
  readonly options: BaseOptions
  readonly admin: Admin
  readonly #known = new Map<string, { readonly facts: TopicFacts; readonly at: number }>()
  readonly #missing = new Map<string, number>()

  constructor(config: BridgeConfig) {
    this.options = clientOptions(config)
    this.admin = new Admin(this.options)
  }

  /**
   * Finds the partitions of a topic. What is known is told at once, also when the brokers are away, and is asked for again
   * behind the answer once it is old.
   *
   * @param topic its name
   * @param isFresh true to ask the brokers even if it is known
   * @returns its partitions with their leaders
   * @throws BridgeError 404 when there is no such topic, 503 when the brokers do not tell
   */
  async topic(topic: string, isFresh = false): Promise<TopicFacts> {
    const known = this.#known.get(topic)
    if (!isFresh && known !== undefined) {
      if (Date.now() - known.at > believed) {
        this.#known.set(topic, { ...known, at: Date.now() })
        this.#ask(topic).catch(() => undefined)
      }
      return known.facts
    }
    if (!isFresh && (this.#missing.get(topic) ?? 0) > Date.now()) throw unknownTopic(topic)
    return this.#ask(topic)
  }

  async #ask(topic: string): Promise<TopicFacts> {
    let metadata: ClusterMetadata
    try {
      metadata = await this.admin.metadata({ topics: [topic], forceUpdate: true })
    } catch (thrown) {
      if (!isUnknownTopic(thrown)) throw brokerError(thrown, `looking for the topic "${topic}"`)
      this.#forget(topic)
      throw unknownTopic(topic)
    }
    const found = metadata.topics.get(topic)
    if (found === undefined) {
      this.#forget(topic)
      throw unknownTopic(topic)
    }
    this.#missing.delete(topic)
    const partitions = found.partitions.map(({ leader, leaderEpoch }) => ({ leader, epoch: leaderEpoch }))
    const facts = { id: found.id, partitions }
    this.#known.set(topic, { facts, at: Date.now() })
    return facts
  }

  #forget(topic: string): void {
    this.#known.delete(topic)
    if (this.#missing.size > 10_000) this.#missing.clear()
    this.#missing.set(topic, Date.now() + missingFor)
  }

  /**
   * Finds where a broker listens.
   *
   * @param node its number
   * @returns host and port
   * @throws BridgeError 503 when the cluster has no such broker now
   */
  async broker(node: number): Promise<Broker> {
    const { brokers } = await this.admin.metadata({ topics: [] })
    const found = brokers.get(node)
    if (found === undefined) throw new BridgeError(503, `The broker ${node} is not there now`)
    return found
  }

  /**
   * Finds a connection to a broker among those that several calls share.
   *
   * @param node its number
   * @returns the connection
   */
  async connection(node: number): Promise<Connection> {
    return this.admin.connections.get(await this.broker(node))
  }

  async close(): Promise<void> {
    await this.admin.close()
  }
}

export const unknownTopic = (topic: string) => new BridgeError(404, `There is no topic "${topic}"`)

export const isUnknownTopic = (thrown: unknown): boolean =>
  thrown instanceof Error &&
  (thrown.message.startsWith('Unknown topic ') ||
    findErrorBy(thrown, 'apiCode', 3) !== null ||
    findErrorBy(thrown, 'apiCode', 17) !== null)
