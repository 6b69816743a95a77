import type { Bindings } from '../core/bindings.ts'
import type { GroupProblem, GroupRpc, TopicPosition } from '../core/topic.ts'
import { KafkaError } from './kafka-error.ts'
import type { AnswerLimits } from './message-writer.ts'
import { placesOf, type ReadPlace, type ReadPosition, readPlaces, waitForRecords } from './read.ts'
import type { TopicSet } from './topic-set.ts'

/** One call for records of a group. */
export interface ConsumeCall {
  readonly group: string
  readonly instance: string
  readonly topics: readonly string[]
  readonly limits: AnswerLimits
  /** Milliseconds that it waits for the first record. */
  readonly waitMs: number
  readonly autoCommit: boolean
  readonly commitMs: number
  readonly sessionMs: number
  /** Where a partition begins for which the group has no offset, or one beyond its end. */
  readonly reset: 'earliest' | 'latest' | 'none'
}

/** Partitions that one call reads; the next call reads the next ones. An invocation has 1,000 calls to objects. */
const mostPlaces = 120
/** A call begins anew when a record comes, or when the group is dealt anew, until it has made so many calls to objects. */
const mostCalls = 600
/** Calls of one round beside those for each partition, of which there may be two: to the group, and those that wait. */
const callsBeside = 30

const nothing = Uint8Array.from('[]', (char) => char.charCodeAt(0))

/** What a call for records is answered. */
export interface Consumed {
  /** A list of messages as JSON, in UTF-8. */
  readonly answer: Uint8Array<ArrayBuffer>
  /** There where records were handed out: must be told whether the answer went out whole. */
  readonly tell?: (isWhole: boolean) => Promise<void>
}

/** Where an instance reads on, and what of it the group must be told. */
interface Begun extends ReadPosition {
  readonly before: number | null
}

/**
 * Reads on for an instance of a group, and notes what is handed out to it.
 *
 * @returns the messages; none when the instance has called again or lost its partitions meanwhile
 * @throws {KafkaError} 400 where there is no offset to begin at and `reset` is `none`; 409 where the group is full
 */
export async function consume(call: ConsumeCall, topics: TopicSet, bindings: Bindings): Promise<Consumed> {
  const group = bindings.GROUP.getByName(call.group)
  const until = Date.now() + call.waitMs
  let calls = 0
  for (let round = 0; ; round++) {
    const leftMs = Math.max(0, until - Date.now())
    const counts: [string, number][] = []
    for (const topic of call.topics) counts.push([topic, await topics.readablePartitions(topic)])
    const given = await group.poll({ ...call, waitMs: leftMs, topics: Object.fromEntries(counts) })
    if ('problem' in given) throw problemOf(given.problem, call)
    const { lease, generation, positions } = given
    // Partitions take turns at the front: a busy one would fill every answer.
    const turn = positions.length === 0 ? 0 : (lease + round) % positions.length
    const mine = [...positions.slice(turn), ...positions.slice(0, turn)].slice(0, mostPlaces)
    const begun = await begin(mine, call.reset, topics)
    const { records, answer, next, beyond } = await readPlaces(begun, call.limits)
    const moved = begun.flatMap(({ topic, partition, offset, before }) => {
      const read = next.find((one) => one.topic === topic && one.partition === partition)
      const after = read?.offset ?? offset
      return after === before ? [] : [{ topic, partition, next: after, ...(before === null ? { began: offset } : {}) }]
    })
    calls += 2 * begun.length + callsBeside
    const lost = await restart(beyond, call.reset, topics)
    const told = [...moved.filter((one) => !isIn(lost, one)), ...lost]
    if (told.length > 0 && !(await group.advance(call.instance, lease, told, records > 0))) return { answer: nothing }
    if (records > 0) return { answer, tell: (isWhole) => group.arrived(call.instance, lease, isWhole) }
    if (calls >= mostCalls || Date.now() >= until) return { answer }
    if (lost.length === 0) await wait(begun, { group, generation, ms: until - Date.now() })
  }
}

const wait = (
  places: readonly ReadPlace[],
  { group, generation, ms }: { readonly group: GroupRpc; readonly generation: number; readonly ms: number },
): Promise<unknown> =>
  Promise.race([...(places.length === 0 ? [] : [waitForRecords(places, ms)]), group.wait(generation, ms)])

/** Finds out where reading begins. */
async function begin(
  positions: readonly TopicPosition[],
  reset: ConsumeCall['reset'],
  topics: TopicSet,
): Promise<(ReadPlace & Begun)[]> {
  const found = await Promise.all(
    positions.map(async ({ topic, partition, next }): Promise<Begun> => {
      const offset = next ?? (await endOf({ topic, partition }, reset, topics))
      return { topic, partition, before: next, offset }
    }),
  )
  const places = await placesOf(found, topics)
  return places.map((place, i) => ({ ...place, before: found[i]?.before ?? null }))
}

/** Positions behind the end of a partition, whose records were lost or which was never there, begin anew. */
async function restart(
  beyond: readonly ReadPosition[],
  reset: ConsumeCall['reset'],
  topics: TopicSet,
): Promise<(TopicPosition & { readonly began: number })[]> {
  const found: (TopicPosition & { readonly began: number })[] = []
  for (const { topic, partition } of beyond) {
    const offset = await endOf({ topic, partition }, reset, topics)
    found.push({ topic, partition, next: offset, began: offset })
  }
  return found
}

async function endOf(
  { topic, partition }: Pick<ReadPosition, 'topic' | 'partition'>,
  reset: ConsumeCall['reset'],
  topics: TopicSet,
): Promise<number> {
  if (reset === 'none')
    throw new KafkaError(
      400,
      `The group has no offset of ${topic} ${partition}, or one beyond its end: commit one, or send Kafka-Auto-Offset-Reset`,
    )
  return (await topics.readerOf(topic, partition)).offsetAt(reset === 'earliest' ? 0 : Infinity)
}

const isIn = (list: readonly TopicPosition[], { topic, partition }: TopicPosition): boolean =>
  list.some((one) => one.topic === topic && one.partition === partition)

/** Says why a group takes no call. */
export function problemOf(
  problem: GroupProblem,
  { group, instance }: { readonly group: string; readonly instance: string },
): KafkaError {
  if (problem === 'groups')
    return new KafkaError(409, 'There are 1,000 groups already: delete some with DELETE /admin/kafka/groups/:group')
  if (problem === 'instances')
    return new KafkaError(409, `The group ${group} has 1,000 instances already: let some leave with /delete-consumer`)
  return new KafkaError(
    409,
    `The instance ${instance} is not in the group ${group}, or not any more: what it was handed is handed out again`,
  )
}
