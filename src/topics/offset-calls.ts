import * as v from 'valibot'
import { problemOf } from './consume.ts'
import {
  checked,
  jsonOf,
  type KafkaCall,
  limitsOf,
  memberOf,
  messagesAnswer,
  readBounds,
  successAnswer,
  timeOf,
} from './kafka-call.ts'
import { KafkaError } from './kafka-error.ts'
import { placesOf, readPlaces, waitForRecords } from './read.ts'
import { assertAllowed } from './users.ts'

const whole = (most: number) => {
  const text = 'must be a whole number from 0 on'
  return v.pipe(v.number(text), v.integer(text), v.minValue(0, text), v.maxValue(most, text))
}
const place = v.object(
  { topic: v.string('must be the name of a topic'), partition: whole(1_000_000) },
  'must look like {"topic":"orders","partition":0}',
)
const position = v.object(
  { ...place.entries, offset: whole(Number.MAX_SAFE_INTEGER) },
  'must look like {"topic":"orders","partition":0,"offset":42}',
)
const fetchBody = v.object({
  ...v.partial(position).entries,
  topicPartitionOffsets: v.nullish(v.array(position, 'must be a list')),
  ...readBounds,
})
/** Partitions of one call: each is a call to an object. */
const mostPlaces = 120

type Place = v.InferOutput<typeof place>

const keyOf = ({ topic, partition }: Place): string => `${partition}:${topic}`

function assertReadable(c: KafkaCall, places: readonly Place[]): void {
  if (places.length > mostPlaces) throw new KafkaError(400, `A call names at most ${mostPlaces} partitions`)
  for (const { topic } of places) assertAllowed(c.get('login'), 'read', topic)
}

/** `/fetch`: reads partitions from offsets on, without a group. */
export async function fetchCall(c: KafkaCall): Promise<Response> {
  const input = await jsonOf(c)
  const body = checked(fetchBody, input)
  const positions = [
    ...(body.topic === undefined ? [] : [checked(position, input)]),
    ...(body.topicPartitionOffsets ?? []),
  ]
  if (positions.length === 0) throw new KafkaError(400, 'Name a topic, partition and offset, or topicPartitionOffsets')
  if (new Set(positions.map(keyOf)).size < positions.length) throw new KafkaError(400, 'A partition is there twice')
  assertReadable(c, positions)
  const { waitMs, ...limits } = limitsOf(c, body)
  const places = await placesOf(positions, c.get('topics'))
  let found = await readPlaces(places, limits)
  const [beyond] = found.beyond
  if (beyond !== undefined)
    throw new KafkaError(
      416,
      `The offset ${beyond.offset} of ${beyond.topic} ${beyond.partition} is behind its end, which is ${beyond.head}`,
    )
  if (found.records === 0 && waitMs > 0) {
    await waitForRecords(places, waitMs)
    found = await readPlaces(places, limits)
  }
  return messagesAnswer(c, found.answer)
}

/** `/commit/:group/:instance`: commits offsets; with an empty body, all that the instance was handed. */
export async function commitCall(c: KafkaCall): Promise<Response> {
  const { group, instance } = memberOf(c)
  const body = listOf(position, await jsonOf(c, []))
  assertReadable(c, body)
  // What does not exist is refused.
  for (const { topic, partition } of body) await c.get('topics').readerOf(topic, partition)
  const positions = body.map(({ topic, partition, offset }) => ({ topic, partition, next: offset }))
  const answer = await c.env.bindings.GROUP.getByName(group).commit(
    instance,
    positions.length === 0 ? undefined : positions,
  )
  if ('problem' in answer) throw problemOf(answer.problem, { group, instance })
  const [refused] = answer.refused
  if (refused === undefined) return successAnswer(c)
  throw new KafkaError(
    409,
    `Another instance of the group ${group} reads ${refused.topic} ${refused.partition} now: nothing was committed`,
  )
}

/** `/committed/:group/:instance`: the committed offsets; a partition that has none is left out. */
export async function committedCall(c: KafkaCall): Promise<Response> {
  const { group } = memberOf(c)
  const body = listOf(place, await jsonOf(c))
  assertReadable(c, body)
  const positions = await c.env.bindings.GROUP.getByName(group).committed(body)
  return c.json(
    positions.flatMap(({ topic, partition, next }) => (next === null ? [] : [{ topic, partition, offset: next }])),
  )
}

/** `/offsets/:timestamp`: the first offset of a time or later, of each partition. */
export async function offsetsCall(c: KafkaCall): Promise<Response> {
  const time = timeOf(c.req.param('timestamp') ?? '')
  const body = listOf(place, await jsonOf(c))
  assertReadable(c, body)
  const found = await Promise.all(
    body.map(async ({ topic, partition }) => ({
      topic,
      partition,
      offset: await (await c.get('topics').readerOf(topic, partition)).offsetAt(time),
    })),
  )
  return c.json(found)
}

/** One or a list: an issue then names the field, not the union. */
const listOf = <T extends v.GenericSchema>(schema: T, body: unknown): v.InferOutput<T>[] =>
  checked(v.array(schema), Array.isArray(body) ? body : [body])
