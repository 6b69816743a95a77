import { SluicewayError } from '../../core/errors.ts'
import { errorOf, listOfAnswer } from './front-answer.ts'
import type { FrontCaller } from './front-call.ts'
import { plainType } from './v2-profile.ts'

/**
 * Knows how many partitions topics have. A topic that is not there is found out before anything is produced to it: fronts wait
 * for a minute for each of its records, and then answer as if Kafka were away.
 */
export class TopicSizes {
  readonly #caller: FrontCaller
  readonly #fixed: number | undefined
  readonly #known = new Map<string, number>()

  /** @param fixed the number of every topic, where the front tells only their names */
  constructor(caller: FrontCaller, fixed: number | undefined) {
    this.#caller = caller
    this.#fixed = fixed
  }

  /**
   * Tells the number of partitions, from memory if it is known.
   *
   * @param topic its name
   * @param signal ends the request
   * @throws {SluicewayError} kafka_refused when there is no such topic, kafka_unavailable
   */
  async sizeOf(topic: string, signal: AbortSignal): Promise<number> {
    return this.#known.get(topic) ?? this.askFor(topic, signal)
  }

  /**
   * Asks the front for the number of partitions.
   *
   * @param topic its name
   * @param signal ends the request
   * @throws {SluicewayError} kafka_refused when there is no such topic, kafka_unavailable
   */
  async askFor(topic: string, signal: AbortSignal): Promise<number> {
    this.forget(topic)
    const what = `the partitions of ${topic}`
    const path = this.#fixed === undefined ? `/topics/${encodeURIComponent(topic)}/partitions` : '/topics'
    const answer = await this.#caller.call({ method: 'GET', path, headers: { accept: plainType }, signal })
    if (answer.status !== 200) throw errorOf(answer, what)
    const list = listOfAnswer(answer, what)
    if (this.#fixed !== undefined && !list.includes(topic))
      throw new SluicewayError('kafka_refused', `${what}: there is no topic ${topic}`)
    if (list.length === 0) throw new SluicewayError('kafka_unavailable', `The front tells no partitions of ${topic}.`)
    const size = this.#fixed ?? list.length
    this.#known.set(topic, size)
    return size
  }

  /** Asks again next time: something went wrong with the topic. */
  forget(topic: string): void {
    this.#known.delete(topic)
  }
}
