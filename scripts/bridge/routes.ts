import type { IncomingHttpHeaders } from 'node:http'
import type { Brokers } from './brokers.ts'
import type { BridgeConfig } from './config.ts'
import { encodeRecord, encodingOf, isObject, isWhole, offsetsOf, partitionsOf, type TopicPartition } from './dialect.ts'
import { BridgeError, brokerError, rootMessage } from './errors.ts'
import { type Fetcher, keyOf } from './fetcher.ts'
import type { Groups } from './groups.ts'
import { checkPartitions, offsetsAt, timestampOf } from './offsets.ts'
import { produce } from './produce.ts'
import type { Producer } from './producer.ts'
import type { Caller } from './users.ts'

/** What the routes work with. */
export interface RouteContext {
  readonly config: BridgeConfig
  readonly brokers: Brokers
  readonly producer: Producer
  readonly fetcher: Fetcher
  readonly groups: Groups
}

/** A call that was let in. */
export interface RouteCall {
  readonly method: string
  /** Parts of the path behind the name of the route, decoded. */
  readonly path: readonly string[]
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
  readonly caller: Caller
  /** True once the caller is gone or the bridge stops: nothing is waited for any more. */
  readonly isOver: () => boolean
}

/** An answer; `settle` is told whether all of it was sent. */
export interface RouteReply {
  readonly status: number
  readonly body: unknown
  readonly settle?: (isSent: boolean) => void
}

type Route = (call: RouteCall, context: RouteContext) => Promise<RouteReply>

const ok = (body: unknown): RouteReply => ({ status: 200, body })
const success = ok({ result: 'Success', status: 200 })
const bad = (message: string) => new BridgeError(400, message)

/** The routes by their name and their verbs; those of Upstash take bodies with GET as well. */
const routes: Readonly<Record<string, readonly [verbs: string, route: Route]>> = {
  produce: ['GET POST', produceRecords],
  fetch: ['GET POST', fetchRecords],
  consume: ['GET POST', consumeRecords],
  commit: ['GET POST', commitOffsets],
  committed: ['GET POST', listCommitted],
  offsets: ['GET POST', listOffsets],
  topics: ['GET POST', topics],
  consumers: ['GET', listConsumers],
  'delete-consumer': ['POST DELETE', deleteConsumer],
}

/**
 * Finds and runs the route of a call.
 *
 * @param name the first part of the path
 * @param call the rest of it
 * @param context what the routes work with
 * @returns the answer
 * @throws BridgeError with the status to answer
 */
export async function route(name: string, call: RouteCall, context: RouteContext): Promise<RouteReply> {
  const [verbs, run] = Object.hasOwn(routes, name) ? (routes[name] ?? []) : []
  if (verbs === undefined || run === undefined)
    throw new BridgeError(
      404,
      `There is no /${name}; there are ${Object.keys(routes)
        .map((one) => `/${one}`)
        .join(', ')} and /health`,
    )
  if (!verbs.split(' ').includes(call.method))
    throw new BridgeError(405, `/${name} takes ${verbs.replace(' ', ' and ')}`)
  return run(call, context)
}

async function produceRecords(call: RouteCall, { brokers, producer }: RouteContext): Promise<RouteReply> {
  const [topic, message] = call.path
  const encoding = encodingOf(call.headers['kafka-encoding'])
  // The short form answers with an object, as it sends one record.
  const short = message === undefined ? undefined : { value: message, key: call.query.get('key') }
  if (short === undefined && call.body === undefined)
    throw bad('The body is empty; send a record or a list of records as JSON')
  const reply = await produce({ body: short ?? call.body, topic, encoding, caller: call.caller }, brokers, producer)
  return short !== undefined && Array.isArray(reply.body) ? { ...reply, body: reply.body[0] as unknown } : reply
}

