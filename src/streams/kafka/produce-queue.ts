import { reasonOf, SluicewayError } from '../../core/errors.ts'
import type { KafkaConnection, KafkaRecord } from '../../core/kafka.ts'
import type { Port } from '../../core/port.ts'
import { withSignal } from '../../core/with-signal.ts'

interface Waiting {
  /** Records that are not written yet. */
  records: readonly KafkaRecord[]
  /** Why Kafka will never take one of them. Later attempts do not have that record any more. */
  refused: string | undefined
  readonly bytes: number
  /** Milliseconds since the epoch after which no further attempt begins: whoever waits has spilled by then. */
  readonly until: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** What a queue is made of. */
export interface ProduceQueueOptions {
  readonly connection: KafkaConnection
  readonly topic: string
  readonly port: Pick<Port, 'now'>
  /** Called with the offset after the newest record, as far as the front tells it. */
  readonly written: (next: number | undefined) => void
  /** Called with the error of each attempt of which something failed. */
  readonly failed: (error: unknown) => void
}

/** Records and bytes that are sent together; the front cuts them further if it must. */
const mostRecords = 1_000
const mostBytes = 2_000_000
/** Bytes that may wait; more are refused, and spilled by those who bring them. */
const mostWaiting = 24_000_000
/** Milliseconds within which an attempt may begin. */
const attemptMs = 1_500
/** Milliseconds of one attempt. */
const answerMs = 10_000
/** Milliseconds between two attempts. */
const restMs = 150

/**
 * Produces to one partition, one call at a time: what comes while a call is under way goes with the next one. A failure is tried
 * again at once, in order, as long as somebody waits.
 */
export class ProduceQueue {
  readonly #options: ProduceQueueOptions
  #waiting: Waiting[] = []
  #bytes = 0
  #isSending = false

  constructor(options: ProduceQueueOptions) {
    this.#options = options
  }

  /**
   * Adds records.
   *
   * @param records of one append, in order
   * @returns once all of them are written; rejects with `stream_unavailable` when one may not be, with `stream_limit` when the
   *   broker will never take one
   */
  async add(records: readonly KafkaRecord[]): Promise<void> {
    const bytes = records.reduce((sum, { value }) => sum + (value?.length ?? 0) + 300, 0)
    if (this.#bytes + bytes > mostWaiting)
      throw new SluicewayError('stream_unavailable', 'Too many events wait for Kafka; send them again.')
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiting.push({
      records,
      refused: undefined,
      bytes,
      until: this.#options.port.now() + attemptMs,
      resolve,
      reject,
    })
    this.#bytes += bytes
    if (!this.#isSending) void this.#send()
    return promise
  }

  async #send(): Promise<void> {
    this.#isSending = true
    for (let some = this.#take(); some.length > 0; some = this.#take()) {
      try {
        await this.#attempt(some)
      } catch (error) {
        this.#settle(some, error)
        await new Promise((resolve) => setTimeout(resolve, restMs))
      }
    }
    this.#isSending = false
  }

  /** The oldest ones, as many as go together; at least one. */
  #take(): readonly Waiting[] {
    let records = 0
    let bytes = 0
    const count = this.#waiting.findIndex((one, i) => {
      records += one.records.length
      bytes += one.bytes
      return i > 0 && (records > mostRecords || bytes > mostBytes)
    })
    return this.#waiting.slice(0, count < 0 ? this.#waiting.length : count)
  }

  async #attempt(some: readonly Waiting[]): Promise<void> {
    const { connection, topic, written } = this.#options
    const records = some.flatMap((one) => one.records)
    const outcomes = await withSignal(answerMs, (signal) => connection.produce(topic, records, signal))
    let next: number | undefined
    let i = 0
    let failure: string | undefined
    for (const one of some) {
      const left: KafkaRecord[] = []
      for (const record of one.records) {
        const outcome = outcomes[i++] ?? { written: false, retry: 'unknown', reason: 'the front did not report on it' }
        if (outcome.written) next = outcome.offset === undefined ? next : Math.max(next ?? 0, outcome.offset + 1)
        else if (outcome.retry === 'no') one.refused ??= outcome.reason
        else {
          left.push(record)
          failure ??= outcome.reason
        }
      }
      one.records = left
      if (left.length === 0) this.#end(one, one.refused === undefined ? undefined : limitError(one.refused))
    }
    if (outcomes.some((outcome) => outcome.written)) written(next)
    if (failure === undefined) return
    this.#settle(
      some.filter(({ records: left }) => left.length > 0),
      new SluicewayError('kafka_unavailable', failure),
    )
    await new Promise((resolve) => setTimeout(resolve, restMs))
  }

  /** Gives up those for whom it is too late; the others are tried again. */
  #settle(some: readonly Waiting[], error: unknown): void {
    this.#options.failed(error)
    const now = this.#options.port.now()
    for (const one of some)
      if (now >= one.until)
        this.#end(one, new SluicewayError('stream_unavailable', `Kafka did not take the events: ${reasonOf(error)}`))
  }

  #end(one: Waiting, error?: Error): void {
    this.#waiting = this.#waiting.filter((other) => other !== one)
    this.#bytes -= one.bytes
    if (error === undefined) one.resolve()
    else one.reject(error)
  }
}

const limitError = (reason: string): SluicewayError =>
  new SluicewayError('stream_limit', `Kafka will never take this event: ${reason}. Lower limits.eventBytes.`)
