import { reasonOf } from '../core/errors.ts'
import type { KafkaConnection, KafkaMessage } from '../core/kafka.ts'
import type { Port } from '../core/port.ts'
import { withSignal } from '../core/with-signal.ts'

/** Where the offset of the next record is kept, beside what the records have caused. */
export interface PositionStore {
  readonly get: () => number | undefined
  readonly set: (next: number) => void
}

/** What a reader is made of. */
export interface KafkaReaderOptions {
  readonly connection: KafkaConnection
  readonly topic: string
  readonly partition: number
  readonly position: PositionStore
  /** Where reading begins when there is no position yet. */
  readonly begin: 'earliest' | 'latest'
  /** Resolves once everything that the records cause is durable; they come again when it rejects. */
  readonly deliver: (messages: readonly KafkaMessage[]) => Promise<void>
  /** Consumer group that Kafka is told how far the reading is, for its lag tools. */
  readonly group: string
  readonly port: Pick<Port, 'now' | 'log'>
}

/** How long one run reads. */
export interface RunOptions {
  /** The head that is known of: the run does not end before it has read up to there, unless the front gives nothing more. */
  readonly until?: number
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
 * Reads one partition by assignment, and keeps its position. A front may answer with nothing although there is something: a run
 * ends only after it has reached the head that is known of, or after several empty reads.
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
  async run({ until, waitMs, mostFetches, budgetMs }: RunOptions): Promise<boolean> {
    const { connection, topic, partition, position, port, begin } = this.#options
    const end = port.now() + budgetMs
    let empty = 0
    for (let fetches = 0; fetches < mostFetches && port.now() < end; fetches++) {
      const next = position.get()
      const place = { topic, partition, offset: next ?? begin }
      const { messages, moved } = await withSignal(waitMs + answerMs, (signal) =>
        connection.fetch([place], { maxBytes, waitMs, signal }),
      )
      const last = messages.at(-1)
      if (last === undefined) {
        const found = moved.find((one) => one.topic === topic && one.partition === partition)
        if (found !== undefined) position.set(found.offset)
        empty++
        const isBehind = until !== undefined && (position.get() ?? 0) < until
        if (!isBehind || empty >= emptyReads) return false
        continue
      }
      empty = 0
      await this.#options.deliver(messages)
      position.set(last.offset + 1)
      await this.#commit(last.offset + 1)
    }
    return true
  }

  /** Tells Kafka how far the reading is. Nothing here depends on it. */
  async #commit(offset: number): Promise<void> {
    const { connection, topic, partition, group, port } = this.#options
    const now = port.now()
    if (now - this.#lastCommit < commitMs) return
    this.#lastCommit = now
    try {
      await connection.commit(group, [{ topic, partition, offset }])
    } catch (error) {
      port.log('info', 'Kafka was not told how far the reading is', { topic, partition, reason: reasonOf(error) })
    }
  }
}
