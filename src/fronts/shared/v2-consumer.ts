import { SluicewayError } from '../../core/errors.ts'
import type { FetchOptions, KafkaFetched, KafkaPosition } from '../../core/kafka.ts'
import { errorOf, type FrontAnswer, jsonObjectOf, listOfAnswer, statusOf } from './front-answer.ts'
import type { V2ConnectionOptions } from './v2-connection.ts'
import { messagesOf } from './v2-messages.ts'
import { binaryType, plainType } from './v2-profile.ts'

/** Milliseconds that a commit, or giving up an instance, may take: a poll that is under way ends first. */
const closeMs = 5_000
/** Bytes of one read at least, where it is bounded: less than a record, and a front would never hand that one out. */
const leastBytes = 2_000_000

type Known = KafkaPosition & { readonly offset: number }
type Place = Pick<KafkaPosition, 'topic' | 'partition'>

const placeOf = ({ topic, partition }: Place): string => `${partition}:${topic}`

/**
 * Reads through a consumer instance of the front, which has its partitions by assignment and its positions from us.
 *
 * The instance lives in one process of the front. When it is gone, another one is made; after a read that failed, the positions
 * are set again, since the front may have moved on; after one that was not answered, the instance is made anew, since its poll
 * may still be under way.
 */
export class V2Consumer {
  readonly #options: V2ConnectionOptions
  #group: string
  #hasInstance = false
  #assigned: readonly Place[] = []
  /** Where the instance stands, as far as we know. */
  readonly #positions = new Map<string, number>()

  constructor(options: V2ConnectionOptions) {
    this.#options = options
    this.#group = options.client
  }

  async fetch(wanted: readonly KafkaPosition[], options: FetchOptions): Promise<KafkaFetched> {
    if (wanted.length === 0) return { messages: [], moved: [] }
    const isOld = this.#hasInstance
    try {
      return await this.#read(wanted, options)
    } catch (error) {
      this.#failed(error)
      if (!isOld || statusOf(error) !== 404) throw error
    }
    // The front has lost the instance.
    this.#forget()
    try {
      return await this.#read(wanted, options)
    } catch (error) {
      this.#failed(error)
      throw error
    }
  }

  /** Tells the group's offsets; from then on the instance is one of that group. */
  async commit(group: string, positions: readonly Known[]): Promise<void> {
    if (positions.length === 0) return
    if (group !== this.#group) {
      await this.close()
      this.#group = group
    }
    const signal = AbortSignal.timeout(closeMs)
    const step = this.#options.profile.commit === 'last' ? 1 : 0
    const offsets = positions
      .map(({ topic, partition, offset }) => ({ topic, partition, offset: offset - step }))
      .filter(({ offset }) => offset >= 0)
    try {
      if (!this.#hasInstance) await this.#create(signal)
      // A partition that the instance does not own would keep some fronts busy for ever.
      const owned = new Set(this.#assigned.map(placeOf))
      const more = positions.filter((position) => !owned.has(placeOf(position)))
      if (more.length > 0) await this.#assign([...this.#assigned, ...more], signal)
      await this.#post('offsets', { offsets }, signal)
    } catch (error) {
      this.#failed(error)
      throw error
    }
  }

  /** The offset after the newest record of each partition; needs no instance. */
  async ends(places: readonly Place[], signal: AbortSignal): Promise<Known[]> {
    const found: Known[] = []
    for (const { topic, partition } of places)
      found.push({ topic, partition, offset: (await this.#extentOf({ topic, partition }, signal)).end })
    return found
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

  get #instance(): string {
    return `/consumers/${encodeURIComponent(this.#group)}/instances/${encodeURIComponent(this.#options.client)}`
  }

  #forget(): void {
    this.#hasInstance = false
    this.#assigned = []
    this.#positions.clear()
  }

  /** It is not known any more where the instance stands. */
  #failed(error: unknown): void {
    this.#positions.clear()
    const status = statusOf(error)
    if (status === undefined || status === 404) this.#forget()
  }

  async #read(wanted: readonly KafkaPosition[], { maxBytes, waitMs, signal }: FetchOptions): Promise<KafkaFetched> {
    const isNew = !this.#hasInstance || !isSame(this.#assigned, wanted)
    const positions: Known[] = []
    for (const position of wanted) positions.push(await this.#resolve(position, isNew, signal))
    const moved = positions.filter(({ offset }, i) => offset !== wanted[i]?.offset)
    if (!this.#hasInstance) await this.#create(signal)
    if (isNew) await this.#assign(positions, signal)
    await this.#seek(positions, signal)
    const size = this.#options.profile.boundedReads === true ? `&max_bytes=${Math.max(leastBytes, maxBytes)}` : ''
    const answer = await this.#options.caller.call({
      method: 'GET',
      path: `${this.#instance}/records?timeout=${Math.max(1, Math.round(waitMs))}${size}`,
      headers: { accept: binaryType },
      signal,
    })
    if (answer.status !== 200 && answer.status !== 204) throw errorOf(answer, 'read records')
    const isEmpty = answer.status === 204 || answer.text === ''
    const messages = isEmpty ? [] : messagesOf(listOfAnswer(answer, 'read records'))
    for (const message of messages) this.#positions.set(placeOf(message), message.offset + 1)
    return { messages, moved }
  }

  async #create(signal: AbortSignal): Promise<void> {
    const { caller, client, profile } = this.#options
    const create = () =>
      caller.call({
        method: 'POST',
        path: `/consumers/${encodeURIComponent(this.#group)}`,
        headers: { 'content-type': plainType, accept: plainType },
        body: JSON.stringify({ name: client, format: 'binary', ...profile.instance }),
        signal,
      })
    let answer = await create()
    if (answer.status === 409) {
      // Left behind by a conversation that ended without giving it up.
      await this.#delete(signal)
      answer = await create()
    }
    if (answer.status !== 200) throw errorOf(answer, 'make a consumer')
    this.#forget()
    this.#hasInstance = true
  }

  async #delete(signal: AbortSignal): Promise<FrontAnswer> {
    return this.#options.caller.call({ method: 'DELETE', path: this.#instance, headers: { accept: plainType }, signal })
  }