async function fetchRecords(call: RouteCall, { config, fetcher, brokers }: RouteContext): Promise<RouteReply> {
  const encoding = encodingOf(call.headers['kafka-encoding'])
  const { body, caller, isOver } = call
  if (!isObject(body)) throw bad('The body must look like {"topic": "orders", "partition": 0, "offset": 0}')
  const listed = body['topicPartitionOffsets'] ?? []
  if (!Array.isArray(listed)) throw bad('topicPartitionOffsets must be a list')
  const wanted = [...offsetsOf(listed), ...(body['topic'] === undefined ? [] : offsetsOf(body))]
  if (wanted.length === 0) throw bad('Name a topic, partition and offset, or topicPartitionOffsets')
  mayRead(caller, wanted)
  const twice = new Set(wanted.map(keyOf)).size < wanted.length
  if (twice) throw bad('A partition is there twice')
  await checkPartitions(brokers, wanted)
  const positions = wanted.map((one) => ({ ...one, offset: BigInt(one.offset) }))
  const { records } = await fetcher.fetch(positions, {
    maxBytes: maxBytesOf(body['maxBytes'], config),
    until: Date.now() + timeoutOf(body['timeout'], config),
    isOver,
  })
  return ok(records.map((record) => encodeRecord(record, encoding)))
}

async function consumeRecords(call: RouteCall, { config, groups }: RouteContext): Promise<RouteReply> {
  const encoding = encodingOf(call.headers['kafka-encoding'])
  const { headers, caller, isOver, query } = call
  const of = memberOf(call)
  const body = isObject(call.body) ? call.body : {}
  const listed: unknown = call.path[2] ?? body['topics'] ?? body['topic']
  const all: unknown[] = Array.isArray(listed) ? listed : [listed]
  const names = all.filter((name) => typeof name === 'string' && name !== '') as string[]
  if (names.length === 0 || names.length < all.length) throw bad('Name the topic or the topics to consume')
  mayRead(
    caller,
    names.map((topic) => ({ topic })),
  )
  const reset = headers['kafka-auto-offset-reset'] ?? 'latest'
  if (reset !== 'latest' && reset !== 'earliest' && reset !== 'none')
    throw bad('Kafka-Auto-Offset-Reset must be earliest, latest or none')
  const commits = headers['kafka-enable-auto-commit'] ?? 'true'
  if (commits !== 'true' && commits !== 'false') throw bad('Kafka-Enable-Auto-Commit must be true or false')
  const timeout = query.get('timeout')
  const limits = {
    maxBytes: maxBytesOf(body['maxBytes'], config),
    until: Date.now() + timeoutOf(timeout === null ? body['timeout'] : Number(timeout), config),
    isOver,
  }
  const member = groups.member({
    ...of,
    autoCommit: commits === 'true',
    autoCommitInterval: millisecondsOf(headers['kafka-auto-commit-interval'], 5_000, 'Kafka-Auto-Commit-Interval'),
    autoOffsetReset: reset,
    idleMs: millisecondsOf(headers['kafka-session-timeout-ms'], 120_000, 'Kafka-Session-Timeout-Ms'),
  })
  const { records, settle } = await member.consume(names, limits)
  return { status: 200, body: records.map((record) => encodeRecord(record, encoding)), settle }
}

async function commitOffsets(call: RouteCall, { groups, brokers }: RouteContext): Promise<RouteReply> {
  const of = memberOf(call)
  const { body } = call
  const all =
    body === undefined || body === null || (Array.isArray(body) && body.length === 0) ? undefined : offsetsOf(body)
  if (all !== undefined) {
    mayRead(call.caller, all)
    await checkPartitions(brokers, all)
  }
  await groups.commit(of, all)
  return success
}

async function listCommitted(call: RouteCall, { groups }: RouteContext): Promise<RouteReply> {
  const { group } = memberOf(call)
  const wanted = partitionsOf(call.body)
  mayRead(call.caller, wanted)
  return ok(await groups.committed(group, wanted))
}

async function listOffsets(call: RouteCall, { brokers }: RouteContext): Promise<RouteReply> {
  const timestamp = timestampOf(call.path[0] ?? '')
  const wanted = partitionsOf(call.body)
  mayRead(call.caller, wanted)
  return ok(await offsetsAt(brokers, wanted, timestamp))
}

async function topics(call: RouteCall, context: RouteContext): Promise<RouteReply> {
  return call.method === 'GET' ? listTopics(call, context) : createTopic(call, context)
}

