import { type FakeAnswer, FakeFront, type FrontCall, parsed } from './fake-front.ts'
import { bytesOf } from './fake-v2.ts'
import { jsonSequence } from '../../src/fronts/shared/json-sequence.ts'

interface Entry {
  readonly partition_id?: number
  readonly headers?: readonly { readonly name: string; readonly value: string | null }[]
  readonly key?: { readonly type: string; readonly data: string }
  readonly value?: { readonly type: string; readonly data: string }
  readonly timestamp?: string
}

/**
 * Confluent's REST API, version 3, on a proxy of one's own and in Confluent Cloud.
 *
 * A produce takes objects one after the other, answers 200 at once, then one report for each record in order, separated by CRLF,
 * which may say that it failed; there is no consuming; the id of the cluster in the path is checked; 429 has `Retry-After` and
 * `X-RateLimit-*` with relative seconds. In the Cloud, the API is below `/kafka/v3`, and only BINARY, JSON and STRING are taken.
 *
 * https://docs.confluent.io/platform/current/kafka-rest/api.html and https://docs.confluent.io/cloud/current/api.html
 */
export class FakeV3 extends FakeFront {
  readonly clusterId = 'lkc-abc12'
  base = '/v3'

  protected errorAnswer(status: number, code: number, message: string): FakeAnswer {
    return { status, type: 'application/json', body: { error_code: code, message } }
  }

  protected async handle(call: FrontCall): Promise<FakeAnswer> {
    if (!call.path.startsWith(`${this.base}/clusters`)) return this.errorAnswer(404, 404, 'HTTP 404 Not Found')
    const [, cluster, what, topic = '', records] = call.path
      .slice(this.base.length + 1)
      .split('/')
      .map(decodeURIComponent)
    if (cluster === undefined)
      return { status: 200, type: 'application/json', body: { data: [{ cluster_id: this.clusterId }] } }
    if (cluster !== this.clusterId) return this.errorAnswer(404, 404, 'Cluster cannot be found.')
    const size = this.kafka.sizeOf(topic)
    if (what !== 'topics' || size === undefined)
      return this.errorAnswer(404, 40403, 'This server does not host this topic-partition.')
    if (call.method === 'GET')
      return { status: 200, type: 'application/json', body: { topic_name: topic, partitions_count: size } }
    if (records !== 'records' || call.method !== 'POST') return this.errorAnswer(404, 404, 'HTTP 404 Not Found')
    if (call.headers['content-type'] !== 'application/json')
      return this.errorAnswer(415, 415, 'HTTP 415 Unsupported Media Type')
    if (
      call.body.startsWith('[') ||
      /\}\s*,\s*\{"partition_id"/.test(call.body) ||
      parsed(`[${call.body}`) !== undefined
    )
      return this.errorAnswer(400, 400, 'Unexpected character')
    const entries = jsonSequence(call.body) as readonly Entry[]
    return {
      status: 200,
      type: 'application/json',
      body: entries.map((entry) => `${JSON.stringify(this.#report(topic, size, entry))}\r\n`).join(''),
    }
  }

  #report(topic: string, size: number, { partition_id: partition = 0, headers = [], key, value, timestamp }: Entry) {
    if (partition >= size) return { error_code: 40402, message: 'Partition not found.' }
    if ([key, value].some((one) => one !== undefined && one.type !== 'BINARY'))
      return { error_code: 42206, message: 'only BINARY is written by this test' }
    const record = {
      key: bytesOf(key?.data),
      value: bytesOf(value?.data),
      headers: headers.map((header) => [header.name, bytesOf(header.value)] as const),
      ...(timestamp === undefined ? {} : { timestamp: Date.parse(timestamp) }),
    }
    const trouble = this.troubleOf(record, partition)
    if (trouble !== undefined && trouble.written !== true) return { error_code: trouble.code, message: trouble.message }
    const offset = this.kafka.append(topic, partition, record)
    if (typeof offset === 'string') return { error_code: 50002, message: offset }
    if (trouble !== undefined) return { error_code: trouble.code, message: trouble.message }
    return {
      error_code: 200,
      cluster_id: this.clusterId,
      topic_name: topic,
      partition_id: partition,
      offset,
      timestamp: timestamp ?? new Date().toISOString(),
      value: { type: 'BINARY', size: record.value?.length ?? 0 },
    }
  }
}
