import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { KafkaConnection } from '../core/kafka.ts'
import { partitionsOf } from '../core/lanes.ts'
import type { Port } from '../core/port.ts'
import { withSignal } from '../core/with-signal.ts'
import type { KafkaPlace } from '../kafka/kafka-reader.ts'
import { nextStepFor } from '../kafka/next-step.ts'

/** Milliseconds for which the number of a topic's partitions is believed; less while one of the topics cannot be asked for. */
const believed = { well: 300_000, troubled: 60_000 }
/** Milliseconds of one question. */
const questionMs = 10_000

interface TopicPlacesOptions {
  readonly topics: readonly string[]
  readonly connection: Pick<KafkaConnection, 'partitions'>
  readonly port: Pick<Port, 'now' | 'log'>
  /** For the log. */
  readonly source: string
}

/** Knows all partitions of the topics of a Kafka source. A topic that is not there holds up no other. */
export class TopicPlaces {
  readonly #options: TopicPlacesOptions
  readonly #counts = new Map<string, number>()
  readonly #problems = new Map<string, { readonly reason: string; readonly nextStep: string }>()
  #until = 0

  constructor(options: TopicPlacesOptions) {
    this.#options = options
  }

  /** What is known now. */
  get all(): readonly KafkaPlace[] {
    return Array.from(this.#counts, ([topic, count]) =>
      partitionsOf(count).map((partition) => ({ topic, partition })),
    ).flat()
  }

  /** Which topics cannot be read, and why; undefined when all can. */
  get problem(): string | undefined {
    return this.#problems.size === 0
      ? undefined
      : Array.from(this.#problems, ([topic, { reason }]) => `${topic}: ${reason}`).join('; ')
  }

  /** What to do about it; undefined when there is nothing to do. */
  get nextStep(): string | undefined {
    return this.#problems.size === 0
      ? undefined
      : [...new Set(Array.from(this.#problems.values(), ({ nextStep }) => nextStep))].join(' ')
  }

  /** Forgets how long the numbers are believed: something has failed that they may have caused. */
  expire(): void {
    this.#until = 0
  }

  /**
   * Gives the partitions, asking for their numbers every five minutes.
   *
   * @throws {SluicewayError} kafka_unavailable when no topic can be read
   */
  async find(): Promise<readonly KafkaPlace[]> {
    const { topics, port } = this.#options
    if (port.now() >= this.#until) {
      for (const topic of topics) await this.#ask(topic)
      this.#until = port.now() + (this.#problems.size === 0 ? believed.well : believed.troubled)
    }
    const { all } = this
    if (all.length === 0) {
      this.expire()
      const { problem = 'no topic can be read', nextStep } = this
      throw new SluicewayError('kafka_unavailable', problem, nextStep === undefined ? {} : { details: { nextStep } })
    }
    return all
  }

  async #ask(topic: string): Promise<void> {
    const { connection, port, source } = this.#options
    try {
      this.#counts.set(topic, await withSignal(questionMs, (signal) => connection.partitions(topic, signal)))
      if (this.#problems.delete(topic)) port.log('info', 'a topic of a Kafka source is read again', { source, topic })
    } catch (error) {
      // One that is gone would make every read fail; one that cannot be asked for now is what it was.
      if (error instanceof SluicewayError && error.code === 'kafka_refused') this.#counts.delete(topic)
      const reason = reasonOf(error)
      if (this.#problems.get(topic)?.reason !== reason)
        port.log('error', 'a topic of a Kafka source cannot be read', { source, topic, reason })
      this.#problems.set(topic, { reason, nextStep: nextStepFor(error) })
    }
  }
}
