import { type API, Base, ConnectionPool, NumericMap } from '@platformatic/kafka'
import { type Batch, type Entry, type Identity, PartitionQueue, settle } from './batches.ts'
import { apiOf, type Brokers, type TopicFacts } from './brokers.ts'
import { BridgeError, rootMessage } from './errors.ts'
import type { BridgeLog } from './log.ts'
import { type OutgoingRecord, type Outcome, verdictOf } from './outcome.ts'

interface ProducerOptions {
  readonly compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  /** Milliseconds for which a record is tried. */
  readonly deliveryMs: number
  /** Milliseconds that one request may take. */
  readonly requestMs: number
}

interface PartitionAnswer {
  readonly index: number
  readonly errorCode: number
  readonly baseOffset: bigint
  readonly logAppendTimeMs: bigint
  readonly recordErrors?: readonly { readonly batchIndex: number }[]
  readonly errorMessage?: string | null
}

interface ProduceAnswer {
  readonly responses: readonly { readonly name: string; readonly partitionResponses: readonly PartitionAnswer[] }[]
}

/** Milliseconds before what failed is sent again. */
const pause = 100
const requestBytes = 8_000_000

/**
 * Writes records with acks=all, each once however often it is tried (an idempotent producer), in order within a partition.
 *
 * What several callers send at the same time goes in one request: one is under way to each broker, with a batch for each
 * partition. The library's own producer gives one verdict for a whole call and begins anew under another identity when any
 * partition fails; here each record has its own, and a batch of unknown fate is sent again as the same batch until it is known.
 */
export class Producer {
  readonly #brokers: Brokers
  readonly #options: ProducerOptions
  readonly #log: BridgeLog
  readonly #client: Base
  readonly #pool: ConnectionPool
  readonly #queues = new Map<string, PartitionQueue>()
  readonly #topics = new Map<string, TopicFacts>()
  readonly #asked = new Set<string>()
  readonly #busy = new Set<number>()
  readonly #timer: NodeJS.Timeout
  #identity: Promise<Identity> | undefined
  #isScheduled = false
  #pending = 0
  #idle: (() => void)[] = []

  constructor(brokers: Brokers, options: ProducerOptions, log: BridgeLog) {
    this.#brokers = brokers
    this.#options = options
    this.#log = log
    this.#client = new Base(brokers.options)
    this.#pool = new ConnectionPool(brokers.options.clientId, brokers.options)
    this.#timer = setInterval(() => this.#expire(), 100)
  }