/** Those that the caller may read or write; Kafka's own are nobody's. */
async function listTopics({ caller }: RouteCall, { brokers }: RouteContext): Promise<RouteReply> {
  try {
    const names = (await brokers.admin.listTopics({ includeInternals: false })).filter(
      (name) => !name.startsWith('__') && (caller.mayRead(name) || caller.mayWrite(name)),
    )
    const counts = await Promise.all(
      names.toSorted().map(async (name) => [name, await countOf(name, brokers)] as const),
    )
    return ok(Object.fromEntries(counts.filter(([, count]) => count !== undefined)))
  } catch (thrown) {
    throw brokerError(thrown, 'listing topics')
  }
}

async function countOf(topic: string, brokers: Brokers): Promise<number | undefined> {
  try {
    return (await brokers.topic(topic, true)).partitions.length
  } catch (thrown) {
    // Deleted since the list was made.
    if (thrown instanceof BridgeError && thrown.status === 404) return undefined
    throw thrown
  }
}

async function createTopic({ caller, body }: RouteCall, { brokers }: RouteContext): Promise<RouteReply> {
  if (!caller.isAdmin)
    throw new BridgeError(403, `${caller.name} may not make topics; set "admin" in the bridge's config`)
  if (!isObject(body) || typeof body['topic'] !== 'string' || !/^[\w.-]{1,249}$/.test(body['topic']))
    throw bad('topic must be a name of letters, digits, . _ and -')
  const { topic, partitions = 1, replicationFactor, configs = {} } = body
  if (!isWhole(partitions) || partitions === 0) throw bad('partitions must be a whole number from 1 on')
  if (replicationFactor !== undefined && (!isWhole(replicationFactor) || replicationFactor === 0))
    throw bad('replicationFactor must be a whole number from 1 on')
  if (!isObject(configs)) throw bad('configs must be an object of settings by name')
  try {
    await brokers.admin.createTopics({
      topics: [topic],
      partitions,
      // The brokers' own default.
      replicas: isWhole(replicationFactor) ? replicationFactor : -1,
      configs: Object.entries(configs).map(([name, value]) => ({ name, value: String(value) })),
    })
  } catch (thrown) {
    const reason = rootMessage(thrown)
    if (/already exists/i.test(reason)) throw new BridgeError(409, `The topic "${topic}" is there already`)
    if (/timed out|connect|closed/i.test(reason)) throw brokerError(thrown, `making the topic "${topic}"`)
    throw bad(`The brokers do not make the topic "${topic}": ${reason}`)
  }
  return { status: 201, body: { topic, partitions } }
}

async function listConsumers({ caller }: RouteCall, { groups }: RouteContext): Promise<RouteReply> {
  return ok(groups.list().filter(({ name }) => caller.mayJoin(name)))
}

async function deleteConsumer(call: RouteCall, { groups }: RouteContext): Promise<RouteReply> {
  await groups.delete(memberOf(call))
  return success
}

function memberOf({ path: [group = '', instance = ''], caller }: RouteCall): { group: string; instance: string } {
  for (const name of [group, instance])
    if (!/^[\w.-]{1,249}$/.test(name))
      throw bad('The path must name a group and an instance, of letters, digits, . _ and -')
  if (!caller.mayJoin(group)) throw new BridgeError(403, `${caller.name} may not use the group "${group}"`)
  return { group, instance }
}

function mayRead(caller: Caller, wanted: readonly Pick<TopicPartition, 'topic'>[]): void {
  const refused = wanted.find(({ topic }) => !caller.mayRead(topic))
  if (refused !== undefined) throw new BridgeError(403, `${caller.name} may not read the topic "${refused.topic}"`)
}

function timeoutOf(value: unknown, { limits }: BridgeConfig): number {
  if (value === undefined || value === null) return Math.min(1_000, limits.pollMs)
  if (!isWhole(value)) throw bad('timeout must be milliseconds, a whole number from 0 on')
  return Math.min(value, limits.pollMs)
}

function maxBytesOf(value: unknown, { limits }: BridgeConfig): number {
  if (value === undefined || value === null) return limits.fetchBytes
  if (!isWhole(value) || value === 0) throw bad('maxBytes must be a whole number from 1 on')
  return Math.min(value, limits.fetchBytes)
}

function millisecondsOf(header: string | string[] | undefined, fallback: number, name: string): number {
  if (header === undefined) return fallback
  const value = Number(header)
  if (!isWhole(value) || value < 1 || value > 86_400_000) throw bad(`${name} must be milliseconds from 1 to 86400000`)
  return value
}