  async #assign(places: readonly Place[], signal: AbortSignal): Promise<void> {
    const partitions = places.map(({ topic, partition }) => ({ topic, partition }))
    await this.#post('assignments', { partitions }, signal)
    this.#assigned = partitions
    this.#positions.clear()
  }

  async #seek(positions: readonly Known[], signal: AbortSignal): Promise<void> {
    const offsets = positions.filter((position) => this.#positions.get(placeOf(position)) !== position.offset)
    if (offsets.length === 0) return
    await this.#post('positions', { offsets }, signal)
    for (const position of offsets) this.#positions.set(placeOf(position), position.offset)
  }

  async #post(what: string, body: object, signal: AbortSignal): Promise<void> {
    const answer = await this.#options.caller.call({
      method: 'POST',
      path: `${this.#instance}/${what}`,
      headers: { 'content-type': plainType },
      body: JSON.stringify(body),
      signal,
    })
    if (answer.status >= 300) throw errorOf(answer, `consumer ${what}`)
  }

  /**
   * Finds out where a position is. A new instance asks for numbers too: one that is beyond the end would come true later by
   * itself, past all that is written until then, and a topic that is not there would stay silent.
   */
  async #resolve({ topic, partition, offset }: KafkaPosition, isNew: boolean, signal: AbortSignal): Promise<Known> {
    if (typeof offset === 'number' && !isNew) return { topic, partition, offset }
    const { begin, end } = await this.#extentOf({ topic, partition }, signal)
    if (offset === 'latest') return { topic, partition, offset: end }
    const isKept = typeof offset === 'number' && offset >= begin && offset <= end
    return { topic, partition, offset: isKept ? offset : begin }
  }

  /** The offsets of the oldest record, and after the newest one. */
  async #extentOf({ topic, partition }: Place, signal: AbortSignal): Promise<{ begin: number; end: number }> {
    const what = `the offsets of ${topic} ${partition}`
    const path = `/topics/${encodeURIComponent(topic)}/partitions/${partition}/offsets`
    const answer = await this.#options.caller.call({ method: 'GET', path, headers: { accept: plainType }, signal })
    if (answer.status !== 200) throw errorOf(answer, what)
    const { beginning_offset: begin, end_offset: end } = jsonObjectOf(answer.text) ?? {}
    if (typeof begin !== 'number' || typeof end !== 'number')
      throw new SluicewayError('kafka_unavailable', `${what}: the front does not tell them`)
    return { begin, end }
  }
}

const isSame = (some: readonly Place[], others: readonly Place[]): boolean =>
  some.length === others.length && new Set([...some, ...others].map(placeOf)).size === some.length
