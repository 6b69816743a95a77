import type { Bindings } from '../core/bindings.ts'
import type { ReadableLog } from '../core/stream.ts'
import type { OffsetReader } from '../core/topic.ts'
import { KafkaError } from './kafka-error.ts'

/** The built-in topic: the events of all sources, as the stream keeps them. */
export const eventsTopic = 'events'

/** What Kafka allows as a name of a topic. */
const topicName = /^[\w.-]{1,249}$/

/** The topics of a deployment, and the objects that keep them. */
export class TopicSet {
  readonly #log: ReadableLog
  readonly #eventPartitions: number
  readonly #bindings: Bindings
  /** Topics that were made by naming them. Numbers of partitions are for good. */
  readonly #made: Map<string, number>

  constructor(log: ReadableLog, eventPartitions: number, options: { bindings: Bindings; made: Map<string, number> }) {
    this.#log = log
    this.#eventPartitions = eventPartitions
    this.#bindings = options.bindings
    this.#made = options.made
  }

  /**
   * The number of partitions of a topic. A topic that nobody has named yet is made where the config allows it.
   *
   * @throws {KafkaError} 404 where it does not exist and may not be made
   */
  async partitionsOf(name: string): Promise<number> {
    if (name === eventsTopic) return this.#eventPartitions
    const known = this.#log.topics.get(name)?.partitions ?? this.#made.get(name)
    if (known !== undefined) return known
    const { newTopics } = this.#log
    if (!topicName.test(name) || name === '.' || name === '..')
      throw new KafkaError(
        400,
        `"${name}" is no name of a topic: it has up to 249 letters, digits, dots, underscores and dashes`,
      )
    if (newTopics === undefined)
      throw new KafkaError(404, `There is no topic ${name}: add it to "topics" of log() in the config`)
    const partitions = await this.#bindings.CATALOG.getByName('all').addTopic(name, newTopics.partitions)
    if (partitions === null)
      throw new KafkaError(409, 'There are 1,000 topics already: name more in "topics" of log() in the config')
    this.#made.set(name, partitions)
    return partitions
  }

  /** All topics with their numbers of partitions. */
  async all(): Promise<Map<string, number>> {
    const made = this.#log.newTopics === undefined ? {} : await this.#bindings.CATALOG.getByName('all').topics()
    return new Map([
      [eventsTopic, this.#eventPartitions],
      ...Object.entries(made),
      ...[...this.#log.topics.values()].map(({ name, partitions }) => [name, partitions] as const),
    ])
  }

  /**
   * The object that keeps a partition.
   *
   * @throws {KafkaError} 400 where there is no such partition
   */
  async readerOf(topic: string, partition: number): Promise<OffsetReader> {
    const partitions = await this.partitionsOf(topic)
    if (partition >= partitions)
      throw new KafkaError(400, `The topic ${topic} has ${partitions} partitions: there is no partition ${partition}`)
    return topic === eventsTopic
      ? this.#log.partition(this.#bindings, partition)
      : this.#bindings.TOPIC.getByName(`${topic}:${partition}`)
  }
}
