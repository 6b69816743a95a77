import { murmur2 } from '../../src/storage/murmur2.ts'
import { type Brokers, type TopicFacts, unknownTopic } from './brokers.ts'
import { type Encoding, recordOf, type RequestedRecord } from './dialect.ts'
import { BridgeError, brokerError } from './errors.ts'
import { noPartition } from './fetcher.ts'
import type { OutgoingRecord, Outcome } from './outcome.ts'
import type { Producer } from './producer.ts'
import type { Caller } from './users.ts'

interface ProduceRequest {
  /** A record or a list of records, as JSON gives them. */
  readonly body: unknown
  /** Of the path. */
  readonly topic: string | undefined
  readonly encoding: Encoding
  readonly caller: Caller
}

/** A status, and what stands in the body. */
export interface ProduceReply {
  readonly status: number
  readonly body: unknown
}

/** Puts records without a key and without a partition on one partition after the other. */
let turn = Math.floor(Math.random() * 1_000)

/**
 * Writes the records of a request.
 *
 * @param request what was sent, and by whom
 * @param brokers to know partitions
 * @param producer to write
 * @returns a list with an item for each record in their order; of a single record that failed, its error alone
 * @throws BridgeError 400 when the body is no record and no list
 */
export async function produce(request: ProduceRequest, brokers: Brokers, producer: Producer): Promise<ProduceReply> {
  const { body } = request
  const inputs: readonly unknown[] = Array.isArray(body) ? body : [body]
  if (inputs.length === 0) return { status: 200, body: [] }
  const requested = inputs.map((input) => attempt(() => checked(input, request)))
  const topics = await topicsOf(requested, brokers)
  const placed = requested.map((one) => (one instanceof BridgeError ? one : placeOf(one, topics.get(one.topic))))
  const outcomes = await producer.send(placed.filter((one): one is OutgoingRecord => !(one instanceof BridgeError)))
  let sent = 0
  const results = placed.map((one): Outcome => (one instanceof BridgeError ? one : (outcomes[sent++] as Outcome)))
  const items = results.map((result) =>
    result instanceof BridgeError ? { error: result.message, status: result.status, retry: result.retry } : result,
  )
  const failures = results.filter((result) => result instanceof BridgeError)
  // The worst that happened: 5xx, of which something may still be done, before 4xx.
  const status = failures.length === 0 ? 200 : Math.max(...failures.map((failure) => failure.status))
  return { status, body: Array.isArray(body) || failures.length === 0 ? items : items[0] }
}

function checked(input: unknown, { topic, encoding, caller }: ProduceRequest): RequestedRecord {
  const record = recordOf(input, topic, encoding)
  if (caller.mayWrite(record.topic)) return record
  throw new BridgeError(403, `${caller.name} may not write to the topic "${record.topic}"`)
}

function attempt<T>(make: () => T): T | BridgeError {
  try {
    return make()
  } catch (thrown) {
    if (thrown instanceof BridgeError) return thrown
    throw thrown
  }
}

type Topics = ReadonlyMap<string, TopicFacts | BridgeError>

async function topicsOf(records: readonly (RequestedRecord | BridgeError)[], brokers: Brokers): Promise<Topics> {
  /** The highest partition that is asked for, by topic. */
  const wanted = new Map<string, number>()
  for (const record of records)
    if (!(record instanceof BridgeError))
      wanted.set(record.topic, Math.max(wanted.get(record.topic) ?? 0, record.partition ?? 0))
  const found = await Promise.all(
    [...wanted].map(async ([name, highest]) => [name, await topicOf(name, highest, brokers)] as const),
  )
  return new Map(found)
}

async function topicOf(name: string, highest: number, brokers: Brokers): Promise<TopicFacts | BridgeError> {
  try {
    const known = await brokers.topic(name)
    // Partitions may have been added since.
    return highest < known.partitions.length ? known : await brokers.topic(name, true)
  } catch (thrown) {
    return brokerError(thrown, `looking for the topic "${name}"`)
  }
}

function placeOf(record: RequestedRecord, facts: TopicFacts | BridgeError | undefined): OutgoingRecord | BridgeError {
  if (facts === undefined) return unknownTopic(record.topic)
  if (facts instanceof BridgeError) return facts
  const { topic, key, timestamp = Date.now() } = record
  const count = facts.partitions.length
  const partition = record.partition ?? partitionOf(key, count)
  if (partition < count) return { ...record, partition, timestamp }
  return new BridgeError(400, noPartition({ topic, partition }, count).message)
}

/** As Kafka's Java client: by the key's hash, also of an empty key. */
function partitionOf(key: Buffer | null, count: number): number {
  if (key === null) return turn++ % count
  return (murmur2(key) & 0x7fffffff) % count
}
