import { SluicewayError } from '../../core/errors.ts'
import type {
  FrontCapabilities,
  KafkaBytes,
  KafkaConnection,
  KafkaFetched,
  KafkaRecord,
  ProduceOutcome,
} from '../../core/kafka.ts'
import { toBase64 } from '../../core/base64.ts'
import { errorOf, jsonObjectOf } from './front-answer.ts'
import type { FrontCaller } from './front-call.ts'
import { jsonSequence } from './json-sequence.ts'
import { produceInPieces } from './produce-in-pieces.ts'
import { isNeverTaken, type Judged, notReported } from './record-verdicts.ts'

/** What a connection is made of. */
export interface V3ConnectionOptions {
  readonly caller: FrontCaller
  readonly capabilities: FrontCapabilities
  /** Path before `/clusters`: `/v3`, or `/kafka/v3` on Confluent Server and in Confluent Cloud. */
  readonly base: string
  /** Asked for when left out; Confluent Cloud does not tell it to every key. */
  readonly clusterId?: string
}

interface V3Report {
  readonly error_code?: number
  readonly message?: string
  readonly offset?: number
}

/**
 * Speaks Confluent's REST v3, which produces and does not consume.
 *
 * https://docs.confluent.io/platform/current/kafka-rest/api.html (checked 2026-11-22)
 */
export class V3Connection implements KafkaConnection {
  readonly #options: V3ConnectionOptions
  #clusterId: string | undefined

  constructor(options: V3ConnectionOptions) {
    this.#options = options
    this.#clusterId = options.clusterId
  }

  produce(topic: string, records: readonly KafkaRecord[], signal: AbortSignal): Promise<readonly ProduceOutcome[]> {
    return produceInPieces(records, {
      capabilities: this.#options.capabilities,
      signal,
      what: `produce to ${topic}`,
      send: (piece) => this.#send(topic, piece, signal),
    })
  }

  async fetch(): Promise<KafkaFetched> {
    throw new SluicewayError('kafka_refused', 'Confluent REST v3 cannot consume.')
  }

  async commit(): Promise<void> {
    throw new SluicewayError('kafka_refused', 'Confluent REST v3 cannot consume.')
  }

  async ends(): Promise<readonly []> {
    return []
  }

  async partitions(topic: string, signal: AbortSignal): Promise<number> {
    const path = `${await this.#cluster(signal)}/topics/${encodeURIComponent(topic)}`
    const answer = await this.#options.caller.call({ method: 'GET', path, headers: {}, signal })
    if (answer.status !== 200) throw errorOf(answer, `the partitions of ${topic}`)
    const count = jsonObjectOf(answer.text)?.['partitions_count']
    if (typeof count !== 'number' || count < 1)
      throw new SluicewayError('kafka_unavailable', `The front tells no partitions of ${topic}.`)
    return count
  }

  async close(): Promise<void> {
    // Nothing is kept.
  }

  async #cluster(signal: AbortSignal): Promise<string> {
    const { caller, base } = this.#options
    if (this.#clusterId === undefined) {
      const answer = await caller.call({ method: 'GET', path: `${base}/clusters`, headers: {}, signal })
      if (answer.status !== 200) throw errorOf(answer, 'the cluster')
      const data = jsonObjectOf(answer.text)?.['data']
      const id = Array.isArray(data) ? (data[0] as { cluster_id?: unknown } | undefined)?.cluster_id : undefined
      if (typeof id !== 'string')
        throw new SluicewayError('kafka_refused', 'The front does not tell its cluster: set "clusterId".')
      this.#clusterId = id
    }
    return `${base}/clusters/${encodeURIComponent(this.#clusterId)}`
  }

  async #send(topic: string, records: readonly KafkaRecord[], signal: AbortSignal): Promise<readonly Judged[]> {
    const answer = await this.#options.caller.call({
      method: 'POST',
      path: `${await this.#cluster(signal)}/topics/${encodeURIComponent(topic)}/records`,
      headers: { 'content-type': 'application/json' },
      // Objects one after the other, neither a list nor with commas.
      body: records.map((record) => JSON.stringify(bodyOf(record))).join('\n'),
      signal,
      // What was reported before the answer broke off is known.
      partial: true,
    })
    if (answer.status !== 200) throw errorOf(answer, `produce to ${topic}`)
    const reports = jsonSequence(answer.text) as V3Report[]
    if (answer.cut !== undefined && reports.length === 0)
      throw new SluicewayError('kafka_unavailable', `The Kafka front does not answer: ${answer.cut}`)
    return records.map((_record, i) => judgeV3(reports[i], answer.afterSeconds))
  }
}

const bodyOf = ({ partition, key, value, headers, timestamp }: KafkaRecord): object => ({
  partition_id: partition,
  ...(headers.length === 0 ? {} : { headers: headers.map(([name, one]) => ({ name, value: textOf(one) })) }),
  ...(key === null ? {} : { key: { type: 'BINARY', data: toBase64(key) } }),
  ...(value === null ? {} : { value: { type: 'BINARY', data: toBase64(value) } }),
  ...(timestamp === undefined ? {} : { timestamp: new Date(timestamp).toISOString() }),
})

const textOf = (bytes: KafkaBytes): string | null => (bytes === null ? null : toBase64(bytes))

/** Codes of five digits begin with an HTTP status. */
const httpOf = (code: number): number => (code > 999 ? Math.floor(code / 100) : code)

function judgeV3(report: V3Report | undefined, afterSeconds: number | undefined): Judged {
  if (report === undefined) return notReported
  const { error_code: code = 200, offset, message = '' } = report
  if (code === 200) return { written: true, ...(offset === undefined ? {} : { offset }) }
  const reason = `${code} ${message}`.trim().slice(0, 300)
  const http = httpOf(code)
  if (http === 413 || http === 422 || isNeverTaken(reason)) return { written: false, retry: 'no', reason }
  if (http === 429)
    return { written: false, retry: 'yes', reason, ...(afterSeconds === undefined ? {} : { afterSeconds }) }
  // A credential, a topic or a partition that is not there.
  if (http === 401 || http === 403 || http === 404) return { written: false, retry: 'yes', reason, isOurs: true }
  return { written: false, retry: 'unknown', reason }
}
