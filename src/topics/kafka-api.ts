import { Hono } from 'hono'
import * as v from 'valibot'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { ReadableLog, TriggerContext } from '../core/stream.ts'
import { consume } from './consume.ts'
import {
  checked,
  consumerSettings,
  encodingOf,
  errorAnswer,
  jsonOf,
  type KafkaCall,
  type KafkaEnv,
  limitsOf,
  messagesAnswer,
  statusOf,
  successAnswer,
  timeOf,
} from './kafka-call.ts'
import { KafkaError } from './kafka-error.ts'
import { appendRecords, readMessages } from './produce.ts'
import { readPartitions } from './read.ts'
import { TopicSet } from './topic-set.ts'
import { assertAllowed, assertGroupAllowed, type KafkaUser, loginOf, matchesName } from './users.ts'

/** What the API serves. */
export interface KafkaApiOptions {
  readonly users: Readonly<Record<string, KafkaUser>>
  readonly log: ReadableLog
  /** Partitions of the topic `events`. */
  readonly partitions: number
}

/** Records of one answer, unless the call says otherwise. */
const usualRecords = 1_000
const mostRecords = 10_000
/** UTF-16 code units of one answer, unless the call says otherwise. */
const usualLength = 4_000_000
const mostLength = 16_000_000
/** Milliseconds that a call waits for records, unless it says otherwise. */
const usualWaitMs = 1_000

const count = (most: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(most))
const partition = v.object({ topic: v.string(), partition: count(1_000_000) })
const position = v.object({ ...partition.entries, offset: count(Number.MAX_SAFE_INTEGER) })
const readBounds = {
  timeout: v.optional(count(3_600_000), usualWaitMs),
  maxRecords: v.optional(count(mostRecords), usualRecords),
  maxBytes: v.optional(count(mostLength), usualLength),
}
const fetchBody = v.object({
  topic: v.optional(v.string()),
  partition: v.optional(count(1_000_000)),
  offset: v.optional(count(Number.MAX_SAFE_INTEGER)),
  topicPartitionOffsets: v.optional(v.array(position), []),
  ...readBounds,
})
const consumeBody = v.object({ topic: v.optional(v.string()), topics: v.optional(v.array(v.string())), ...readBounds })
const oneOrMore = <T extends v.GenericSchema>(schema: T) => v.union([v.array(schema), schema])

/**
 * Serves the log and its topics as Upstash's Kafka REST API does, so that its client works unchanged.
 *
 * https://upstash.com/docs/kafka/rest (archived; the service ended on 2025-03-11)
 *
 * @param options topics, and who may use them
 * @returns answers every request below `/kafka`
 */
