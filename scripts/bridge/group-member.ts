import { Consumer } from '@platformatic/kafka'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Brokers } from './brokers.ts'
import type { ReadRecord, TopicPartition, TopicPartitionOffset } from './dialect.ts'
import { BridgeError, brokerError, rootMessage } from './errors.ts'
import { type Fetcher, keyOf } from './fetcher.ts'
import type { BridgeLog } from './log.ts'
import { committedOffsets, offsetsAt, timestampOf } from './offsets.ts'

/** What the first call of an instance decides. */
export interface MemberOptions {
  readonly group: string
  readonly instance: string
  readonly autoCommit: boolean
  /** Milliseconds. */
  readonly autoCommitInterval: number
  readonly autoOffsetReset: 'earliest' | 'latest' | 'none'
  /** Milliseconds without a call after which the instance leaves the group. */
  readonly idleMs: number
}

/** What members share. */
export interface MemberContext {
  readonly brokers: Brokers
  readonly fetcher: Fetcher
  readonly log: BridgeLog
  /** Told when the member cannot go on: a new one takes its place at the next call. */
  readonly broken: (member: GroupMember) => void
}

interface ConsumeLimits {
  readonly maxBytes: number
  /** Milliseconds since 1970. */
  readonly until: number
  readonly isOver: () => boolean
}

/** Records for an answer, which are given again unless the answer arrives. */
export interface Consumed {
  readonly records: readonly ReadRecord[]
  /** To be called once: with true when the whole answer was sent, with false when the caller is gone. */
  readonly settle: (isSent: boolean) => void
}

/** Milliseconds: the brokers give partitions to others when the bridge is silent for so long. */
const session = { sessionTimeout: 20_000, heartbeatInterval: 2_000, rebalanceTimeout: 60_000 }

/** One instance of a consumer group, kept for callers that come and go. */
export class GroupMember {
  readonly options: MemberOptions
  readonly #context: MemberContext
  readonly #consumer: Consumer
  #topics: ReadonlySet<string> = new Set()
  /** From where to read on, by partition. */
  readonly #positions = new Map<string, bigint>()
  /** What answers have brought, by partition: it may be committed. */
  readonly #delivered = new Map<string, TopicPartitionOffset>()
  readonly #committed = new Map<string, number>()
  #joining: Promise<unknown> | undefined
  #turn: Promise<void> = Promise.resolve()
  #isClosed = false
  #lastCommit = Date.now()
  #waiting = 0
  lastUsed = Date.now()

