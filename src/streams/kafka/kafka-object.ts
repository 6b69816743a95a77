import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../../core/bindings.ts'
import { cutLetters } from '../../core/cut-letters.ts'
import type { NewDeadLetter } from '../../core/dead-letter.ts'
import { Envelope, unpack } from '../../core/envelope.ts'
import { reasonOf, SluicewayError } from '../../core/errors.ts'
import type { KafkaConnection, KafkaMessage } from '../../core/kafka.ts'
import { edgeLane, laneOf } from '../../core/lanes.ts'
import { backoffMs } from '../../core/retry.ts'
import type { KafkaRpc, KafkaStatus, KafkaStream, TriggerContext } from '../../core/stream.ts'
import { withSignal } from '../../core/with-signal.ts'
import { envelopeOfRecord, recordOfEnvelope } from '../../kafka/envelope-record.ts'
import { PartitionEnds } from '../../kafka/partition-ends.ts'
import { nextStepFor } from '../../kafka/next-step.ts'
import { KafkaReader } from '../../kafka/kafka-reader.ts'
import { realPort } from '../../platform/real-port.ts'
import { Database } from '../../storage/database.ts'
import { pushToLanes } from '../push-to-lanes.ts'
import { ProduceQueue } from './produce-queue.ts'

/** One run of the reader: an alarm goes on with what is left, with subrequests of its own. */
const run = { waitMs: 500, mostFetches: 200, budgetMs: 20_000 }
/** Milliseconds before what failed is tried again, at least. */
const leastRetryMs = 2_000
const decoder = new TextDecoder()

/** Why Kafka takes no events, or cannot be read. */
interface Failure {
  readonly problem: string
  readonly nextStep: string
  /** Milliseconds since the epoch. */
  readonly since: number
}

const nextFailure = (error: unknown, before: Failure | undefined): Failure => ({
  problem: reasonOf(error),
  nextStep: nextStepFor(error),
  since: before?.since ?? realPort.now(),
})

/**
 * One partition of the topic that is the stream: owns the conversation with the front. It produces one call at a time, reads by
 * assignment, hands what it reads to the lanes, and then stores the position (table `positions`).
 */
export class KafkaObject extends DurableObject<Bindings> implements KafkaRpc {
  readonly #partition: number
  readonly #stream: KafkaStream
  readonly #db: Database
  readonly #connection: KafkaConnection
  readonly #queue: ProduceQueue
  readonly #reader: KafkaReader
  /** The head as far as it is known. */
  #head = 0
  #isReading = false
  #failures = 0
  #produceFailure: Failure | undefined
  #readFailure: Failure | undefined
  #readAt: number | undefined
  readonly #ends: PartitionEnds
  #isChecked = false
  #checking: Promise<void> | undefined
  readonly #append: TriggerContext['append']

