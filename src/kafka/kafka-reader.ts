import { reasonOf } from '../core/errors.ts'
import type { KafkaConnection, KafkaMessage } from '../core/kafka.ts'
import type { Port } from '../core/port.ts'
import { withSignal } from '../core/with-signal.ts'

/** A partition of a topic. */
export interface KafkaPlace {
  readonly topic: string
  readonly partition: number
}

/** Where the offsets of the next records are kept, beside what the records have caused. */
export interface PositionStore {
  readonly get: (place: KafkaPlace) => number | undefined
  readonly set: (place: KafkaPlace, next: number) => void
}

/** What a reader is made of. */
export interface KafkaReaderOptions {
  readonly connection: KafkaConnection
  /** What is read; asked before every read. */
  readonly places: () => Promise<readonly KafkaPlace[]>
  readonly positions: PositionStore
  /** Where reading begins in a partition that has no position yet. */
  readonly begin: (place: KafkaPlace) => 'earliest' | 'latest'
  /**
   * Resolves once everything that the records cause is durable, to how many of them, from the first on, it took; all of them when
   * it does not say. The others come again, and all of them when it rejects.
   */
  readonly deliver: (messages: readonly KafkaMessage[]) => Promise<number | void>
  /** True while it is known that there is more: an empty read is then no proof of the end. */
  readonly isBehind?: () => boolean
  /** Consumer group that Kafka is told how far the reading is, for its lag tools. */
  readonly group: string
  readonly port: Pick<Port, 'now' | 'log'>
}

/** How long one run reads. */
export interface RunOptions {
  /** Milliseconds to wait for the first record, and for the last ones. */
  readonly waitMs: number
  /** Calls of the front in one run: an invocation has a limited number of subrequests. */
  readonly mostFetches: number
  /** Milliseconds of one run. */
  readonly budgetMs: number
}

/** Bytes of keys and values in one read. */
const maxBytes = 2_000_000
/** Milliseconds that a read may take beyond its wait. */
const answerMs = 20_000
/** Milliseconds between two commits to Kafka. */
const commitMs = 10_000
/** Reads without a record, one after the other, after which a front is believed to have no more. */
const emptyReads = 3

/**
 * Reads partitions by assignment, and keeps their positions. A front may answer with nothing although there is something: a run
 * ends after an empty read only where nothing more is known of, or after several.
 */
export class KafkaReader {
  readonly #options: KafkaReaderOptions
  #lastCommit = 0

  constructor(options: KafkaReaderOptions) {
    this.#options = options
  }

  /**
   * Reads and delivers.
   *
   * @returns true when there may be more to read; rejects when the front or the delivery fails: nothing is passed over
   */
  async run({ waitMs, mostFetches, budgetMs }: RunOptions): Promise<boolean> {
    const { connection, places, positions, port, begin, isBehind, deliver } = this.#options
    const end = port.now() + budgetMs
    let empty = 0
    for (let fetches = 0; fetches < mostFetches && port.now() < end; fetches++) {
      const from = (await places()).map((place) => ({ ...place, offset: positions.get(place) ?? begin(place) }))
      const { messages, moved } = await withSignal(waitMs + answerMs, (signal) =>
        connection.fetch(from, { maxBytes, waitMs, signal }),
      )
      // A position that was found is kept although nothing was read: the end is somewhere else the next time, and one that is
      // beyond the end of a topic that was made anew would come true later, past all that is written until then.
      for (const place of moved) positions.set(place, place.offset)
      if (messages.length === 0) {
        empty++
        if (isBehind?.() !== true || empty >= emptyReads) return false
        continue
      }
      empty = 0
      const taken = messages.slice(0, (await deliver(messages)) ?? messages.length)
      for (const message of lastOf(taken)) positions.set(message, message.offset + 1)
      await this.#commit(
        lastOf(taken).map(({ topic, partition, offset }) => ({ topic, partition, offset: offset + 1 })),
      )
    }
    return true
  }

  /** Tells Kafka how far the reading is. Nothing here depends on it. */
  async #commit(positions: readonly (KafkaPlace & { readonly offset: number })[]): Promise<void> {
    const { connection, group, port } = this.#options
    const now = port.now()
    if (now - this.#lastCommit < commitMs) return
    this.#lastCommit = now
    try {
      await connection.commit(group, positions)
    } catch (error) {
      port.log('info', 'Kafka was not told how far the reading is', { group, reason: reasonOf(error) })
    }
  }
}

/** The last message of each partition. */
const lastOf = (messages: readonly KafkaMessage[]): readonly KafkaMessage[] => [
  ...new Map(messages.map((message) => [`${message.partition}:${message.topic}`, message])).values(),
]
