import { DurableObject } from 'cloudflare:workers'
import type { AppContext } from '../core/app-context.ts'
import type { Bindings } from '../core/bindings.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { KafkaConnection, KafkaMessage } from '../core/kafka.ts'
import type { KafkaSource, KafkaSourceStatus, PollerRpc } from '../core/kafka-source.ts'
import { partitionsOf } from '../core/lanes.ts'
import type { ResolvedConfig, Source } from '../core/resolved-config.ts'
import { backoffMs } from '../core/retry.ts'
import { withSignal } from '../core/with-signal.ts'
import { addDeadLetters, acceptEvents } from '../edge/accept.ts'
import { type KafkaPlace, KafkaReader } from '../kafka/kafka-reader.ts'
import { realPort } from '../platform/real-port.ts'
import { Database } from '../storage/database.ts'
import { mapRecords } from '../edge/map-records.ts'

/** One run of the reader: an alarm goes on with what is left, with subrequests of its own. */
const run = { waitMs: 500, mostFetches: 60, budgetMs: 20_000 }
/** Milliseconds for which the number of a topic's partitions is believed. */
const countMs = 300_000

/**
 * Reads the topics of one Kafka source, and hands their events to the edge. Positions are stored once the events are durable
 * (table `positions`). The table `runs` says since when a run is under way: after a crash in its middle, the stream looks back to
 * then for what it has already.
 */
export class KafkaSourceObject extends DurableObject<Bindings> implements PollerRpc {
  readonly #app: AppContext
  readonly #source: Source
  readonly #kafka: KafkaSource
  readonly #db: Database
  readonly #connection: KafkaConnection
  readonly #reader: KafkaReader
  #places: readonly KafkaPlace[] = []
  #placesUntil = 0
  #isReading = false
  #failures = 0
  #problem: string | undefined
  /** When the run began that a crash has cut off; undefined when none was. */
  #since: number | undefined

  /** Objects are named `<source>`. */
  constructor(ctx: DurableObjectState, env: Bindings, resolved: ResolvedConfig) {
    super(ctx, env)
    const source = resolved.sources.get(ctx.id.name ?? '')
    if (source?.kafka === undefined) throw new Error(`the config has no Kafka source "${ctx.id.name}" any more`)
    this.#source = source
    this.#kafka = source.kafka
    this.#app = { resolved, bindings: env, port: realPort, waitUntil: (work) => ctx.waitUntil(work) }
    this.#db = new Database(ctx.storage.sql)
    this.#db.run(
      'CREATE TABLE IF NOT EXISTS positions (topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL, PRIMARY KEY (topic, partition)) WITHOUT ROWID',
    )
    this.#db.run('CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY, began INTEGER NOT NULL)')
    this.#since = this.#db.first<{ began: number }>('SELECT began FROM runs WHERE id = 0')?.began
    this.#connection = source.kafka.front.connect(realPort, `${source.kafka.group}-${source.name}`)
    this.#reader = new KafkaReader({
      connection: this.#connection,
      places: () => this.#findPlaces(),
      positions: { get: (place) => this.#position(place), set: (place, next) => this.#setPosition(place, next) },
      begin: source.kafka.begin,
      deliver: (messages) => this.#deliver(messages),
      group: source.kafka.group,
      port: realPort,
    })
  }

  async poll(): Promise<KafkaSourceStatus> {
    await this.#read()
    return this.status()
  }

  async status(): Promise<KafkaSourceStatus> {
    return {
      source: this.#source.name,
      partitions: this.#places.map((place) => ({ ...place, next: this.#position(place) ?? null })),
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    }
  }

  override async alarm(): Promise<void> {
    await this.#read()
  }

  async #read(): Promise<void> {
    if (this.#isReading) return
    this.#isReading = true
    let nextMs = this.#kafka.pollSeconds * 1_000
    try {
      if (this.#since === undefined)
        this.#db.run('INSERT OR REPLACE INTO runs (id, began) VALUES (0, ?)', realPort.now())
      const more = await this.#reader.run(run)
      this.#db.run('DELETE FROM runs WHERE id = 0')
      this.#since = undefined
      this.#failures = 0
      if (this.#problem !== undefined)
        realPort.log('info', 'a Kafka source is read again', { source: this.#source.name })
      this.#problem = undefined
      if (more) nextMs = 0
    } catch (error) {
      // What the run has appended and not noted is found by the next one.
      this.#since ??= this.#db.first<{ began: number }>('SELECT began FROM runs WHERE id = 0')?.began
      this.#failures++
      nextMs = 1_000 + backoffMs(this.#failures, realPort.random(), { baseSeconds: 1, capSeconds: 60 })
      const reason = reasonOf(error)
      if (this.#problem !== reason)
        realPort.log('error', 'a Kafka source could not be read; it is tried again', {
          source: this.#source.name,
          reason,
        })
      this.#problem = reason
    }
    this.#isReading = false
    await this.ctx.storage.setAlarm(Date.now() + nextMs)
  }

  /** Hands the events of records to the edge; what cannot be decoded or mapped becomes a dead letter. */
  async #deliver(messages: readonly KafkaMessage[]): Promise<void> {
    const { events, letters } = await mapRecords(messages, this.#source, this.#app)
    await addDeadLetters(letters, this.#app)
    if (events.length === 0) return
    await acceptEvents(
      {
        source: this.#source,
        events,
        facts: {},
        ...(this.#since === undefined ? {} : { since: this.#since }),
      },
      this.#app,
    )
  }

  /** All partitions of all topics. A topic that is not there holds up no other. */
  async #findPlaces(): Promise<readonly KafkaPlace[]> {
    if (realPort.now() < this.#placesUntil) return this.#places
    const places: KafkaPlace[] = []
    const missing: unknown[] = []
    for (const topic of this.#kafka.topics) {
      try {
        const count = await withSignal(10_000, (signal) => this.#connection.partitions(topic, signal))
        places.push(...partitionsOf(count).map((partition) => ({ topic, partition })))
      } catch (error) {
        missing.push(error)
        realPort.log('error', 'a topic of a Kafka source cannot be read', {
          source: this.#source.name,
          topic,
          reason: reasonOf(error),
        })
      }
    }
    if (places.length === 0)
      throw new SluicewayError('kafka_unavailable', reasonOf(missing[0] ?? 'no topic can be read'), {
        cause: missing[0],
      })
    this.#places = places
    this.#placesUntil = realPort.now() + (missing.length === 0 ? countMs : 60_000)
    return places
  }

  #position({ topic, partition }: KafkaPlace): number | undefined {
    return this.#db.first<{ next: number }>(
      'SELECT next FROM positions WHERE topic = ? AND partition = ?',
      topic,
      partition,
    )?.next
  }

  #setPosition({ topic, partition }: KafkaPlace, next: number): void {
    this.#db.run('INSERT OR REPLACE INTO positions (topic, partition, next) VALUES (?, ?, ?)', topic, partition, next)
  }
}
