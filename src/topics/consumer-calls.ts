import * as v from 'valibot'
import { consume, problemOf } from './consume.ts'
import {
  checked,
  consumerSettings,
  jsonOf,
  type KafkaCall,
  limitsOf,
  memberOf,
  messagesAnswer,
  readBounds,
  successAnswer,
} from './kafka-call.ts'
import { KafkaError } from './kafka-error.ts'
import { assertAllowed, matchesName } from './users.ts'

const consumeBody = v.object({
  topic: v.nullish(v.string('must be the name of a topic')),
  topics: v.nullish(v.array(v.string('must be the name of a topic'), 'must be a list of names')),
  ...readBounds,
})
/** Topics of one consumer. */
const mostTopics = 100
/** Groups that are asked at once. */
const together = 20

/** `/consume/:group/:instance` and `/consume/:group/:instance/:topic`: reads what comes next for the group. */
export async function consumeCall(c: KafkaCall): Promise<Response> {
  const member = memberOf(c)
  const timeout = c.req.query('timeout')
  const body = checked(consumeBody, {
    ...((await jsonOf(c, {})) as object),
    ...(timeout === undefined ? {} : { timeout: Number(timeout) }),
  })
  const named = [c.req.param('topic'), body.topic, ...(body.topics ?? [])].filter((one) => typeof one === 'string')
  const topics = [...new Set(named)]
  if (topics.length === 0) throw new KafkaError(400, 'Name the topic or the topics to consume')
  if (topics.length > mostTopics) throw new KafkaError(400, `A consumer reads at most ${mostTopics} topics`)
  for (const topic of topics) assertAllowed(c.get('login'), 'read', topic)
  const { waitMs, ...limits } = limitsOf(c, body)
  const call = { ...member, topics, limits, waitMs, ...consumerSettings(c) }
  const { answer, tell } = await consume(call, c.get('topics'), c.env.bindings)
  return messagesAnswer(c, tell === undefined ? answer : told(answer, tell))
}

/**
 * A body that tells whether it went out whole. It ends after that is known: a caller's next call on the same connection comes
 * behind it.
 */
function told(bytes: Uint8Array, tell: (isWhole: boolean) => Promise<void>): ReadableStream {
  const { readable, writable } = new FixedLengthStream(bytes.byteLength)
  const writer = writable.getWriter()
  const send = async () => {
    const isWhole = await writer.write(bytes).then(
      () => true,
      () => false,
    )
    // What cannot be told counts as not gone out.
    await tell(isWhole).catch(() => {})
    await writer.close().catch(() => {})
  }
  void send()
  return readable
}

/** `/consumers`: the instances of groups, and what each of them reads. */
export async function listConsumers(c: KafkaCall): Promise<Response> {
  const { user } = c.get('login')
  const names = await c.env.bindings.CATALOG.getByName('all').groups()
  const wanted = names.filter((name) => user.groups === undefined || matchesName(user.groups, name))
  const groups: object[] = []
  for (let i = 0; i < wanted.length; i += together)
    groups.push(
      ...(await Promise.all(
        wanted.slice(i, i + together).map(async (name) => ({ name, instances: await instancesOf(c, name) })),
      )),
    )
  return c.json(groups)
}

async function instancesOf(c: KafkaCall, group: string) {
  const { instances } = await c.env.bindings.GROUP.getByName(group).status()
  return instances.map(({ name, assigned }) => {
    const topics = new Map<string, number[]>()
    for (const { topic, partition } of assigned) topics.set(topic, [...(topics.get(topic) ?? []), partition])
    return { name, topics: [...topics].map(([topic, at]) => ({ topic, partitions: at.toSorted((a, b) => a - b) })) }
  })
}

/** `/delete-consumer/:group/:instance`: takes an instance out of its group. */
export async function deleteConsumerCall(c: KafkaCall): Promise<Response> {
  const { group, instance } = memberOf(c)
  if (await c.env.bindings.GROUP.getByName(group).remove(instance)) return successAnswer(c)
  throw new KafkaError(404, problemOf('no-instance', { group, instance }).message)
}