  /**
   * Writes records.
   *
   * @param records whose topics and partitions are there
   * @returns what became of each, in their order; it takes `deliveryMs` at most
   */
  async send(records: readonly OutgoingRecord[]): Promise<Outcome[]> {
    const deadline = Date.now() + this.#options.deliveryMs
    const { promise, resolve } = Promise.withResolvers<Outcome[]>()
    const outcomes: Outcome[] = Array.from({ length: records.length })
    let left = records.length
    if (left === 0) return outcomes
    this.#pending++
    for (const [i, record] of records.entries()) {
      const settleOne = (outcome: Outcome) => {
        outcomes[i] = outcome
        if (--left === 0) resolve(outcomes)
      }
      this.#queueOf(record).push({ record, bytes: bytesOf(record), deadline, settle: settleOne })
    }
    this.#schedule()
    try {
      return await promise
    } finally {
      if (--this.#pending === 0) for (const tell of this.#idle.splice(0)) tell()
    }
  }

  /** Waits until everything that was taken has its outcome, and closes the connections. */
  async close(): Promise<void> {
    if (this.#pending > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
    clearInterval(this.#timer)
    await Promise.allSettled([this.#pool.close(), this.#client.close()])
  }

  #queueOf({ topic, partition }: OutgoingRecord): PartitionQueue {
    const key = `${topic}:${partition}`
    const queue = this.#queues.get(key) ?? new PartitionQueue(topic, partition)
    this.#queues.set(key, queue)
    return queue
  }

  /** Once per turn of the event loop: what arrives together is sent together. */
  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#drain()
    })
  }

  #drain(): void {
    const now = Date.now()
    const due = new Map<number, PartitionQueue[]>()
    for (const [key, queue] of this.#queues) {
      if (queue.isEmpty) this.#queues.delete(key)
      else if (queue.isDue(now)) {
        const leader = this.#leaderOf(queue)
        if (leader !== undefined && !this.#busy.has(leader)) due.set(leader, [...(due.get(leader) ?? []), queue])
      }
    }
    for (const [leader, queues] of due) void this.#request(leader, queues)
  }

  /** Undefined while nobody knows; then it is asked for, and sending goes on when it is there. */
  #leaderOf(queue: PartitionQueue): number | undefined {
    const { topic, partition } = queue
    const leader = this.#topics.get(topic)?.partitions[partition]?.leader
    if (leader !== undefined && leader >= 0) return leader
    if (!this.#asked.has(topic)) void this.#ask(topic)
    return undefined
  }

  async #ask(topic: string): Promise<void> {
    this.#asked.add(topic)
    try {
      const isFresh = this.#topics.has(topic)
      this.#topics.set(topic, await this.#brokers.topic(topic, isFresh))
    } catch (thrown) {
      if (thrown instanceof BridgeError && thrown.status === 404)
        for (const queue of this.#queues.values())
          if (queue.topic === topic) queue.fail((isInDoubt) => (isInDoubt ? goneInDoubt(topic) : thrown))
      await new Promise((resolve) => setTimeout(resolve, pause))
    } finally {
      this.#asked.delete(topic)
      this.#schedule()
    }
  }

  async #request(leader: number, due: readonly PartitionQueue[]): Promise<void> {
    this.#busy.add(leader)
    const sent: { queue: PartitionQueue; batch: Batch }[] = []
    try {
      const identity = await (this.#identity ??= this.#introduce())
      const api = await apiOf<Parameters<ProduceCall>, ProduceAnswer>(this.#client, 'Produce')
      const connection = await this.#pool.get(await this.#brokers.broker(leader))
      let bytes = 0
      for (const queue of due) {
        // While the leader and the connection were looked for, its records may have run out of time.
        if (!queue.isDue(Date.now()) || bytes > requestBytes) continue
        const batch = queue.next(identity)
        // One request speaks for one identity; the others come next.
        if (batch.identity !== (sent[0]?.batch.identity ?? batch.identity)) continue
        bytes += batch.entries.reduce((sum, entry) => sum + entry.bytes, 0)
        batch.inFlight = true
        batch.doubts++
        sent.push({ queue, batch })
      }
      if (sent.length === 0) return
      try {
        const answer = await this.#call(api, connection, sent)
        for (const { queue, batch } of sent) this.#judge(queue, batch, answer)
      } catch (thrown) {
        // Nobody knows what of it was read, and an answer that comes later would be taken for that of another request.
        connection.socket.destroy()
        throw thrown
      }
    } catch (thrown) {
      this.#log('warn', 'a produce request failed and is tried again', { broker: leader, reason: rootMessage(thrown) })
      for (const { queue, batch } of sent) this.#goOn(queue, batch)
      for (const queue of due) queue.notBefore = Date.now() + pause
      for (const topic of new Set(due.map((queue) => queue.topic))) if (!this.#asked.has(topic)) void this.#ask(topic)
    } finally {
      this.#busy.delete(leader)
      this.#schedule()
    }
  }

  async #call(
    api: API<Parameters<ProduceCall>, ProduceAnswer>,
    connection: Awaited<ReturnType<ConnectionPool['get']>>,
    sent: readonly { readonly queue: PartitionQueue; readonly batch: Batch }[],
  ): Promise<ProduceAnswer> {
    const sequences = new NumericMap()
    for (const { queue, batch } of sent) sequences.set(queue.key, batch.sequence)
    const { id, epoch } = sent[0]?.batch.identity ?? { id: -1n, epoch: -1 }
    const messages = sent.flatMap(({ batch }) => batch.entries.map(messageOf))
    const options = { producerId: id, producerEpoch: epoch, sequences, compression: this.#options.compression }
    try {
      return await api.async(connection, -1, this.#options.requestMs, messages, options)
    } catch (thrown) {
      const { response } = thrown as { response?: ProduceAnswer }
      if (response?.responses === undefined) throw thrown
      return response
    }
  }

  #judge(queue: PartitionQueue, batch: Batch, { responses }: ProduceAnswer): void {
    const answer = responses
      .find(({ name }) => name === queue.topic)
      ?.partitionResponses.find(({ index }) => index === queue.partition)
    if (answer === undefined) return this.#goOn(queue, batch)
    const verdict = verdictOf(answer.errorCode, queue.topic, answer.errorMessage)
    if (verdict.kind === 'doubt') return this.#goOn(queue, batch)
    // The fate of this try is known; of earlier ones it may not be.
    batch.doubts--
    batch.inFlight = false
    switch (verdict.kind) {
      case 'written':
        this.#written(queue, batch, answer)
        return
      case 'again':
        queue.notBefore = Date.now() + pause
        if (!this.#asked.has(queue.topic)) void this.#ask(queue.topic)
        if (batch.isAbandoned) this.#drop(queue)
        return
      case 'stranger':
        this.#log('warn', 'the brokers do not know the producer any more; it begins anew', { partition: queue.key })
        this.#forget(batch.identity)
        return batch.doubts > 0 || batch.isAbandoned ? this.#fail(queue, batch, lostInDoubt()) : queue.putBack()
      case 'split':
        if (batch.doubts > 0 || batch.isAbandoned || batch.entries.length === 1)
          return this.#fail(queue, batch, verdict.error)
        return queue.putBack(batch.entries.length >> 1)
      case 'failed':
        return this.#fail(queue, batch, verdict.error)
    }
  }

  #written(queue: PartitionQueue, batch: Batch, { baseOffset, logAppendTimeMs }: PartitionAnswer): void {
    const { topic, partition, key } = queue
    const next = (batch.sequence + batch.entries.length) % 2 ** 31
    batch.identity.sequences.set(key, next)
    queue.batch = undefined
    if (batch.isAbandoned) return
    const first = Number(baseOffset)
    for (const [i, { record, settle: settleOne }] of batch.entries.entries()) {
      const timestamp = logAppendTimeMs >= 0n ? Number(logAppendTimeMs) : record.timestamp
      settleOne({ topic, partition, offset: first < 0 ? first : first + i, timestamp })
    }
  }

  #fail(queue: PartitionQueue, batch: Batch, error: BridgeError): void {
    queue.batch = undefined
    if (batch.doubts > 0) this.#forget(batch.identity)
    if (!batch.isAbandoned) settle(batch.entries, error)
  }

  /** The batch is sent again as it is, unless nobody waits for it any more. */
  #goOn(queue: PartitionQueue, batch: Batch): void {
    batch.inFlight = false
    queue.notBefore = Date.now() + pause
    if (batch.isAbandoned) this.#drop(queue)
  }

  #drop(queue: PartitionQueue): void {
    if (queue.batch !== undefined) this.#forget(queue.batch.identity)
    queue.batch = undefined
  }

