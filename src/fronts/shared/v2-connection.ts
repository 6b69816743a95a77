import type {
  FetchOptions,
  KafkaConnection,
  KafkaFetched,
  KafkaPosition,
  KafkaRecord,
  ProduceOutcome,
} from '../../core/kafka.ts'
import type { Port } from '../../core/port.ts'
import { toBase64 } from '../../core/base64.ts'
import { errorOf } from './front-answer.ts'
import type { FrontCaller } from './front-call.ts'
import { produceInPieces } from './produce-in-pieces.ts'
import type { Judged } from './record-verdicts.ts'
import { type TopicMemory, TopicSizes } from './topic-sizes.ts'
import { V2Consumer } from './v2-consumer.ts'
import { judgeV2 } from './v2-judge.ts'
import { binaryType, plainType, type V2Profile } from './v2-profile.ts'
import { StatelessReader } from './v2-stateless.ts'

/** What a connection is made of. */
export interface V2ConnectionOptions {
  readonly profile: V2Profile
  readonly caller: FrontCaller
  /** Name of the consumer instance, and of its group until one is told. */
  readonly client: string
  readonly memory: TopicMemory
  readonly port: Pick<Port, 'now'>
  /** The number of partitions of every topic, where the front does not tell. */
  readonly partitions?: number
}

/** Speaks Confluent's REST v2 in the dialect of a profile. */
export class V2Connection implements KafkaConnection {
  readonly #options: V2ConnectionOptions
  readonly #consumer: V2Consumer
  readonly #stateless: StatelessReader | undefined
  readonly #sizes: TopicSizes

  constructor(options: V2ConnectionOptions) {
    const { profile, caller, client, memory, port, partitions } = options
    this.#options = options
    this.#consumer = new V2Consumer(options)
    this.#stateless = profile.statelessFetch === true ? new StatelessReader(caller, client) : undefined
    this.#sizes = new TopicSizes({ caller, memory, port, ...(partitions === undefined ? {} : { fixed: partitions }) })
  }

  async produce(
    topic: string,
    records: readonly KafkaRecord[],
    signal: AbortSignal,
  ): Promise<readonly ProduceOutcome[]> {
    const { capabilities } = this.#options.profile
    const size = await this.#sizeFor(topic, records, signal)
    let hasFailed = true
    try {
      const outcomes = await produceInPieces(records, {
        capabilities,
        signal,
        what: `produce to ${topic}`,
        send: (piece) => this.#send(topic, piece, signal),
        obstacleOf: (record) => this.#obstacleOf(record, topic, size),
      })
      hasFailed = outcomes.some(({ written }) => !written)
      return outcomes
    } finally {
      // The topic may have gone.
      if (hasFailed) this.#sizes.forget(topic)
    }
  }

  async fetch(positions: readonly KafkaPosition[], options: FetchOptions): Promise<KafkaFetched> {
    return (this.#stateless ?? this.#consumer).fetch(positions, options)
  }

  async commit(group: string, positions: readonly (KafkaPosition & { readonly offset: number })[]): Promise<void> {
    // Where reads need no consumer, nobody could commit without becoming a member of the group, which takes its partitions.
    if (this.#stateless === undefined) await this.#consumer.commit(group, positions)
  }

  async ends(
    places: readonly Pick<KafkaPosition, 'topic' | 'partition'>[],
    signal: AbortSignal,
  ): Promise<readonly (KafkaPosition & { readonly offset: number })[]> {
    return this.#stateless === undefined ? this.#consumer.ends(places, signal) : []
  }

  async partitions(topic: string, signal: AbortSignal): Promise<number> {
    return this.#sizes.askFor(topic, signal)
  }

  async close(): Promise<void> {
    await this.#consumer.close()
  }

  async #sizeFor(topic: string, records: readonly KafkaRecord[], signal: AbortSignal): Promise<number> {
    const size = await this.#sizes.sizeOf(topic, signal)
    // Partitions may have been added.
    return records.some(({ partition }) => partition >= size) ? this.#sizes.askFor(topic, signal) : size
  }

  #obstacleOf({ partition, headers }: KafkaRecord, topic: string, size: number): Judged | undefined {
    const { profile } = this.#options
    if (partition >= size)
      return {
        written: false,
        retry: 'yes',
        reason: `the topic ${topic} has ${size} partitions, and no partition ${partition}`,
        isOurs: true,
      }
    const empty = profile.filledHeaders === true && headers.find(([, value]) => (value?.length ?? 0) === 0)
    return empty === undefined || empty === false
      ? undefined
      : {
          written: false,
          retry: 'no',
          reason: `this front refuses a header without a value (${JSON.stringify(empty[0])})`,
        }
  }

  async #send(topic: string, records: readonly KafkaRecord[], signal: AbortSignal): Promise<readonly Judged[]> {
    const { profile, caller } = this.#options
    const answer = await caller.call({
      method: 'POST',
      path: `/topics/${encodeURIComponent(topic)}`,
      headers: { 'content-type': binaryType, accept: plainType },
      body: JSON.stringify({ records: records.map((record) => bodyOf(record, profile)) }),
      signal,
    })
    const judged = judgeV2(answer, records, profile)
    const isRefused = answer.status === 401 || answer.status === 403
    if (judged === undefined || (isRefused && !judged.some(({ written }) => written)))
      throw errorOf(answer, `produce to ${topic}`)
    // The front may close what the connection shares just behind such an answer.
    if (profile.restMs !== undefined && judged.some(({ written }) => !written))
      await new Promise((resolve) => setTimeout(resolve, profile.restMs))
    return judged
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
      : { headers: headers.map(([name, one]) => ({ key: name, value: one === null ? null : toBase64(one) })) }),
    ...(timestamp === undefined || !profile.capabilities.timestamps ? {} : { timestamp }),
  }
}
