import { DurableObject } from 'cloudflare:workers'
import type { AppContext } from '../core/app-context.ts'
import type { Bindings } from '../core/bindings.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { KafkaMessage } from '../core/kafka.ts'
import type { KafkaSourcePartition, KafkaSourceStatus, PollerRpc } from '../core/kafka-source.ts'
import type { ResolvedConfig } from '../core/resolved-config.ts'
import { backoffMs } from '../core/retry.ts'
import { acceptRecords } from '../edge/accept-records.ts'
import type { ReadingSource } from '../edge/map-records.ts'
import { type KafkaPlace, KafkaReader } from '../kafka/kafka-reader.ts'
import { nextStepFor } from '../kafka/next-step.ts'
import { PartitionEnds } from '../kafka/partition-ends.ts'
import { realPort } from '../platform/real-port.ts'
import { Database } from '../storage/database.ts'
import { TopicPlaces } from './topic-places.ts'

/** One run of the reader: an alarm goes on with what is left, with subrequests of its own. */
const run = { waitMs: 500, mostFetches: 60, budgetMs: 20_000 }
/** Milliseconds that an alarm may be late, or later than it could be, until it counts as lost. */
const lateMs = 90_000
/** Milliseconds after which what the status tells is stored again. */
const toldMs = 60_000

/** What the status tells and nothing depends on; an object that was asleep still knows it. */
interface Told {
  /** Left out while all is read. */
  readonly trouble?: {
    readonly state: 'failing' | 'partial'
    readonly problem: string
    readonly nextStep: string
    /** Milliseconds since the epoch. */
    readonly since: number
  }
  readonly readAt?: number
  readonly ends?: readonly (readonly [string, number])[]
}

interface PositionRow {
  readonly topic: string
  readonly partition: number
  readonly next: number
}

/**
 * Reads the topics of one Kafka source, and hands their events to the edge. Positions are stored once the events are durable
 * (table `positions`). The table `runs` says since when a run is under way: after a crash in its middle, the stream looks back to
 * then for what it has already. The value `told` of the key-value storage is what the status tells.
 */
