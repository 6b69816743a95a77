import * as z from 'zod/mini'
import type { AppContext } from '../core/app-context.ts'
import { SluicewayError } from '../core/errors.ts'
import { partitionsOf } from '../core/lanes.ts'
import type { ReadableLog } from '../core/stream.ts'
import type { GroupStatus, TopicPosition } from '../core/topic.ts'
import { KafkaError } from '../topics/kafka-error.ts'
import { eventsTopic, nothingKnown, TopicSet } from '../topics/topic-set.ts'
import { bodyOf, queryOf } from './body.ts'
import { assertAnswered, gather } from './gather.ts'
import { type AdminCall, adminResponse } from './responses.ts'

/** Objects that one answer asks: partitions of topics, and groups. */
const mostPartitions = 300
const mostGroups = 100

interface Place {
  readonly topic: string
  readonly partition: number
}

interface PartitionState extends Place {
  readonly first: number
  readonly head: number
  readonly bytes: number
}

const keyOf = ({ topic, partition }: Place): string => `${partition}:${topic}`
const placesOf = ([topic, partitions]: readonly [string, number]): Place[] =>
  partitionsOf(partitions).map((partition) => ({ topic, partition }))

function logOf({ resolved }: AppContext): ReadableLog {
  const { stream } = resolved
  if (stream.log !== undefined) return stream.log
  throw new SluicewayError('not_found', `The stream is ${stream.name}: it has no topics and no groups.`)
}

const topicSetOf = (app: AppContext): TopicSet =>
  new TopicSet(logOf(app), app.resolved.stream.partitions, { bindings: app.bindings, known: nothingKnown() })

const catalogOf = ({ bindings }: AppContext) => bindings.CATALOG.getByName('all')

const listQuery = z.object({ topic: z.optional(z.string()), group: z.optional(z.string()) })

/** GET /kafka?topic=&group=: topics with their partitions, and groups with their instances, offsets and lag. */
export async function listKafka(c: AdminCall): Promise<Response> {
  const app = c.env
  const { topic, group } = queryOf(c, listQuery)
  const isWhole = topic === undefined && group === undefined
  const [all, names] = await Promise.all([topicSetOf(app).all(), catalogOf(app).groups()])
  if (topic !== undefined && !all.has(topic)) throw new SluicewayError('not_found', `There is no topic "${topic}".`)
  if (group !== undefined && !names.includes(group))
    throw new SluicewayError('not_found', `There is no group "${group}".`)
  const topics = [...all].filter(([name]) => isWhole || name === topic)
  const places = topics.flatMap(placesOf).slice(0, mostPartitions)
  const asked = names.filter((name) => isWhole || name === group).slice(0, mostGroups)
  const groups = await gather(
    asked,
    async (name) => ({ name, status: await app.bindings.GROUP.getByName(name).status() }),
    (name) => `group ${name}`,
  )
  // The lag needs the ends of partitions that the answer does not list.
  const more = isWhole ? [] : groups.values.flatMap(({ status }) => status.offsets).slice(0, mostPartitions)
  const wanted = [...new Map([...places, ...more].map((place) => [keyOf(place), place])).values()]
  const states = await gather(
    wanted,
    (place) => stateOf(app, place),
    ({ topic: name, partition }) => `${name} ${partition}`,
  )
  const byPlace = new Map(states.values.map((state) => [keyOf(state), state]))
  const failures = [...groups.failures, ...states.failures]
  const shown = topics.flatMap(([name, count]) => topicOf(name, count, byPlace))
  const left = {
    topics: isWhole ? topics.map(([name]) => name).filter((name) => !shown.some((one) => one.name === name)) : [],
    groups: isWhole ? names.slice(mostGroups) : [],
  }
  assertAnswered([...shown, ...groups.values], failures)
  return adminResponse(c, {
    topics: shown,
    groups: groups.values.map(({ name, status }) => groupOf(name, status, byPlace)),
    ...(left.topics.length + left.groups.length === 0 ? {} : { left }),
    failures,
  })
}
listKafka.query = listQuery

async function stateOf(app: AppContext, { topic, partition }: Place): Promise<PartitionState> {
  const { first, head, bytes } =
    topic === eventsTopic
      ? await logOf(app).partition(app.bindings, partition).status()
      : await app.bindings.TOPIC.getByName(`${topic}:${partition}`).status()
  return { topic, partition, first, head, bytes }
}

function topicOf(name: string, count: number, states: ReadonlyMap<string, PartitionState>) {
  const partitions = placesOf([name, count]).flatMap((place) => {
    const state = states.get(keyOf(place))
    if (state === undefined) return []
    const { partition, first, head, bytes } = state
    return [{ partition, first, head, bytes }]
  })
  return partitions.length === 0 ? [] : [{ name, partitions }]
}