  /** After a batch of unknown fate its sequence number may be taken or not: only a new identity is sure. */
  #forget(identity: Identity): void {
    const current = this.#identity
    void current?.then(
      (found) => {
        if (found === identity && this.#identity === current) this.#identity = undefined
      },
      () => undefined,
    )
  }

  async #introduce(): Promise<Identity> {
    try {
      const api = await apiOf<[string | null, number, bigint, number], { producerId: bigint; producerEpoch: number }>(
        this.#client,
        'InitProducerId',
      )
      const [broker] = (await this.#brokers.admin.metadata({ topics: [] })).brokers.values()
      if (broker === undefined) throw new BridgeError(503, 'There is no broker')
      const connection = await this.#pool.get(broker)
      const { producerId, producerEpoch } = await api.async(connection, null, this.#options.requestMs, -1n, -1)
      return { id: producerId, epoch: producerEpoch, sequences: new Map() }
    } catch (thrown) {
      this.#identity = undefined
      throw thrown
    }
  }

  #expire(): void {
    const now = Date.now()
    for (const queue of this.#queues.values()) {
      const identity = queue.batch?.identity
      if (queue.expire(now) && identity !== undefined && queue.batch === undefined) this.#forget(identity)
    }
    this.#schedule()
  }
}

type ProduceCall = (
  acks: number,
  timeout: number,
  messages: readonly ReturnType<typeof messageOf>[],
  options: object,
) => void

const messageOf = ({ record }: Entry) => ({
  topic: record.topic,
  partition: record.partition,
  key: record.key,
  value: record.value,
  headers: new Map(record.headers),
  timestamp: BigInt(record.timestamp),
})

/** The overhead of a record in a batch is 20 to 30 bytes. */
const bytesOf = ({ key, value, headers }: OutgoingRecord): number =>
  headers.reduce(
    (sum, [name, text]) => sum + name.length + (text?.length ?? 0) + 10,
    40 + (key?.length ?? 0) + (value?.length ?? 0),
  )

const goneInDoubt = (topic: string) =>
  new BridgeError(504, `The topic "${topic}" is gone; the record may have been written before`, { retry: 'unknown' })

const lostInDoubt = () =>
  new BridgeError(504, 'The brokers lost track of the producer; the record may have been written or not', {
    retry: 'unknown',
  })
