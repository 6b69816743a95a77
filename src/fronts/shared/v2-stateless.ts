import { SluicewayError } from '../../core/errors.ts'
import type { FetchOptions, KafkaFetched, KafkaMessage, KafkaPosition } from '../../core/kafka.ts'
import { fromBase64 } from './base64.ts'
import { errorOf, type FrontAnswer, type FrontCaller, jsonOfAnswer } from './front-call.ts'

interface RedpandaRecord {
  readonly topic?: string
  readonly partition?: number
  readonly offset: number
  readonly key?: string | null
  readonly value?: string | null
}

/**
 * Reads partitions by offset, without a consumer: `GET /topics/{t}/partitions/{p}/records?offset=&timeout=&max_bytes=`.
 *
 * The front does not tell where a partition begins or ends: `earliest` is offset 0, and there is no `latest`.
 *
 * https://docs.redpanda.com/api/doc/http-proxy/ (checked 2026-11-22)
 *
 * @param positions each is read with a request of its own, which share `maxBytes` and `waitMs`
 * @param options bounds of the whole read
 * @param caller sends the requests
 * @throws {SluicewayError} kafka_unavailable, kafka_refused
 */
export async function fetchStateless(
  positions: readonly KafkaPosition[],
  options: FetchOptions,
  caller: FrontCaller,
): Promise<KafkaFetched> {
  const messages: KafkaMessage[] = []
  const moved: (KafkaPosition & { readonly offset: number })[] = []
  const share = Math.max(100_000, Math.floor(options.maxBytes / Math.max(1, positions.length)))
  const waitMs = Math.max(1, Math.floor(options.waitMs / Math.max(1, positions.length)))
  for (const { topic, partition, offset } of positions) {
    const from = typeof offset === 'number' ? offset : 0
    const answer = await caller.call({
      method: 'GET',
      path: `/topics/${encodeURIComponent(topic)}/partitions/${partition}/records?offset=${from}&timeout=${waitMs}&max_bytes=${share}`,
      headers: { accept: 'application/vnd.kafka.binary.v2+json' },
      signal: options.signal,
    })
    if (answer.status !== 200) throw errorOf(answer, `read ${topic} ${partition} from ${from}`)
    const found = recordsIn(answer).filter((record) => record.offset >= from)
    if (typeof offset !== 'number') moved.push({ topic, partition, offset: from })
    for (const record of found)
      messages.push({
        topic,
        partition,
        offset: record.offset,
        key: fromBase64(record.key),
        value: fromBase64(record.value),
        headers: [],
      })
  }
  return { messages, moved }
}

/** The source of the proxy answers with a list, its documentation shows an object with one. */
function recordsIn(answer: FrontAnswer): readonly RedpandaRecord[] {
  const body = jsonOfAnswer(answer, 'read records') as { readonly records?: unknown }
  const list = Array.isArray(body) ? body : body.records
  if (!Array.isArray(list)) throw new SluicewayError('kafka_unavailable', 'The front answered with no list of records.')
  return list as RedpandaRecord[]
}