  constructor(options: MemberOptions, context: MemberContext) {
    this.options = options
    this.#context = context
    this.#consumer = new Consumer({
      ...context.brokers.options,
      ...session,
      retries: 3,
      groupId: options.group,
      // With it, the instance takes its own place again when the bridge was killed and starts again.
      groupInstanceId: options.instance,
    })
    this.#consumer.on('consumer:group:rebalance', () => void this.#commitQuietly())
    this.#consumer.on('consumer:group:join', () => this.#forgetOthers())
    this.#consumer.on('consumer:heartbeat:stalled', () => context.broken(this))
    // The library ends with this error when it cannot join again.
    const emitter: { on: (event: 'error', listener: (error: Error) => void) => unknown } = this.#consumer
    emitter.on('error', (error) => {
      context.log('warn', 'a consumer lost its group', { ...this.#names(), reason: rootMessage(error) })
      context.broken(this)
    })
  }

  /** Whether a call is under way. */
  get isBusy(): boolean {
    return this.#waiting > 0
  }

  /** What the group has given to this instance. */
  get assignments(): readonly { readonly topic: string; readonly partitions: readonly number[] }[] {
    return this.#consumer.assignments ?? []
  }

  /**
   * Reads what comes next, one call after the other.
   *
   * @param topics to subscribe to, in place of those of the call before
   * @param limits how much and how long
   * @returns records, or none when there was nothing in time
   * @throws BridgeError 404, 503, 416 where `autoOffsetReset` is none
   */
  async consume(topics: readonly string[], limits: ConsumeLimits): Promise<Consumed> {
    const before = this.#turn
    const { promise, resolve: release } = Promise.withResolvers<void>()
    this.#turn = promise
    this.#waiting++
    const end = () => {
      this.#waiting--
      this.lastUsed = Date.now()
      release()
    }
    try {
      await before
      if (this.#isClosed) throw new BridgeError(503, 'The consumer was closed meanwhile; call again')
      await this.#subscribe(topics, limits.until)
      const records = await this.#read(limits)
      return { records, settle: (isSent) => this.#settle(records, isSent, end) }
    } catch (thrown) {
      end()
      throw brokerError(thrown, `consuming as ${this.options.instance} of ${this.options.group}`)
    }
  }

  /**
   * Commits offsets: each is the next to be read.
   *
   * @param offsets which; without them, everything that answers have brought
   * @throws BridgeError 503 or 409 when the brokers do not take them
   */
  async commit(offsets: readonly TopicPartitionOffset[] | undefined): Promise<void> {
    this.lastUsed = Date.now()
    const all = offsets ?? this.#uncommitted()
    if (all.length === 0) return
    try {
      await this.#consumer.commit({
        offsets: all.map(({ topic, partition, offset }) => ({
          topic,
          partition,
          offset: BigInt(offset),
          leaderEpoch: -1,
        })),
      })
    } catch (thrown) {
      throw brokerError(thrown, `committing for ${this.options.instance} of ${this.options.group}`)
    }
    this.#lastCommit = Date.now()
    for (const one of all) this.#committed.set(keyOf(one), one.offset)
  }

  /** Commits what was delivered when it is time; called every second or so. */
  async tick(): Promise<void> {
    if (Date.now() - this.#lastCommit >= this.options.autoCommitInterval) await this.#commitQuietly()
  }

  /** Commits what was delivered, and leaves the group. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await Promise.race([this.#turn, sleep(1_000)])
    await this.#commitQuietly()
    await Promise.race([this.#consumer.close(true).catch(() => undefined), sleep(5_000)])
  }

  #names() {
    return { group: this.options.group, instance: this.options.instance }
  }

  /** To exactly these topics: a caller gets nothing of those that another has named, which it may not be allowed to read. */
  async #subscribe(topics: readonly string[], until: number): Promise<void> {
    const wanted = new Set(topics)
    const isChanged = wanted.size !== this.#topics.size || topics.some((topic) => !this.#topics.has(topic))
    if (isChanged) {
      for (const topic of wanted) await this.#context.brokers.topic(topic)
      await this.#commitQuietly()
      this.#consumer.topics.untrackAll(...this.#topics)
      this.#consumer.topics.trackAll(...wanted)
      this.#topics = wanted
    }
    if (isChanged || (this.#joining === undefined && this.#consumer.memberId === null)) {
      const earlier = this.#joining
      const joining = (async () => {
        await earlier?.catch(() => undefined)
        await this.#consumer.joinGroup({ ...session })
      })()
      this.#joining = joining
      // Whoever waits for it is told of a failure; the others try again at the next call.
      joining
        .catch(() => undefined)
        .finally(() => {
          if (this.#joining === joining) this.#joining = undefined
        })
    }
    if (this.#joining !== undefined) await Promise.race([this.#joining, sleep(Math.max(0, until - Date.now()))])
  }

  async #read(limits: ConsumeLimits): Promise<readonly ReadRecord[]> {
    while (!limits.isOver()) {
      const assigned = this.#assigned()
      if (this.#joining === undefined && assigned.length > 0) {
        const generation = this.#consumer.generationId
        const records = await this.#fetch(assigned, limits)
        // What was fetched while the group was dealt anew may be another instance's now.
        if (records !== undefined && this.#consumer.generationId === generation && this.#joining === undefined)
          return records
      }
      if (Date.now() >= limits.until) return []
      await sleep(Math.min(50, Math.max(1, limits.until - Date.now())))
    }
    return []
  }

  async #fetch(assigned: readonly TopicPartition[], limits: ConsumeLimits): Promise<readonly ReadRecord[] | undefined> {
    await this.#findPositions(assigned)
    const positions = assigned.map((one) => ({ ...one, offset: this.#positions.get(keyOf(one)) ?? 0n }))
    try {
      // Short, so that a partition that comes or goes is noticed.
      const until = Math.min(limits.until, Date.now() + 2_000)
      const { records, next } = await this.#context.fetcher.fetch(rotated(positions), { ...limits, until })
      if (this.#assigned().length !== assigned.length) return undefined
      for (const [key, offset] of next) this.#positions.set(key, offset)
      return records.length > 0 || Date.now() >= limits.until ? records : undefined
    } catch (thrown) {
      if (!(thrown instanceof BridgeError) || thrown.status !== 416) throw thrown
      await this.#reset(assigned)
      return undefined
    }
  }

  #settle(records: readonly ReadRecord[], isSent: boolean, end: () => void): void {
    for (const { topic, partition, offset } of records) {
      const key = keyOf({ topic, partition })
      if (isSent) this.#delivered.set(key, { topic, partition, offset: Number(offset) + 1 })
    }
    if (!isSent)
      for (const record of records.toReversed()) {
        const key = keyOf(record)
        if (this.#positions.has(key)) this.#positions.set(key, record.offset)
      }
    end()
  }

  #assigned(): TopicPartition[] {
    return this.assignments
      .filter(({ topic }) => this.#topics.has(topic))
      .flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })))
  }

  async #findPositions(assigned: readonly TopicPartition[]): Promise<void> {
    const unknown = assigned.filter((one) => !this.#positions.has(keyOf(one)))
    if (unknown.length === 0) return
    const { brokers } = this.#context
    const committed = await committedOffsets(brokers, this.options.group, unknown)
    for (const one of committed) this.#positions.set(keyOf(one), BigInt(one.offset))
    const without = unknown.filter((one) => !this.#positions.has(keyOf(one)))
    if (without.length === 0) return
    for (const one of await this.#byReset(without)) this.#positions.set(keyOf(one), BigInt(one.offset))
  }

  /** Where to read when nothing is committed, or what is committed is not there any more. */
  async #byReset(partitions: readonly TopicPartition[]): Promise<TopicPartitionOffset[]> {
    const { autoOffsetReset, group } = this.options
    if (autoOffsetReset === 'none')
      throw new BridgeError(
        416,
        `The group "${group}" has no valid offset for ${partitions.map(keyOf).join(', ')}, and Kafka-Auto-Offset-Reset is none`,
      )
    return offsetsAt(this.#context.brokers, partitions, timestampOf(autoOffsetReset))
  }

  /** Retention has taken what was to be read next, or the topic was made anew. */
  async #reset(assigned: readonly TopicPartition[]): Promise<void> {
    const { brokers, log } = this.#context
    const [begins, ends] = [
      await offsetsAt(brokers, assigned, timestampOf('earliest')),
      await offsetsAt(brokers, assigned, timestampOf('latest')),
    ]
    const lost = assigned.filter((one, i) => {
      const position = Number(this.#positions.get(keyOf(one)) ?? 0n)
      return position < (begins[i]?.offset ?? 0) || position > (ends[i]?.offset ?? 0)
    })
    if (lost.length === 0) return
    for (const one of await this.#byReset(lost)) {
      const from = Number(this.#positions.get(keyOf(one)) ?? 0n)
      log('warn', 'offsets are not there any more; reading goes on elsewhere', { ...this.#names(), ...one, from })
      this.#positions.set(keyOf(one), BigInt(one.offset))
    }
  }

  #forgetOthers(): void {
    const mine = new Set(this.#assigned().map(keyOf))
    for (const known of [this.#positions, this.#delivered, this.#committed])
      for (const key of known.keys()) if (!mine.has(key)) known.delete(key)
  }

  #uncommitted(): TopicPartitionOffset[] {
    return [...this.#delivered.values()].filter((one) => this.#committed.get(keyOf(one)) !== one.offset)
  }

  async #commitQuietly(): Promise<void> {
    if (!this.options.autoCommit || this.#uncommitted().length === 0) return
    try {
      const { lastUsed } = this
      await this.commit(undefined)
      this.lastUsed = lastUsed
    } catch (thrown) {
      this.#context.log('warn', 'offsets could not be committed; records may come again', {
        ...this.#names(),
        reason: rootMessage(thrown),
      })
    }
  }
}

/** Another first partition each time, so that a busy one does not keep the others waiting. */
function rotated<T>(all: readonly T[]): T[] {
  const start = Math.floor(Math.random() * all.length)
  return [...all.slice(start), ...all.slice(0, start)]
}