export class KafkaSourceObject extends DurableObject<Bindings> implements PollerRpc {
  readonly #app: AppContext
  readonly #source: ReadingSource
  readonly #db: Database
  readonly #places: TopicPlaces
  readonly #reader: KafkaReader
  #isReading = false
  #failures = 0
  #told: Told
  readonly #ends: PartitionEnds
  /** When `#told` was stored last. */
  #toldAt = 0
  /** When the next run is due, as the last one said. */
  #dueAt = 0
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
    this.#told = ctx.storage.kv.get<Told>('told') ?? {}
    this.#ends = new PartitionEnds({ connection, port: realPort }, this.#told.ends)
    this.#reader = new KafkaReader({
      connection,
      places: () => this.#places.find(),
      positions: { get: (place) => this.#position(place), set: (place, next) => this.#setPosition(place, next) },
      // What is added to a topic that is read already came later than the source did.
      begin: ({ topic }) => (this.#hasRead(topic) ? 'earliest' : begin),
      deliver: (messages) => this.#deliver(messages),
      group,
      port: realPort,
    })
  }

  async poll(): Promise<KafkaSourceStatus> {
    if (this.#source.enabled && !this.#isReading) {
      const at = await this.ctx.storage.getAlarm()
      const now = realPort.now()
      const latest = Math.max(now + this.#source.kafka.pollSeconds * 1_000, this.#dueAt) + lateMs
      if (at === null || at < now - lateMs || at > latest) await this.ctx.storage.setAlarm(now)
    }
    return this.status()
  }

  async status(): Promise<KafkaSourceStatus> {
    const { name, enabled } = this.#source
    const { trouble, readAt } = this.#told
    const partitions = this.#partitions()
    const lags = partitions.flatMap(({ lag }) => (lag === undefined ? [] : [lag]))
    return {
      source: name,
      ...(enabled ? { state: 'running', ...trouble } : { state: 'disabled' }),
      partitions,
      ...(lags.length === 0 ? {} : { lag: lags.reduce((sum, lag) => sum + lag, 0) }),
      ...(readAt === undefined ? {} : { readAt }),
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
      await this.#ends.ask(await this.#places.find())
      const more = await this.#reader.run(run)
      this.#end()
      if (more) nextMs = 0
    } catch (error) {
      nextMs = this.#waitAfter(error)
    }
    this.#isReading = false
    this.#dueAt = realPort.now() + nextMs
    await this.ctx.storage.setAlarm(this.#dueAt)
  }

  #end(): void {
    this.#db.run('DELETE FROM runs WHERE id = 0')
    this.#since = undefined
    this.#noteRead()
  }

  /** Notes that Kafka and the stream have answered. */
  #noteRead(): void {
    this.#failures = 0
    const now = realPort.now()
    const { trouble } = this.#told
    if (trouble?.state === 'failing')
      realPort.log('info', 'a Kafka source is read again', { source: this.#source.name })
    const { problem, nextStep = '' } = this.#places
    if (problem === undefined) this.#tell({ readAt: now })
    else this.#noteTrouble({ state: 'partial', problem, nextStep })
  }

  /** Notes why a run has failed; returns the milliseconds until the next one. */
  #waitAfter(error: unknown): number {
    if (error instanceof SluicewayError && error.code === 'rate_limited') {
      // Records wait in their topic: nothing is wrong.
      this.#noteRead()
      const seconds = error.details['retryAfter']
      return 1_000 * (typeof seconds === 'number' ? seconds : 1)
    }
    // What the run has appended and not noted is found by the next one.
    this.#since ??= this.#began
    const problem = reasonOf(error)
    const nextStep = nextStepFor(error)
    if (this.#told.trouble?.problem !== problem)
      realPort.log('error', 'a Kafka source could not be read; it is tried again', {
        source: this.#source.name,
        reason: problem,
        nextStep,
      })
    this.#failures++
    this.#noteTrouble({ state: 'failing', problem, nextStep })
    this.#places.expire()
    const asked = error instanceof SluicewayError ? error.details['afterSeconds'] : undefined
    const wait = backoffMs(this.#failures, realPort.random(), { baseSeconds: 1, capSeconds: 60 })
    return 1_000 + Math.max(wait, typeof asked === 'number' ? asked * 1_000 : 0)
  }

  #noteTrouble(trouble: Omit<NonNullable<Told['trouble']>, 'since'>): void {
    const { trouble: before, ...rest } = this.#told
    this.#tell({ ...rest, trouble: { ...trouble, since: before?.since ?? realPort.now() } })
  }

  /** Stored when it matters, and once a minute: a run shall not write for it. */
  #tell(told: Omit<Told, 'ends'>): void {
    const now = realPort.now()
    const isNew =
      this.#told.trouble?.problem !== told.trouble?.problem || this.#told.trouble?.state !== told.trouble?.state
    this.#told = told
    if (!isNew && now - this.#toldAt < toldMs) return
    this.#toldAt = now
    this.ctx.storage.kv.put('told', { ...told, ends: this.#ends.all } satisfies Told)
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

  /** Partitions that are known, and those that were read before, of topics of the config. */
  #partitions(): KafkaSourcePartition[] {
    const next = new Map<string, KafkaSourcePartition>()
    const note = (place: KafkaPlace, offset: number | null) => {
      const head = this.#ends.of(place)
      const known = head === undefined ? {} : { head: Math.max(head, offset ?? 0) }
      const lag = known.head === undefined || offset === null ? {} : { lag: known.head - offset }
      next.set(`${place.partition} ${place.topic}`, { ...place, next: offset, ...known, ...lag })
    }
    for (const place of this.#places.all) note(place, null)
    for (const { topic, partition, next: offset } of this.#db.all<PositionRow>(
      'SELECT topic, partition, next FROM positions',
    ))
      if (this.#source.kafka.topics.includes(topic)) note({ topic, partition }, offset)
    return [...next.values()].toSorted((a, b) => a.topic.localeCompare(b.topic, 'en') || a.partition - b.partition)
  }

  #hasRead(topic: string): boolean {
    return this.#db.first('SELECT 1 AS found FROM positions WHERE topic = ? LIMIT 1', topic) !== undefined
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
