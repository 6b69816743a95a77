import { type API, Base, ConnectionPool } from '@platformatic/kafka'
import { setTimeout as sleep } from 'node:timers/promises'
import { apiOf, type Brokers } from './brokers.ts'
import { type ReadRecord, sizeOf, type TopicPartition } from './dialect.ts'
import { BridgeError, brokerError } from './errors.ts'
import { type AbortedTransaction, recordsOf, type StoredBatch } from './stored-batches.ts'

/** From where to read. */
export interface Position extends TopicPartition {
  readonly offset: bigint
}

/** What was read, and from where to go on. */
export interface Fetched {
  readonly records: readonly ReadRecord[]
  /** By `topic:partition`; only where it moved. */
  readonly next: ReadonlyMap<string, bigint>
}

interface FetchLimits {
  /** Keys, values and headers in the answer; a single record may be larger. */
  readonly maxBytes: number
  /** Milliseconds since 1970 until which to wait for the first record. */
  readonly until: number
  readonly isOver: () => boolean
}

interface FetchedPartition {
  readonly partitionIndex: number
  readonly errorCode: number
  readonly highWatermark: bigint
  readonly logStartOffset: bigint
  readonly abortedTransactions: readonly AbortedTransaction[] | null
  readonly records?: readonly StoredBatch[] | null
}

interface FetchAnswer {
  readonly errorCode: number
  readonly responses: readonly { readonly topicId: string; readonly partitions: readonly FetchedPartition[] }[]
}

type FetchCall = [number, number, number, number, number, number, object[], object[], string]

/** Milliseconds that a broker holds a fetch at most; a caller who waits longer is asked for again. */
const longestWait = 2_000
/** Connections that are kept while nobody waits on them. */
const mostIdle = 32
const staleCodes: ReadonlySet<number> = new Set([3, 5, 6, 9, 56, 74, 75, 76, 100, 103])

/** Reads partitions by offset, without a group. */
export class Fetcher {
  readonly #brokers: Brokers
  readonly #client: Base
  readonly #isolation: number
  /** A broker answers the calls of a connection one after the other: a fetch that waits needs one of its own. */
  readonly #idle: ConnectionPool[] = []

  constructor(brokers: Brokers, isolation: 'read_uncommitted' | 'read_committed') {
    this.#brokers = brokers
    this.#client = new Base(brokers.options)
    this.#isolation = isolation === 'read_committed' ? 1 : 0
  }

