import { Kafka } from '@upstash/kafka'
import { reasonOf, SluicewayError } from '../../core/errors.ts'
import type {
  FetchOptions,
  FrontCapabilities,
  KafkaConnection,
  KafkaFetched,
  KafkaMessage,
  KafkaPosition,
  KafkaRecord,
  ProduceOutcome,
} from '../../core/kafka.ts'
import type { Port } from '../../core/port.ts'
import { fromBase64, toBase64 } from '../../core/base64.ts'
import { errorOf, jsonObjectOf, jsonOfAnswer } from './front-answer.ts'
import { FrontCaller } from './front-call.ts'
import { produceInPieces } from './produce-in-pieces.ts'
import { isMisplaced, isNeverTaken, type Judged } from './record-verdicts.ts'

/** What a connection is made of. */
export interface UpstashConnectionOptions {
  readonly settings: { readonly url: string; readonly username: string; readonly password: string }
  readonly headers: Readonly<Record<string, string>>
  readonly capabilities: FrontCapabilities
  readonly port: Pick<Port, 'fetch' | 'now'>
  readonly client: string
}

/** Milliseconds that a commit may take. */
const commitMs = 5_000

interface ProducedMessage {
  readonly offset?: number
  readonly error?: string
  readonly status?: number
  readonly retry?: 'yes' | 'no' | 'unknown'
}

interface FetchedMessage {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly { readonly key: string; readonly value: string | null }[]
}

type ProduceRequests = Parameters<ReturnType<Kafka['producer']>['produceMany']>[0]

interface ClientRequest {
  readonly path: readonly string[]
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Takes the place of the client's own transport: one attempt, a deadline, bytes as base64. The client itself repeats whatever
 * fails five times, what was refused and what may have been written too.
 */
class Transport {
  readonly #caller: FrontCaller
  readonly #signal: AbortSignal

  constructor(caller: FrontCaller, signal: AbortSignal) {
    this.#caller = caller
    this.#signal = signal
  }

  get(request: ClientRequest): Promise<unknown> {
    return this.#send('GET', request)
  }

  post(request: ClientRequest): Promise<unknown> {
    return this.#send('POST', request)
  }

  async #send(method: 'GET' | 'POST', { path, body, headers }: ClientRequest): Promise<unknown> {
    const what = path[0] ?? ''
    const answer = await this.#caller.call({
      method,
      path: `/${path.map(encodeURIComponent).join('/')}`,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: this.#signal,
    })
    if (answer.status === 200) return jsonOfAnswer(answer, what)
    // Of some records more is known than that not all were written.
    const results = what === 'produce' ? resultsIn(answer.text) : undefined
    if (results === undefined) throw errorOf(answer, what)
    return results
  }
}

/** The log of Sluiceway puts the results beside the error; the bridge answers with nothing else. */
function resultsIn(text: string): unknown[] | undefined {
  if (!text.trimStart().startsWith('[')) {
    const results = jsonObjectOf(text)?.['results']
    return Array.isArray(results) ? results : undefined
  }
  try {
    return JSON.parse(text) as unknown[]
  } catch {
    return undefined
  }
}

/** Speaks Upstash's Kafka REST API through its client, with a transport of our own beneath it. */
export class UpstashConnection implements KafkaConnection {
  readonly #options: UpstashConnectionOptions
  readonly #caller: FrontCaller

  constructor(options: UpstashConnectionOptions) {
    const { settings, headers, port } = options
    this.#options = options
    this.#caller = new FrontCaller(settings.url, { ...headers, 'kafka-encoding': 'base64' }, port)
  }

  produce(topic: string, records: readonly KafkaRecord[], signal: AbortSignal): Promise<readonly ProduceOutcome[]> {
    const { transport, kafka } = this.#clientOf(signal)
    const send = async (piece: readonly KafkaRecord[]): Promise<readonly Judged[]> => {
      const messages = piece.map(({ partition, key, value, headers, timestamp }) => ({
        topic,
        partition,
        value: value === null ? null : toBase64(value),
        ...(key === null ? {} : { key: toBase64(key) }),
        ...(timestamp === undefined ? {} : { timestamp }),
        headers: headers.map(([name, one]) => ({ key: name, value: one === null ? null : toBase64(one) })),
      }))
      // The client writes a value of null as the text "null".
      const answers = messages.some(({ value }) => value === null)
        ? await transport.post({ path: ['produce'], body: messages })
        : await kafka.producer().produceMany(messages as unknown as ProduceRequests)
      return (Array.isArray(answers) ? (answers as ProducedMessage[]) : []).map(judge)
    }
    const { capabilities } = this.#options
    return produceInPieces(records, { capabilities, signal, what: `produce to ${topic}`, send })
  }