function groupOf(name: string, { instances, offsets }: GroupStatus, states: ReadonlyMap<string, PartitionState>) {
  return {
    name,
    instances,
    offsets: offsets.map(({ topic, partition, committed, next }) => {
      const state = states.get(keyOf({ topic, partition }))
      const at = committed ?? state?.first
      return {
        topic,
        partition,
        committed,
        next,
        // What was forgotten is not behind.
        ...(state === undefined || at === undefined ? {} : { lag: state.head - Math.max(at, state.first) }),
      }
    }),
  }
}

const whole = z.number().check(z.minimum(0, 'must be 0 or more'), z.multipleOf(1, 'must be a whole number'))
const resetBody = z.strictObject({
  topic: z.string(),
  partition: z.optional(whole),
  to: z.union([z.enum(['earliest', 'latest']), whole, z.strictObject({ offset: whole })], {
    error: 'must be earliest, latest, milliseconds since 1970, or {"offset": 42}',
  }),
})

/** POST /kafka/groups/:group/offsets: sets the committed offsets of a group in which no instance is. */
export async function resetGroup(c: AdminCall): Promise<Response> {
  const app = c.env
  const group = c.req.param('group') ?? ''
  const { topic, partition, to } = await bodyOf(c, resetBody)
  if (!/^[\w.-]{1,249}$/.test(group))
    throw new SluicewayError('bad_request', 'A group has up to 249 letters, digits, dots, underscores and dashes.')
  const topics = topicSetOf(app)
  const count = (await topics.all()).get(topic)
  if (count === undefined || (partition ?? 0) >= count)
    throw new SluicewayError('not_found', `There is no partition ${partition ?? 0} of a topic "${topic}".`)
  const places = placesOf([topic, count]).filter((place) => partition === undefined || place.partition === partition)
  const time = to === 'earliest' ? 0 : to === 'latest' ? Infinity : to
  const positions = await Promise.all(
    places.map(async (place): Promise<TopicPosition> => {
      if (typeof time === 'object') return { ...place, next: time.offset }
      return { ...place, next: await (await readerOf(topics, place)).offsetAt(time) }
    }),
  )
  if (!(await app.bindings.GROUP.getByName(group).reset(positions)))
    throw new SluicewayError(
      'conflict',
      `Instances are in the group "${group}": end them first, or wait for their session.`,
    )
  return adminResponse(c, {
    group,
    offsets: positions.map(({ next, ...place }) => ({ ...place, committed: next })),
  })
}

resetGroup.takesBody = true as const

async function readerOf(topics: TopicSet, { topic, partition }: Place) {
  try {
    return await topics.readerOf(topic, partition)
  } catch (error) {
    if (error instanceof KafkaError) throw new SluicewayError('not_found', error.message, { cause: error })
    throw error
  }
}

/** DELETE /kafka/groups/:group: forgets a group in which no instance is, and its offsets. */
export async function deleteGroup(c: AdminCall): Promise<Response> {
  const group = c.req.param('group') ?? ''
  if (!(await catalogOf(c.env).groups()).includes(group))
    throw new SluicewayError('not_found', `There is no group "${group}".`)
  if (!(await c.env.bindings.GROUP.getByName(group).clear()))
    throw new SluicewayError(
      'conflict',
      `Instances are in the group "${group}": end them first, or wait for their session.`,
    )
  return adminResponse(c, { success: true })
}

/** DELETE /kafka/topics/:topic: forgets a topic that is not in the config, with all of its records. */
export async function deleteTopic(c: AdminCall): Promise<Response> {
  const app = c.env
  const name = c.req.param('topic') ?? ''
  const log = logOf(app)
  if (name === eventsTopic || log.topics.has(name))
    throw new SluicewayError('conflict', `The topic "${name}" is in the config: take it out there first.`)
  const catalog = catalogOf(app)
  const known = (await catalog.topics()).find((one) => one.name === name)
  if (known === undefined) throw new SluicewayError('not_found', `There is no topic "${name}".`)
  const objects = placesOf([name, Math.max(known.made, known.held)])
  const { failures } = await gather(
    objects,
    ({ partition }) => app.bindings.TOPIC.getByName(`${name}:${partition}`).clear(),
    ({ partition }) => `${name} ${partition}`,
  )
  // A partition that did not answer stays listed, so that the call can be repeated.
  if (failures.length > 0) throw new SluicewayError('stream_unavailable', `Not all is deleted: ${failures.join('; ')}`)
  await catalog.releaseTopic(name, 0)
  await catalog.removeTopic(name)
  return adminResponse(c, { success: true })
}
