import { SluicewayError } from '../../core/errors.ts'
import type { FetchOptions, KafkaFetched, KafkaMessage, KafkaPosition } from '../../core/kafka.ts'
import { fromBase64 } from './base64.ts'
import { errorOf, type FrontAnswer, type FrontRequest, jsonObjectOf, jsonOfAnswer } from './front-call.ts'
import type { V2ConnectionOptions } from './v2-connection.ts'

const json = 'application/vnd.kafka.v2+json'
const binary = 'application/vnd.kafka.binary.v2+json'

/** Milliseconds that giving up an instance may take: a poll that is under way ends first. */
const closeMs = 5_000

type Known = KafkaPosition & { readonly offset: number }

interface V2Message {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key?: string | null
  readonly value?: string | null
  readonly timestamp?: number
  readonly headers?: readonly { readonly key: string; readonly value?: string | null }[] | null
}

const placeOf = ({ topic, partition }: { topic: string; partition: number }): string => `${partition}:${topic}`

/**
 * Reads through a consumer instance of the front, which has its partitions by assignment and its positions from us.
 *
 * The instance lives in one process of the front. When it is gone, another one is made; after a read that failed, the positions
 * are set again, since the front may have moved on.
 */
export class V2Consumer {
  readonly #options: V2ConnectionOptions
  #hasInstance = false
  /** What the instance is assigned, as one text. */
  #assigned = ''
  /** Where the instance stands, as far as we know. */
  #positions = new Map<string, number>()

  constructor(options: V2ConnectionOptions) {
    this.#options = options
  }