  async fetch(positions: readonly KafkaPosition[], { maxBytes, waitMs, signal }: FetchOptions): Promise<KafkaFetched> {
    if (positions.length === 0) return { messages: [], moved: [] }
    const { transport, kafka } = this.#clientOf(signal)
    const moved: (KafkaPosition & { readonly offset: number })[] = []
    for (const end of ['earliest', 'latest'] as const) moved.push(...(await resolveEnd(end, positions, kafka)))
    const topicPartitionOffsets = positions.map(({ topic, partition, offset }) => ({
      topic,
      partition,
      offset:
        typeof offset === 'number'
          ? offset
          : (moved.find((one) => one.topic === topic && one.partition === partition)?.offset ?? 0),
    }))
    const answer = (await transport.post({
      path: ['fetch'],
      body: { topicPartitionOffsets, timeout: Math.round(waitMs), maxBytes: Math.min(16_000_000, maxBytes) },
    })) as readonly FetchedMessage[]
    return { messages: messagesIn(answer), moved }
  }

  async commit(group: string, positions: readonly (KafkaPosition & { readonly offset: number })[]): Promise<void> {
    if (positions.length === 0) return
    const { kafka } = this.#clientOf(AbortSignal.timeout(commitMs))
    const offset = positions.map((one) => ({ topic: one.topic, partition: one.partition, offset: one.offset }))
    await kafka.consumer().commit({ consumerGroupId: group, instanceId: this.#options.client, offset })
  }

  async ends(
    places: readonly Pick<KafkaPosition, 'topic' | 'partition'>[],
    signal: AbortSignal,
  ): Promise<readonly (KafkaPosition & { readonly offset: number })[]> {
    const { kafka } = this.#clientOf(signal)
    return resolveEnd(
      'latest',
      places.map(({ topic, partition }) => ({ topic, partition, offset: 'latest' })),
      kafka,
    )
  }

  async partitions(topic: string, signal: AbortSignal): Promise<number> {
    const { kafka } = this.#clientOf(signal)
    const topics: Record<string, number> = await kafka.admin().topics()
    const count = topics[topic]
    if (count === undefined)
      throw new SluicewayError('kafka_refused', `There is no topic ${topic}, or the user may not see it.`)
    return count
  }

  async close(): Promise<void> {
    // Reads keep nothing at the server.
  }

  /** The client of one call: a deadline belongs to one. */
  #clientOf(signal: AbortSignal): { readonly transport: Transport; readonly kafka: Kafka } {
    const transport = new Transport(this.#caller, signal)
    return { transport, kafka: Object.assign(new Kafka(this.#options.settings), { client: transport }) }
  }
}

async function resolveEnd(
  end: 'earliest' | 'latest',
  positions: readonly KafkaPosition[],
  kafka: Kafka,
): Promise<(KafkaPosition & { readonly offset: number })[]> {
  const topicPartitions = positions
    .filter(({ offset }) => offset === end)
    .map(({ topic, partition }) => ({ topic, partition }))
  if (topicPartitions.length === 0) return []
  const found: unknown = await kafka.admin().topicPartitionOffsets({ timestamp: end, topicPartitions })
  return found as (KafkaPosition & { readonly offset: number })[]
}

function judge({ offset, error, status, retry = 'unknown' }: ProducedMessage): Judged {
  if (error === undefined) return { written: true, ...(offset === undefined ? {} : { offset }) }
  const reason = error.slice(0, 300)
  if (status === 413 || isNeverTaken(reason)) return { written: false, retry: 'no', reason }
  // A credential, or a topic that is not there: no fault of the record.
  if (status === 401 || status === 403 || status === 404 || isMisplaced(reason))
    return { written: false, retry: 'yes', reason, isOurs: true }
  return { written: false, retry, reason }
}

/** None is passed over: one that cannot be read fails all of the read. */
function messagesIn(list: readonly FetchedMessage[]): KafkaMessage[] {
  try {
    return list.map(({ topic, partition, offset, timestamp, key, value, headers }) => ({
      topic,
      partition,
      offset,
      timestamp,
      key: fromBase64(key),
      value: fromBase64(value),
      headers: headers.map(({ key: name, value: one }) => [name, fromBase64(one)] as const),
    }))
  } catch (cause) {
    throw new SluicewayError('kafka_unavailable', `A record of the front cannot be read: ${reasonOf(cause)}`, { cause })
  }
}
