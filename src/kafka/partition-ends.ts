import { reasonOf } from '../core/errors.ts'
import type { KafkaConnection } from '../core/kafka.ts'
import type { Port } from '../core/port.ts'
import { withSignal } from '../core/with-signal.ts'
import type { KafkaPlace } from './kafka-reader.ts'

/** Milliseconds between two questions. */
const everyMs = 60_000
/** Milliseconds that one question may take. */
const questionMs = 5_000
/** Partitions of one question: some fronts need a request for each, and an invocation has a limited number. */
const atOnce = 50

interface PartitionEndsOptions {
  readonly connection: Pick<KafkaConnection, 'ends'>
  readonly port: Pick<Port, 'now' | 'log'>
}

const nameOf = ({ topic, partition }: KafkaPlace): string => `${partition} ${topic}`

/** Knows where partitions end, as Kafka said within the last minute or so: for whoever looks how far the reading is behind. */
export class PartitionEnds {
  readonly #options: PartitionEndsOptions
  readonly #ends: Map<string, number>
  #askedAt: number | undefined
  #from = 0

  /** @param known what `all` gave in an earlier life */
  constructor(options: PartitionEndsOptions, known: readonly (readonly [string, number])[] = []) {
    this.#options = options
    this.#ends = new Map(known)
  }

  /** All that is known, for another life. */
  get all(): readonly (readonly [string, number])[] {
    return [...this.#ends]
  }

  /** The offset after the newest record; undefined where it is not known. */
  of(place: KafkaPlace): number | undefined {
    return this.#ends.get(nameOf(place))
  }

  /**
   * Asks Kafka, once a minute at most. Never rejects: reading does not depend on it.
   *
   * @param places of more than fifty, the next fifty at each question
   */
  async ask(places: readonly KafkaPlace[]): Promise<void> {
    const { connection, port } = this.#options
    const now = port.now()
    if (this.#askedAt !== undefined && now - this.#askedAt < everyMs) return
    this.#askedAt = now
    if (this.#from >= places.length) this.#from = 0
    const some = places.slice(this.#from, this.#from + atOnce)
    this.#from += atOnce
    try {
      const found = await withSignal(questionMs, (signal) => connection.ends(some, signal))
      for (const end of found) this.#ends.set(nameOf(end), end.offset)
    } catch (error) {
      port.log('info', 'Kafka did not say how much there is to read', { reason: reasonOf(error) })
    }
  }
}
