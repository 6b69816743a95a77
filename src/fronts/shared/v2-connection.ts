import { SluicewayError } from '../../core/errors.ts'
import type {
  FetchOptions,
  KafkaConnection,
  KafkaFetched,
  KafkaPosition,
  KafkaRecord,
  ProduceOutcome,
} from '../../core/kafka.ts'
import { toBase64 } from './base64.ts'
import { errorOf, type FrontCaller, jsonOfAnswer } from './front-call.ts'
import { produceInPieces } from './produce-in-pieces.ts'
import { V2Consumer } from './v2-consumer.ts'
import { fetchStateless } from './v2-stateless.ts'
import type { V2Profile } from './v2-profile.ts'
import { v2Outcomes } from './v2-outcomes.ts'

/** What a connection is made of. */
export interface V2ConnectionOptions {
  readonly profile: V2Profile
  readonly caller: FrontCaller
  /** Name of the consumer instance and of its group. */
  readonly client: string
  /** The number of partitions of every topic, where the front does not tell. */
  readonly partitions?: number
}

const binary = 'application/vnd.kafka.binary.v2+json'

/** Speaks Confluent's REST v2 in the dialect of a profile. */
export class V2Connection implements KafkaConnection {
  readonly #options: V2ConnectionOptions
  readonly #consumer: V2Consumer

  constructor(options: V2ConnectionOptions) {
    this.#options = options
    this.#consumer = new V2Consumer(options)
  }

  async produce(
    topic: string,
    records: readonly KafkaRecord[],
    signal: AbortSignal,
  ): Promise<readonly ProduceOutcome[]> {
    return produceInPieces(records, this.#options.profile.capabilities, (piece) => this.#send(topic, piece, signal))
  }

  async fetch(positions: readonly KafkaPosition[], options: FetchOptions): Promise<KafkaFetched> {
    return this.#options.profile.statelessFetch === true
      ? fetchStateless(positions, options, this.#options.caller)
      : this.#consumer.fetch(positions, options)
  }

  async commit(_group: string, positions: readonly (KafkaPosition & { readonly offset: number })[]): Promise<void> {
    if (this.#options.profile.statelessFetch !== true) await this.#consumer.commit(positions)
  }

  async partitions(topic: string, signal: AbortSignal): Promise<number> {
    const { partitions, caller } = this.#options
    if (partitions !== undefined) return partitions
    const answer = await caller.call({
      method: 'GET',
      path: `/topics/${encodeURIComponent(topic)}/partitions`,
      headers: { accept: 'application/vnd.kafka.v2+json' },
      signal,
    })
    if (answer.status !== 200) throw errorOf(answer, `the partitions of ${topic}`)
    const list = jsonOfAnswer(answer, `the partitions of ${topic}`)
    if (!Array.isArray(list) || list.length === 0)
      throw new SluicewayError('kafka_unavailable', `The front tells no partitions of ${topic}.`)
    return list.length
  }

  async close(): Promise<void> {
    await this.#consumer.close()
  }

  async #send(topic: string, records: readonly KafkaRecord[], signal: AbortSignal): Promise<readonly ProduceOutcome[]> {
    const { profile, caller } = this.#options
    const answer = await caller.call({
      method: 'POST',
      path: `/topics/${encodeURIComponent(topic)}`,
      headers: { 'content-type': binary, accept: 'application/vnd.kafka.v2+json' },
      body: JSON.stringify({ records: records.map((record) => bodyOf(record, profile)) }),
      signal,
    })
    const outcomes = v2Outcomes(answer, records, profile)
    if (outcomes === undefined) throw errorOf(answer, `produce to ${topic}`)
    // The front may close what the connection shares just behind such an answer.
    if (profile.restMs !== undefined && outcomes.some(({ written }) => !written))
      await new Promise((resolve) => setTimeout(resolve, profile.restMs))
    return outcomes
  }
}

function bodyOf({ partition, key, value, headers, timestamp }: KafkaRecord, profile: V2Profile): object {
  return {
    partition,
    // A key of null is left out: some fronts refuse it, and all take a missing one as null or as empty.
    ...(key === null ? {} : { key: toBase64(key) }),
    ...(value === null && profile.tombstone === 'omit' ? {} : { value: value === null ? null : toBase64(value) }),
    ...(headers.length === 0
      ? {}
      : { headers: headers.map(([name, one]) => ({ key: name, value: toBase64(one ?? new Uint8Array(0)) })) }),
    ...(timestamp === undefined || !profile.capabilities.timestamps ? {} : { timestamp }),
  }
}