  /** Objects are named `<partition>`. `append` is there where Kafka is an earlier stream, as in `TriggerContext`. */
  constructor(
    ctx: DurableObjectState,
    env: Bindings,
    stream: KafkaStream | undefined,
    { append }: Pick<TriggerContext, 'append'> = {},
  ) {
    super(ctx, env)
    this.#append = append
    if (stream === undefined) throw new Error('the stream of this deployment is not Kafka any more')
    this.#partition = Number(ctx.id.name ?? 0)
    this.#stream = stream
    this.#db = new Database(ctx.storage.sql)
    this.#db.run('CREATE TABLE IF NOT EXISTS positions (topic TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID')
    const { topic, front, group } = stream
    // Two conversations have two connections: a read that waits must not hold up a produce.
    const client = `${group}-${topic}-${this.#partition}`
    this.#connection = front.connect(realPort, client)
    this.#ends = new PartitionEnds({ connection: this.#connection, port: realPort })
    this.#queue = new ProduceQueue({
      connection: front.connect(realPort, `${client}-producer`),
      topic,
      port: realPort,
      written: (next) => this.#wrote(next),
      failed: (error) => this.#noteProduceFailure(error),
    })
    this.#reader = new KafkaReader({
      connection: this.#connection,
      places: async () => [{ topic, partition: this.#partition }],
      positions: { get: () => this.#position, set: (_place, next) => this.#setPosition(next) },
      isBehind: () => (this.#position ?? 0) < this.#head,
      begin: () => 'earliest',
      deliver: (messages) => this.#deliver(messages),
      group,
      port: realPort,
    })
  }

  async append(text: string): Promise<void> {
    if (!this.#isChecked) await this.#check()
    const { headers } = this.#stream.front.capabilities
    await this.#queue.add(
      unpack(text).map((envelope) => recordOfEnvelope(envelope, { partition: this.#partition, headers })),
    )
  }

  /** Reads on, should nobody else have made it. Called each minute. */
  async poke(): Promise<KafkaStatus> {
    await this.#read()
    return this.status()
  }

  async status(): Promise<KafkaStatus> {
    const partition = this.#partition
    const next = this.#position ?? 0
    // Not `#head` alone: what others wrote, or an earlier life, is not in it.
    const head = Math.max(this.#head, this.#ends.of({ topic: this.#stream.topic, partition }) ?? 0)
    return {
      partition,
      next,
      head,
      lag: Math.max(0, head - next),
      ...(this.#readAt === undefined ? {} : { readAt: this.#readAt }),
      ...(this.#produceFailure ?? this.#readFailure),
    }
  }

  override async alarm(): Promise<void> {
    await this.#read()
  }

  get #position(): number | undefined {
    return this.#db.first<{ next: number }>('SELECT next FROM positions WHERE topic = ?', this.#stream.topic)?.next
  }

  #setPosition(next: number): void {
    this.#db.run('INSERT OR REPLACE INTO positions (topic, next) VALUES (?, ?)', this.#stream.topic, next)
  }

  /** A topic that has fewer partitions than the config says would refuse a part of all users for ever. */
  #check(): Promise<void> {
    // One question for all who wait: two of them might be answered in the wrong order, and with them the appends.
    this.#checking ??= this.#askPartitions().finally(() => (this.#checking = undefined))
    return this.#checking
  }

  async #askPartitions(): Promise<void> {
    const { front, topic, partitions } = this.#stream
    if (this.#isChecked || !front.capabilities.partitionCount) return
    const found = await withSignal(5_000, (signal) => this.#connection.partitions(topic, signal)).catch(
      (error: unknown) => {
        this.#noteProduceFailure(error)
        throw new SluicewayError('stream_unavailable', `Kafka cannot be asked for the topic: ${reasonOf(error)}`)
      },
    )
    if (found < partitions) {
      const reason = `the topic ${topic} has ${found} partitions, and the config says ${partitions}`
      const nextStep = `Give the topic ${partitions} partitions, or say ${found} in the config.`
      const error = new SluicewayError('stream_unavailable', reason, { details: { nextStep } })
      this.#noteProduceFailure(error)
      throw error
    }
    this.#isChecked = true
  }

  #wrote(next: number | undefined): void {
    if (this.#produceFailure !== undefined)
      realPort.log('info', 'Kafka takes events again', { partition: this.#partition, topic: this.#stream.topic })
    this.#produceFailure = undefined
    if (next !== undefined) {
      const position = this.#position
      // The topic was made anew: offsets began again at 0.
      if (position !== undefined && next < position) {
        realPort.log('error', 'the topic of the stream has lost records; reading begins again', {
          partition: this.#partition,
          position,
          written: next,
        })
        this.#setPosition(0)
      }
      this.#head = next
    } else this.#head = Math.max(this.#head, (this.#position ?? 0) + 1)
    void this.#read()
  }

  #noteProduceFailure(error: unknown): void {
    const failure = nextFailure(error, this.#produceFailure)
    if (this.#produceFailure === undefined) {
      const { problem: reason, nextStep } = failure
      realPort.log('error', 'Kafka does not take events; they are spilled', {
        partition: this.#partition,
        topic: this.#stream.topic,
        reason,
        nextStep,
      })
    }
    this.#produceFailure = failure
  }

  async #read(): Promise<void> {
    if (this.#isReading) return
    this.#isReading = true
    let retryMs: number | undefined
    try {
      const more = await this.#reader.run(run)
      this.#failures = 0
      this.#readAt = realPort.now()
      if (this.#readFailure !== undefined)
        realPort.log('info', 'Kafka is read again', { partition: this.#partition, topic: this.#stream.topic })
      this.#readFailure = undefined
      if (more) retryMs = 0
      await this.#ends.ask([{ topic: this.#stream.topic, partition: this.#partition }])
    } catch (error) {
      this.#failures++
      retryMs = leastRetryMs + backoffMs(this.#failures, realPort.random(), { baseSeconds: 1, capSeconds: 30 })
      const failure = nextFailure(error, this.#readFailure)
      if (this.#readFailure === undefined) {
        const { problem: reason, nextStep } = failure
        realPort.log('error', 'Kafka could not be read; it is tried again', {
          partition: this.#partition,
          topic: this.#stream.topic,
          reason,
          nextStep,
        })
      }
      this.#readFailure = failure
    }
    this.#isReading = false
    // What was written while the last read was under way.
    if (retryMs === undefined && (this.#position ?? 0) < this.#head && this.#failures === 0) retryMs = 100
    if (retryMs !== undefined) await this.ctx.storage.setAlarm(Date.now() + retryMs)
  }

  async #deliver(messages: readonly KafkaMessage[]): Promise<void> {
    const envelopes: Envelope[] = []
    const letters: NewDeadLetter[] = []
    for (const message of messages) {
      const found = envelopeOfRecord(message)
      if (found instanceof Envelope) envelopes.push(found)
      else letters.push(letterOf(message, found))
    }
    for (const piece of cutLetters(letters)) await laneOf(this.env, edgeLane).addDeadLetters(edgeLane, piece)
    if (this.#append !== undefined) await this.#append(envelopes)
    else await pushToLanes(envelopes, this.#partition, { push: (ref, text) => laneOf(this.env, ref).push(ref, text) })
  }
}

/** Whoever produces to the topic of the stream finds what it wrote in the dead letters of the edge. */
const letterOf = ({ topic, partition, offset, key, value, timestamp }: KafkaMessage, what: string): NewDeadLetter => ({
  stage: 'ingest',
  messageId: `kafka:${topic}:${partition}:${offset}`,
  source: 'kafka',
  key: key === null ? '' : decoder.decode(key),
  reason: `The topic of the stream holds ${what} (partition ${partition}, offset ${offset}).`,
  code: 'bad_request',
  receivedAt: new Date(timestamp ?? Date.now()).toISOString(),
  event: JSON.stringify(value === null ? null : decoder.decode(value)),
  attempts: [],
})