  async fetch(wanted: readonly KafkaPosition[], options: FetchOptions): Promise<KafkaFetched> {
    if (wanted.length === 0) return { messages: [], moved: [] }
    const { signal } = options
    const positions = await Promise.all(wanted.map((position) => this.#resolve(position, signal)))
    const moved = positions.filter((_position, i) => typeof wanted[i]?.offset !== 'number')
    const answer = await this.#withInstance(signal, async () => {
      await this.#assign(positions, signal)
      await this.#seek(positions, signal)
      return this.#call({
        method: 'GET',
        path: `${this.#instance}/records?timeout=${Math.max(1, Math.round(options.waitMs))}`,
        headers: { accept: binary },
        signal,
      })
    })
    if (answer.status !== 200 && answer.status !== 204) {
      this.#positions.clear()
      throw errorOf(answer, 'read records')
    }
    const messages = answer.status === 204 || answer.text === '' ? [] : this.#messagesOf(answer)
    for (const message of messages) this.#positions.set(placeOf(message), message.offset + 1)
    return { messages, moved }
  }

  async commit(positions: readonly Known[]): Promise<void> {
    if (!this.#hasInstance || positions.length === 0) return
    const step = this.#options.profile.commit === 'last' ? 1 : 0
    const offsets = positions
      .map(({ topic, partition, offset }) => ({ topic, partition, offset: offset - step }))
      .filter(({ offset }) => offset >= 0)
    const answer = await this.#call({
      method: 'POST',
      path: `${this.#instance}/offsets`,
      headers: { 'content-type': json },
      body: JSON.stringify({ offsets }),
      signal: AbortSignal.timeout(closeMs),
    })
    if (answer.status >= 300) throw errorOf(answer, 'commit')
  }

  async close(): Promise<void> {
    if (!this.#hasInstance) return
    this.#forget()
    try {
      await this.#delete(AbortSignal.timeout(closeMs))
    } catch {
      // It ends by itself, or is taken over by its name.
    }
  }

  get #group(): string {
    return `/consumers/${encodeURIComponent(this.#options.client)}`
  }

  get #instance(): string {
    return `${this.#group}/instances/${encodeURIComponent(this.#options.client)}`
  }

  #call(request: FrontRequest): Promise<FrontAnswer> {
    return this.#options.caller.call(request)
  }

  #forget(): void {
    this.#hasInstance = false
    this.#assigned = ''
    this.#positions.clear()
  }

  /** Runs `work` with an instance; when the front has lost it meanwhile, once more with a new one. */
  async #withInstance(signal: AbortSignal, work: () => Promise<FrontAnswer>): Promise<FrontAnswer> {
    if (!this.#hasInstance) await this.#create(signal)
    else {
      try {
        const answer = await work()
        if (answer.status !== 404) return answer
      } catch (error) {
        if (!(error instanceof SluicewayError) || error.details['status'] !== 404) throw this.#reset(error)
      }
      this.#forget()
      await this.#create(signal)
    }
    try {
      return await work()
    } catch (error) {
      throw this.#reset(error)
    }
  }

  /** After a failure it is not known where the instance stands. */
  #reset(error: unknown): unknown {
    this.#positions.clear()
    return error
  }

  async #create(signal: AbortSignal): Promise<void> {
    const create = () =>
      this.#call({
        method: 'POST',
        path: this.#group,
        headers: { 'content-type': json, accept: json },
        body: JSON.stringify({ name: this.#options.client, format: 'binary', ...this.#options.profile.instance }),
        signal,
      })
    let answer = await create()
    if (answer.status === 409) {
      // Left behind by a conversation that ended without giving it up.
      await this.#delete(signal)
      answer = await create()
    }
    if (answer.status !== 200) throw errorOf(answer, 'make a consumer')
    this.#hasInstance = true
    this.#assigned = ''
    this.#positions.clear()
  }

  async #delete(signal: AbortSignal): Promise<void> {
    await this.#call({ method: 'DELETE', path: this.#instance, headers: { 'content-type': json }, signal })
  }

  async #assign(positions: readonly Known[], signal: AbortSignal): Promise<void> {
    const partitions = positions.map(({ topic, partition }) => ({ topic, partition }))
    const assigned = partitions.map(placeOf).toSorted().join(' ')
    if (assigned === this.#assigned) return
    await this.#post('assignments', { partitions }, signal)
    this.#assigned = assigned
    this.#positions.clear()
  }

  async #seek(positions: readonly Known[], signal: AbortSignal): Promise<void> {
    const offsets = positions.filter((position) => this.#positions.get(placeOf(position)) !== position.offset)
    if (offsets.length === 0) return
    await this.#post('positions', { offsets }, signal)
    for (const position of offsets) this.#positions.set(placeOf(position), position.offset)
  }

  async #post(what: string, body: object, signal: AbortSignal): Promise<void> {
    const answer = await this.#call({
      method: 'POST',
      path: `${this.#instance}/${what}`,
      headers: { 'content-type': json },
      body: JSON.stringify(body),
      signal,
    })
    if (answer.status >= 300) throw errorOf(answer, what)
  }

  async #resolve({ topic, partition, offset }: KafkaPosition, signal: AbortSignal): Promise<Known> {
    if (typeof offset === 'number') return { topic, partition, offset }
    const path = `/topics/${encodeURIComponent(topic)}/partitions/${partition}/offsets`
    const answer = await this.#call({ method: 'GET', path, headers: { accept: json }, signal })
    if (answer.status !== 200) throw errorOf(answer, `the offsets of ${topic} ${partition}`)
    const found = jsonObjectOf(answer.text)?.[offset === 'earliest' ? 'beginning_offset' : 'end_offset']
    if (typeof found !== 'number')
      throw new SluicewayError('kafka_unavailable', `The front does not tell the offsets of ${topic} ${partition}.`)
    return { topic, partition, offset: found }
  }

  #messagesOf(answer: FrontAnswer): KafkaMessage[] {
    const list = jsonOfAnswer(answer, 'read records')
    if (!Array.isArray(list))
      throw new SluicewayError('kafka_unavailable', 'The front answered with no list of records.')
    return (list as V2Message[]).map(({ topic, partition, offset, key, value, timestamp, headers }) => ({
      topic,
      partition,
      offset,
      key: fromBase64(key),
      value: fromBase64(value),
      headers: (headers ?? []).map(({ key: name, value: one }) => [name, fromBase64(one)] as const),
      ...(timestamp === undefined ? {} : { timestamp }),
    }))
  }
}
