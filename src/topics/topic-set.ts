import type { Bindings } from '../core/bindings.ts'
import { edgeLane, laneOf } from '../core/lanes.ts'
import { emptyLayout } from '../core/layout.ts'
import type { ReadableLog } from '../core/stream.ts'
import type { CatalogTopic, OffsetReader } from '../core/topic.ts'
import { KafkaError } from './kafka-error.ts'

/** The built-in topic: the events of all sources, as the stream keeps them. */
export const eventsTopic = 'events'

/** What Kafka allows as a name of a topic. */
export const isTopicName = (name: string): boolean => /^[\w.-]{1,249}$/.test(name) && name !== '.' && name !== '..'

/** Milliseconds for which an isolate believes what it knows of the catalog. */
const knownMs = 10_000

/** What an isolate knows of topics beside those of the config; data alone, shared by all requests. */
export interface KnownTopics {
  /** When it was asked, in milliseconds since the epoch. */
  at: number
  catalog: ReadonlyMap<string, CatalogTopic>
  /** Partitions of `events` that earlier configs had may still be read. */
  eventPartitions: number
}

/** Knows nothing yet. */
export const nothingKnown = (): KnownTopics => ({ at: -Infinity, catalog: new Map(), eventPartitions: 0 })

/** The topics of a deployment, and the objects that keep them. */
export class TopicSet {
  readonly #log: ReadableLog
  readonly #eventPartitions: number
  readonly #bindings: Bindings
  readonly #known: KnownTopics

  constructor(log: ReadableLog, eventPartitions: number, options: { bindings: Bindings; known: KnownTopics }) {
    this.#log = log
    this.#eventPartitions = eventPartitions
    this.#bindings = options.bindings
    this.#known = options.known
  }

  /**
   * The number of partitions that take records of a topic. One that nobody has named yet is made where the config allows it.
   *
   * @throws {KafkaError} 404 where it does not exist and may not be made; 409 where there are too many; 400
   */
  async writablePartitions(name: string): Promise<number> {
    const count = this.#log.topics.get(name)?.partitions ?? (await this.#madePartitions(name))
    if (count !== undefined) return count
    throw unknownTopic(name)
  }

  /**
   * The number of partitions of a topic that can be read: those that take records, and those of earlier configs that still
   * hold some.
   *
   * @throws {KafkaError} as `writablePartitions`
   */
  async readablePartitions(name: string): Promise<number> {
    await this.#refresh()
    if (name === eventsTopic) return Math.max(this.#eventPartitions, this.#known.eventPartitions)
    const held = this.#known.catalog.get(name)?.held ?? 0
    const configured = this.#log.topics.get(name)?.partitions
    if (configured !== undefined) return Math.max(configured, held)
    const made = await this.#madePartitions(name)
    if (made === undefined && held === 0) throw unknownTopic(name)
    return Math.max(made ?? 0, held)
  }

  /** All topics that can be read, with their numbers of partitions. */
  async all(): Promise<Map<string, number>> {
    await this.#refresh()
    const topics = new Map<string, number>()
    for (const { name, made, held } of this.#known.catalog.values())
      topics.set(name, Math.max(held, this.#log.newTopics === undefined ? 0 : made))
    for (const { name, partitions } of this.#log.topics.values())
      topics.set(name, Math.max(partitions, topics.get(name) ?? 0))
    const events = Math.max(this.#eventPartitions, this.#known.eventPartitions)
    return new Map([[eventsTopic, events], ...[...topics].filter(([, count]) => count > 0)])
  }

  /**
   * The object that keeps a partition.
   *
   * @throws {KafkaError} 404 where there is no such partition; 503 where that is not known yet
   */
  async readerOf(topic: string, partition: number): Promise<OffsetReader> {
    const partitions = await this.readablePartitions(topic)
    // A partition of an earlier config, of which only the catalog and the lane of the edge know, is none that is not there.
    if (partition >= partitions && this.#known.at === -Infinity)
      throw new KafkaError(503, `Nothing says yet which partitions the topic ${topic} has; try again`)
    if (partition >= partitions)
      throw new KafkaError(404, `There is no partition ${partition} of the topic ${topic}, which has ${partitions}`)
    return topic === eventsTopic
      ? this.#log.partition(this.#bindings, partition)
      : this.#bindings.TOPIC.getByName(`${topic}:${partition}`)
  }

  async #madePartitions(name: string): Promise<number | undefined> {
    const { newTopics } = this.#log
    const known = this.#known.catalog.get(name)
    if (newTopics === undefined) return undefined
    if (known !== undefined && known.made > 0) return known.made
    if (!isTopicName(name))
      throw new KafkaError(
        400,
        `"${name}" is no name of a topic: it has up to 249 letters, digits, dots, underscores and dashes`,
      )
    const made = await this.#bindings.CATALOG.getByName('all').addTopic(name, newTopics.partitions)
    if (made === null)
      throw new KafkaError(409, 'There are 1,000 topics already: name more in "topics" of log() in the config')
    this.#known.catalog = new Map([...this.#known.catalog, [name, { name, held: known?.held ?? 0, made }]])
    return made
  }

  /** Asks the catalog and the lane of the edge, now and then; what does not answer is known as it was. */
  async #refresh(): Promise<void> {
    const known = this.#known
    const now = Date.now()
    if (now - known.at < knownMs) return
    const [catalog, layout] = await Promise.allSettled([
      this.#bindings.CATALOG.getByName('all').topics(),
      laneOf(this.#bindings, edgeLane).layout(edgeLane, { seen: emptyLayout }),
    ])
    if (catalog.status === 'fulfilled') known.catalog = new Map(catalog.value.map((topic) => [topic.name, topic]))
    if (layout.status === 'fulfilled') known.eventPartitions = layout.value.partitions
    if (catalog.status === 'fulfilled' && layout.status === 'fulfilled') known.at = now
  }
}

const unknownTopic = (name: string): KafkaError =>
  new KafkaError(404, `There is no topic ${name}: add it to "topics" of log() in the config`)