  /**
   * Reads from several partitions, and waits for the first record.
   *
   * @param positions from where
   * @param limits how much and how long
   * @returns the records, in the order of offsets within a partition
   * @throws BridgeError 404 for a topic or partition that is not there, 416 for an offset that is not there, 503
   */
  async fetch(positions: readonly Position[], limits: FetchLimits): Promise<Fetched> {
    const next = new Map(positions.map((position) => [keyOf(position), position.offset]))
    let isFresh = false
    for (;;) {
      const wait = Math.max(0, Math.min(longestWait, limits.until - Date.now()))
      const current = positions.map((position) => ({ ...position, offset: next.get(keyOf(position)) ?? 0n }))
      const round = await this.#round(current, { limits, wait, isFresh })
      for (const [key, offset] of round.next) next.set(key, offset)
      if (round.records.length > 0) return { records: round.records, next }
      isFresh = round.isStale
      // Without records a partition moves on over marks of transactions: there the next round may find some at once.
      if (limits.isOver() || (round.next.size === 0 && Date.now() >= limits.until)) return { records: [], next }
      if (isFresh) await sleep(100)
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#client.close(), ...this.#idle.map((pool) => pool.close())])
  }

  async #round(positions: readonly Position[], { limits, wait, isFresh }: Round) {
    const leaders = new Map<number, LedPosition[]>()
    for (const position of positions) {
      const { id, partitions } = await this.#brokers.topic(position.topic, isFresh)
      const facts = partitions[position.partition]
      if (facts === undefined) throw noPartition(position, partitions.length)
      leaders.set(facts.leader, [...(leaders.get(facts.leader) ?? []), { ...position, id }])
    }
    // With several leaders none may be waited for alone: the first record may come from any.
    const share = leaders.size > 1 ? Math.min(wait, 200) : wait
    const answers = await Promise.all(
      [...leaders].map(([leader, led]) => this.#ask(leader, led, { wait: share, maxBytes: limits.maxBytes })),
    )
    const records: ReadRecord[] = []
    const next = new Map<string, bigint>()
    let isStale = false
    let bytes = 0
    for (const [i, [, led]] of [...leaders].entries())
      for (const position of led) {
        const found = answers[i]?.responses
          .find(({ topicId }) => topicId === position.id || topicId === position.topic)
          ?.partitions.find(({ partitionIndex }) => partitionIndex === position.partition)
        if (found === undefined) continue
        if (staleCodes.has(found.errorCode)) isStale = true
        else if (found.errorCode !== 0) throw await this.#failure(found, position)
        const read = recordsOf(found.records ?? [], {
          position,
          aborted: this.#isolation === 1 ? (found.abortedTransactions ?? []) : [],
        })
        let end = read.next
        for (const record of read.records) {
          if (records.length > 0 && bytes + sizeOf(record) > limits.maxBytes) {
            end = record.offset
            break
          }
          bytes += sizeOf(record)
          records.push(record)
        }
        if (end > position.offset) next.set(keyOf(position), end)
      }
    return { records, next, isStale }
  }

  async #ask(leader: number, led: readonly LedPosition[], { wait, maxBytes }: { wait: number; maxBytes: number }) {
    if (leader < 0) {
      await sleep(Math.min(wait, 200))
      return { errorCode: 0, responses: [] } satisfies FetchAnswer
    }
    const pool = this.#idle.pop() ?? new ConnectionPool(this.#brokers.options.clientId, this.#brokers.options)
    try {
      const api = await apiOf<FetchCall, FetchAnswer>(this.#client, 'Fetch')
      const connection = await pool.get(await this.#brokers.broker(leader))
      const topics = topicsOf(led, maxBytes, api.version > 12)
      // Without a session: the next fetch is another caller's.
      const args: FetchCall = [wait, 1, maxBytes, this.#isolation, 0, -1, topics, [], '']
      return await answerOf(api, connection, args)
    } catch (thrown) {
      throw brokerError(thrown, 'reading')
    } finally {
      if (this.#idle.length < mostIdle) this.#idle.push(pool)
      else void pool.close().catch(() => undefined)
    }
  }

  async #failure({ errorCode }: FetchedPartition, { topic, partition, offset }: Position): Promise<BridgeError> {
    if (errorCode === 29) return new BridgeError(403, `The brokers do not let the bridge read the topic "${topic}"`)
    if (errorCode !== 1)
      return new BridgeError(502, `The brokers answered a fetch of ${topic} with the error ${errorCode}`)
    return new BridgeError(
      416,
      `The partition ${partition} of "${topic}" has no offset ${offset}; ask /offsets/earliest and /offsets/latest where it begins and ends`,
    )
  }
}

interface Round {
  readonly limits: FetchLimits
  readonly wait: number
  readonly isFresh: boolean
}

type LedPosition = Position & { readonly id: string }

/** Identifies a partition in maps. */
export const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}:${partition}`

export const noPartition = ({ topic, partition }: TopicPartition, count: number) =>
  new BridgeError(404, `The topic "${topic}" has no partition ${partition}; it has ${count}`)

function topicsOf(led: readonly LedPosition[], maxBytes: number, byId: boolean): object[] {
  return [...Map.groupBy(led, ({ topic }) => topic)].map(([topic, positions]) => ({
    topicId: byId ? positions[0]?.id : topic,
    partitions: positions.map(({ partition, offset }) => ({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: offset,
      lastFetchedEpoch: -1,
      partitionMaxBytes: maxBytes,
    })),
  }))
}

/** The library throws when any partition has an error, with the whole answer in it. */
async function answerOf(
  api: API<FetchCall, FetchAnswer>,
  connection: Awaited<ReturnType<ConnectionPool['get']>>,
  args: FetchCall,
): Promise<FetchAnswer> {
  try {
    return await api.async(connection, ...args)
  } catch (thrown) {
    const { response } = thrown as { response?: FetchAnswer }
    if (response?.responses === undefined) throw thrown
    return response
  }
}
