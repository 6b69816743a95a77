import { DurableObject } from 'cloudflare:workers'
import type { AppContext } from '../core/app-context.ts'
import type { Bindings } from '../core/bindings.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { KafkaMessage } from '../core/kafka.ts'
import type { KafkaSourceStatus, PollerRpc } from '../core/kafka-source.ts'
import type { ResolvedConfig } from '../core/resolved-config.ts'
import { backoffMs } from '../core/retry.ts'
import { acceptRecords } from '../edge/accept-records.ts'
import type { ReadingSource } from '../edge/map-records.ts'
import { type KafkaPlace, KafkaReader } from '../kafka/kafka-reader.ts'
import { realPort } from '../platform/real-port.ts'
import { Database } from '../storage/database.ts'
import { TopicPlaces } from './topic-places.ts'

/** One run of the reader: an alarm goes on with what is left, with subrequests of its own. */
const run = { waitMs: 500, mostFetches: 60, budgetMs: 20_000 }
/** Milliseconds that an alarm may be late, or later than it could be, until it counts as lost. */
const lateMs = 90_000

interface PositionRow {
  readonly topic: string
  readonly partition: number
  readonly next: number
}

/**
 * Reads the topics of one Kafka source, and hands their events to the edge. Positions are stored once the events are durable
 * (table `positions`). The table `runs` says since when a run is under way: after a crash in its middle, the stream looks back to
 * then for what it has already.
 */
export class KafkaSourceObject extends DurableObject<Bindings> implements PollerRpc {
  readonly #app: AppContext
  readonly #source: ReadingSource
  readonly #db: Database
  readonly #places: TopicPlaces
  readonly #reader: KafkaReader
  #isReading = false
  #failures = 0
  #problem: string | undefined
  #troubledSince: number | undefined
  #readAt: number | undefined
  /** When the run began that a crash has cut off; undefined when none was. */
  #since: number | undefined

  /** Objects are named `<source>`. */
  constructor(ctx: DurableObjectState, env: Bindings, resolved: ResolvedConfig) {
    super(ctx, env)
    const source = resolved.sources.get(ctx.id.name ?? '')
    if (source?.kafka === undefined) throw new Error(`the config has no Kafka source "${ctx.id.name}" any more`)
    const { name, kafka } = source
    this.#source = { ...source, kafka }
    this.#app = { resolved, bindings: env, port: realPort, waitUntil: (work) => ctx.waitUntil(work) }
    this.#db = new Database(ctx.storage.sql)
    this.#db.run(
      'CREATE TABLE IF NOT EXISTS positions (topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL, PRIMARY KEY (topic, partition)) WITHOUT ROWID',
    )
    this.#db.run('CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY, began INTEGER NOT NULL)')
    this.#since = this.#began
    const { topics, front, group, begin } = kafka
    const connection = front.connect(realPort, `${group}-${name}`)
    this.#places = new TopicPlaces({ topics, connection, port: realPort, source: name })
    this.#reader = new KafkaReader({
      connection,
      places: () => this.#places.find(),
      positions: { get: (place) => this.#position(place), set: (place, next) => this.#setPosition(place, next) },
      begin,
      deliver: (messages) => this.#deliver(messages),
      group,
      port: realPort,
    })
  }

  async poll(): Promise<KafkaSourceStatus> {
    if (this.#source.enabled && !this.#isReading) {
      const at = await this.ctx.storage.getAlarm()
      const now = realPort.now()
      const latest = now + this.#source.kafka.pollSeconds * 1_000 + lateMs
      if (at === null || at < now - lateMs || at > latest) await this.ctx.storage.setAlarm(now)
    }
    return this.status()
  }

  async status(): Promise<KafkaSourceStatus> {
    const { name, enabled, kafka } = this.#source
    const problem = this.#problem ?? this.#places.problem
    const state = this.#problem !== undefined ? 'failing' : problem !== undefined ? 'partial' : 'running'
    const places = new Map<string, KafkaSourceStatus['partitions'][number]>()
    for (const { topic, partition } of this.#places.all)
      places.set(`${partition} ${topic}`, { topic, partition, next: null })
    for (const { topic, partition, next } of this.#db.all<PositionRow>('SELECT topic, partition, next FROM positions'))
      if (kafka.topics.includes(topic)) places.set(`${partition} ${topic}`, { topic, partition, next })
    return {
      source: name,
      state: enabled ? state : 'disabled',
      partitions: [...places.values()].toSorted(
        (a, b) => a.topic.localeCompare(b.topic, 'en') || a.partition - b.partition,
      ),
      ...(problem === undefined || !enabled ? {} : { problem }),
      ...(problem === undefined || !enabled || this.#troubledSince === undefined ? {} : { since: this.#troubledSince }),
      ...(this.#readAt === undefined ? {} : { readAt: this.#readAt }),
    }
  }

  override async alarm(): Promise<void> {
    await this.#read()
  }

  /** Reads until there is no more for now, and sets the alarm that goes on. A source that is switched off reads nothing. */
  async #read(): Promise<void> {
    if (this.#isReading || !this.#source.enabled) return
    this.#isReading = true
    let nextMs = this.#source.kafka.pollSeconds * 1_000
    try {
      if (this.#since === undefined)
        this.#db.run('INSERT OR REPLACE INTO runs (id, began) VALUES (0, ?)', realPort.now())
      const more = await this.#reader.run(run)
      this.#end()
      if (more) nextMs = 0
    } catch (error) {
      nextMs = this.#waitAfter(error)
    }
    this.#isReading = false
    await this.ctx.storage.setAlarm(realPort.now() + nextMs)
  }

  #end(): void {
    this.#db.run('DELETE FROM runs WHERE id = 0')
    this.#since = undefined
    this.#failures = 0
    const now = realPort.now()
    if (this.#problem !== undefined) realPort.log('info', 'a Kafka source is read again', { source: this.#source.name })
    this.#problem = undefined
    if (this.#places.problem === undefined) {
      this.#troubledSince = undefined
      this.#readAt = now
    } else this.#troubledSince ??= now
  }

  /** Notes why a run has failed; returns the milliseconds until the next one. */
  #waitAfter(error: unknown): number {
    if (error instanceof SluicewayError && error.code === 'rate_limited') {
      // Records wait in their topic: nothing is wrong.
      const seconds = error.details['retryAfter']
      return 1_000 * (typeof seconds === 'number' ? seconds : 1)
    }
    // What the run has appended and not noted is found by the next one.
    this.#since ??= this.#began
    const now = realPort.now()
    const reason = reasonOf(error)
    if (this.#problem !== reason)
      realPort.log('error', 'a Kafka source could not be read; it is tried again', {
        source: this.#source.name,
        reason,
      })
    this.#failures++
    this.#problem = reason
    this.#troubledSince ??= now
    this.#places.expire()
    const asked = error instanceof SluicewayError ? error.details['afterSeconds'] : undefined
    const wait = backoffMs(this.#failures, realPort.random(), { baseSeconds: 1, capSeconds: 60 })
    return 1_000 + Math.max(wait, typeof asked === 'number' ? asked * 1_000 : 0)
  }

  #deliver(messages: readonly KafkaMessage[]): Promise<number> {
    return acceptRecords(messages, {
      source: this.#source,
      app: this.#app,
      until: realPort.now() + run.budgetMs,
      ...(this.#since === undefined ? {} : { since: this.#since }),
    })
  }

  get #began(): number | undefined {
    return this.#db.first<{ began: number }>('SELECT began FROM runs WHERE id = 0')?.began
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
