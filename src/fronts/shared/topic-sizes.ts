import { SluicewayError } from '../../core/errors.ts'
import type { Port } from '../../core/port.ts'
import { errorOf, listOfAnswer } from './front-answer.ts'
import type { FrontCaller } from './front-call.ts'
import { plainType } from './v2-profile.ts'

/** What is known of topics; connections of one front share it. */
export type TopicMemory = Map<string, { readonly size: number; readonly until: number }>

/** Milliseconds for which a number is believed. */
const validMs = 300_000

/** What knows the sizes of topics is made of. */
export interface TopicSizesOptions {
  readonly caller: FrontCaller
  readonly memory: TopicMemory
  readonly port: Pick<Port, 'now'>
  /** The number of every topic, where the front tells only their names. */
  readonly fixed?: number
}

/**
 * Knows how many partitions topics have. A topic that is not there is found out before anything is produced to it: fronts wait
 * for a minute for each of its records, and then answer as if Kafka were away.
 */
export class TopicSizes {
  readonly #options: TopicSizesOptions

  constructor(options: TopicSizesOptions) {
    this.#options = options
  }

  /**
   * Tells the number of partitions, from memory if it is known.
   *
   * @param topic its name
   * @param signal ends the request
   * @throws {SluicewayError} kafka_refused when there is no such topic, kafka_unavailable
   */
  async sizeOf(topic: string, signal: AbortSignal): Promise<number> {
    const { memory, port } = this.#options
    const known = memory.get(topic)
    return known !== undefined && known.until > port.now() ? known.size : this.askFor(topic, signal)
  }

  /**
   * Asks the front for the number of partitions.
   *
   * @param topic its name
   * @param signal ends the request
   * @throws {SluicewayError} kafka_refused when there is no such topic, kafka_unavailable
   */
  async askFor(topic: string, signal: AbortSignal): Promise<number> {
    const { caller, fixed, memory, port } = this.#options
    this.forget(topic)
    const what = `the partitions of ${topic}`
    const path = fixed === undefined ? `/topics/${encodeURIComponent(topic)}/partitions` : '/topics'
    const answer = await caller.call({ method: 'GET', path, headers: { accept: plainType }, signal })
    if (answer.status !== 200) throw errorOf(answer, what)
    const list = listOfAnswer(answer, what)
    if (fixed !== undefined && !list.includes(topic))
      throw new SluicewayError('kafka_refused', `${what}: there is no topic ${topic}`)
    if (list.length === 0) throw new SluicewayError('kafka_unavailable', `The front tells no partitions of ${topic}.`)
    const size = fixed ?? list.length
    memory.set(topic, { size, until: port.now() + validMs })
    return size
  }

  /** Asks again next time: something went wrong with the topic. */
  forget(topic: string): void {
    this.#options.memory.delete(topic)
  }
}