export function kafkaApi(options: KafkaApiOptions): (request: Request, context: TriggerContext) => Promise<Response> {
  const { users, log, partitions } = options
  // Numbers of partitions of topics that were made by naming them: data alone, and for good.
  const made = new Map<string, number>()
  const app = new Hono<KafkaEnv>().basePath('/kafka')

  app.onError((error, c) => {
    if (error instanceof KafkaError) return errorAnswer(c, error)
    if (error instanceof SluicewayError) return errorAnswer(c, new KafkaError(statusOf(error), error.message))
    c.env.port.log('error', 'a Kafka request failed', { path: c.req.path, reason: reasonOf(error) })
    return errorAnswer(c, new KafkaError(503, 'The log did not answer; try again'))
  })
  app.notFound((c) => errorAnswer(c, new KafkaError(404, `There is nothing at ${c.req.method} ${c.req.path}`)))
  app.use(async (c, next) => {
    c.set('login', await loginOf(c.req.raw, users))
    c.set('topics', new TopicSet(log, partitions, { bindings: c.env.bindings, made }))
    c.set('encoding', encodingOf(c))
    await next()
  })

  app.get('/topics', async (c) => {
    const { user } = c.get('login')
    const all = await c.get('topics').all()
    return c.json(
      Object.fromEntries([...all].filter(([name]) => matchesName(user.read, name) || matchesName(user.write, name))),
    )
  })

  app.get('/produce/:topic/:message', async (c) => {
    const key = c.req.query('key')
    const body = { value: c.req.param('message'), ...(key === undefined ? {} : { key }) }
    return produce(c, body, { topic: c.req.param('topic'), isSingle: true })
  })
  app.post('/produce/:topic', async (c) => produce(c, await jsonOf(c), { topic: c.req.param('topic') }))
  app.post('/produce', async (c) => produce(c, await jsonOf(c), {}))

  app.post('/fetch', async (c) => {
    const body = checked(fetchBody, await jsonOf(c))
    const { topic, partition: at = 0, offset = 0 } = body
    const positions = [
      ...(topic === undefined ? [] : [{ topic, partition: at, offset }]),
      ...body.topicPartitionOffsets,
    ]
    if (positions.length === 0)
      throw new KafkaError(400, 'Name a topic, partition and offset, or topicPartitionOffsets')
    for (const one of positions) assertAllowed(c.get('login'), 'read', one.topic)
    const { messages } = await readPartitions(positions, c.get('topics'), limitsOf(c, body))
    return messagesAnswer(c, messages)
  })

  app.on(['GET', 'POST'], ['/consume/:group/:instance', '/consume/:group/:instance/:topic'], async (c) => {
    const { group, instance, topic } = c.req.param() as { group: string; instance: string; topic?: string }
    const timeout = c.req.query('timeout')
    const body = checked(consumeBody, {
      ...((await jsonOf(c, {})) as object),
      ...(timeout === undefined ? {} : { timeout: Number(timeout) }),
    })
    const named = [
      ...new Set([
        ...(topic === undefined ? [] : [topic]),
        ...(body.topic === undefined ? [] : [body.topic]),
        ...(body.topics ?? []),
      ]),
    ]
    if (named.length === 0) throw new KafkaError(400, 'Name the topics to consume')
    assertGroupAllowed(c.get('login'), group)
    for (const one of named) assertAllowed(c.get('login'), 'read', one)
    const messages = await consume(
      { group, instance, topics: named, limits: limitsOf(c, body), ...consumerSettings(c) },
      c.get('topics'),
      c.env.bindings,
    )
    return messagesAnswer(c, messages)
  })

  app.on(['GET', 'POST'], '/commit/:group/:instance', async (c) => {
    const { group, instance } = c.req.param()
    assertGroupAllowed(c.get('login'), group)
    const body = [checked(oneOrMore(position), await jsonOf(c, []))].flat()
    for (const { topic, partition: at } of body) {
      assertAllowed(c.get('login'), 'read', topic)
      await c.get('topics').readerOf(topic, at)
    }
    const positions = body.map(({ topic, partition: at, offset }) => ({ topic, partition: at, next: offset }))
    const { refused } = await c.env.bindings.GROUP.getByName(group).commit(
      instance,
      positions.length === 0 ? undefined : positions,
    )
    const [first] = refused
    if (first !== undefined)
      throw new KafkaError(
        409,
        `Another instance of the group ${group} reads ${first.topic} ${first.partition} now: nothing was committed`,
      )
    return successAnswer(c)
  })

  app.on(['GET', 'POST'], '/committed/:group/:instance', async (c) => {
    const { group } = c.req.param()
    assertGroupAllowed(c.get('login'), group)
    const body = [checked(oneOrMore(partition), await jsonOf(c, []))].flat()
    for (const { topic } of body) assertAllowed(c.get('login'), 'read', topic)
    const positions = await c.env.bindings.GROUP.getByName(group).committed(body)
    // As Kafka's client: a partition without a committed offset is left out.
    return c.json(
      positions.flatMap(({ topic, partition: at, next }) =>
        next === null ? [] : [{ topic, partition: at, offset: next }],
      ),
    )
  })

  app.on(['GET', 'POST'], '/offsets/:timestamp', async (c) => {
    const time = timeOf(c.req.param('timestamp'))
    const body = [checked(oneOrMore(partition), await jsonOf(c, []))].flat()
    for (const { topic } of body) assertAllowed(c.get('login'), 'read', topic)
    const found = await Promise.all(
      body.map(async ({ topic, partition: at }) => ({
        topic,
        partition: at,
        offset: await (await c.get('topics').readerOf(topic, at)).offsetAt(time),
      })),
    )
    return c.json(found)
  })

  app.get('/consumers', async (c) => {
    const { user } = c.get('login')
    const names = await c.env.bindings.CATALOG.getByName('all').groups()
    const groups = await Promise.all(
      names
        .filter((name) => user.groups === undefined || matchesName(user.groups, name))
        .map(async (name) => ({ name, instances: await instancesOf(c, name) })),
    )
    return c.json(groups)
  })

  app.on(['POST', 'DELETE'], '/delete-consumer/:group/:instance', async (c) => {
    const { group, instance } = c.req.param()
    assertGroupAllowed(c.get('login'), group)
    if (!(await c.env.bindings.GROUP.getByName(group).remove(instance)))
      throw new KafkaError(404, `The group ${group} has no instance ${instance}`)
    return successAnswer(c)
  })

  return async (request, { bindings, port }) => app.fetch(request, { bindings, port })
}

async function produce(
  c: KafkaCall,
  body: unknown,
  { topic, isSingle = false }: { readonly topic?: string; readonly isSingle?: boolean },
): Promise<Response> {
  const topics = c.get('topics')
  const login = c.get('login')
  const records = await readMessages(body, {
    topic,
    encoding: c.get('encoding'),
    partitions: async (name) => {
      assertAllowed(login, 'write', name)
      return topics.partitionsOf(name)
    },
  })
  const results = await appendRecords(records, c.env.bindings)
  const failed = results.find((one) => 'error' in one)
  if (failed === undefined) return c.json(isSingle ? results[0] : results)
  return c.json({ error: `Not all records were written: ${failed.error}`, status: 503, results }, 503, {
    'retry-after': '2',
  })
}

async function instancesOf(c: KafkaCall, group: string) {
  const instances = await c.env.bindings.GROUP.getByName(group).instances()
  return instances.map(({ name, assigned }) => {
    const topics = new Map<string, number[]>()
    for (const { topic, partition: at } of assigned) topics.set(topic, [...(topics.get(topic) ?? []), at])
    return { name, topics: [...topics].map(([topic, at]) => ({ topic, partitions: at.toSorted((a, b) => a - b) })) }
  })
}
