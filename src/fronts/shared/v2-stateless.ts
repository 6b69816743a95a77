import { SluicewayError } from '../../core/errors.ts'
import type { FetchOptions, KafkaFetched, KafkaMessage, KafkaPosition } from '../../core/kafka.ts'
import { errorOf, jsonOfAnswer, messageOf } from './front-answer.ts'
import type { FrontCaller } from './front-call.ts'
import { oldestOffset } from './oldest-offset.ts'
import { messagesOf } from './v2-messages.ts'
import { binaryType } from './v2-profile.ts'

type Known = KafkaPosition & { readonly offset: number }

/** Bytes of one partition at least. */
const leastBytes = 100_000

/**
 * Reads partitions by offset, without a consumer: `GET /topics/{t}/partitions/{p}/records?offset=&timeout=&max_bytes=`.
 *
 * The front does not tell where a partition begins or ends: `earliest` is offset 0, and where that is gone, the oldest record is
 * found by a consumer of a group of its own. There is no `latest`.
 *
 * https://docs.redpanda.com/api/doc/http-proxy/ (checked 2026-11-22)
 */
export class StatelessReader {
  readonly #caller: FrontCaller
  readonly #client: string

  /** @param client names the group that finds the oldest record */
  constructor(caller: FrontCaller, client: string) {
    this.#caller = caller
    this.#client = client
  }

  /**
   * Reads each position with a request of its own, one after the other; they share `maxBytes` and `waitMs`.
   *
   * @param positions where to read
   * @param options bounds of the whole read
   * @throws {SluicewayError} kafka_unavailable, kafka_refused
   */
  async fetch(positions: readonly KafkaPosition[], options: FetchOptions): Promise<KafkaFetched> {
    const messages: KafkaMessage[] = []
    const moved: Known[] = []
    const share = {
      ...options,
      maxBytes: Math.max(leastBytes, Math.floor(options.maxBytes / Math.max(1, positions.length))),
      waitMs: Math.max(1, Math.floor(options.waitMs / Math.max(1, positions.length))),
    }
    for (const { topic, partition, offset } of positions) {
      if (offset === 'latest')
        throw new SluicewayError('kafka_refused', 'This front does not tell where a partition ends: begin at earliest.')
      const from = offset === 'earliest' ? 0 : offset
      let place = { topic, partition, offset: from }
      let found = await this.#read(place, share)
      if (found === undefined) {
        const oldest = await oldestOffset(place, { caller: this.#caller, client: this.#client, signal: options.signal })
        // Nothing is there at all: what comes next is found when it has come.
        if (oldest === undefined) continue
        place = { topic, partition, offset: oldest }
        found = (await this.#read(place, share)) ?? []
      }
      if (place.offset !== offset) moved.push(place)
      messages.push(...found)
    }
    return { messages, moved }
  }

  /** Undefined when the partition has not got the offset. */
  async #read({ topic, partition, offset }: Known, options: FetchOptions): Promise<KafkaMessage[] | undefined> {
    const { waitMs, maxBytes, signal } = options
    const answer = await this.#caller.call({
      method: 'GET',
      path: `/topics/${encodeURIComponent(topic)}/partitions/${partition}/records?offset=${offset}&timeout=${waitMs}&max_bytes=${maxBytes}`,
      headers: { accept: binaryType },
      signal,
    })
    if (answer.status === 400 && /offset_out_of_range/.test(messageOf(answer.text))) return undefined
    if (answer.status !== 200) throw errorOf(answer, `read ${topic} ${partition} from ${offset}`)
    // The source of the proxy answers with a list, its documentation shows an object with one.
    const body = jsonOfAnswer(answer, 'read records') as { readonly records?: unknown } | null
    const list = Array.isArray(body) ? (body as unknown[]) : body?.records
    if (!Array.isArray(list))
      throw new SluicewayError('kafka_unavailable', 'The front answered with no list of records.')
    // A batch is handed out whole, with what is before the offset.
    return messagesOf(list).filter((message) => message.offset >= offset)
  }
}
