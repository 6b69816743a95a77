import type { Bindings } from '../core/bindings.ts'
import type { TopicPosition } from '../core/topic.ts'
import { KafkaError } from './kafka-error.ts'
import { type ReadLimits, type ReadPosition, readPartitions } from './read.ts'
import type { TopicSet } from './topic-set.ts'

/** One call for records of a group. */
export interface ConsumeCall {
  readonly group: string
  readonly instance: string
  readonly topics: readonly string[]
  readonly limits: ReadLimits
  readonly autoCommit: boolean
  readonly commitMs: number
  readonly sessionMs: number
  /** Where a partition begins for which the group has no offset, or one beyond its end. */
  readonly reset: 'earliest' | 'latest' | 'none'
}

/**
 * Reads on for an instance of a group, and notes what is handed out to it.
 *
 * @returns JSON of each message; none when the instance has called again or lost its partitions meanwhile
 * @throws {KafkaError} 400 where there is no offset to begin at and `reset` is `none`
 */
export async function consume(call: ConsumeCall, topics: TopicSet, bindings: Bindings): Promise<readonly string[]> {
  const group = bindings.GROUP.getByName(call.group)
  const counts: Record<string, number> = {}
  for (const topic of call.topics) counts[topic] = await topics.partitionsOf(topic)
  const { lease, positions } = await group.poll({ ...call, topics: counts })
  const begin = await Promise.all(positions.map((position) => beginOf(position, call.reset, topics)))
  // Partitions take turns at the front: a busy one would fill every answer.
  const turn = positions.length === 0 ? 0 : lease % positions.length
  const { messages, next } = await readPartitions([...begin.slice(turn), ...begin.slice(0, turn)], topics, call.limits)
  const moved = begin.flatMap(({ topic, partition, offset }, i): TopicPosition[] => {
    const read = next.find((one) => one.topic === topic && one.partition === partition)
    const after = read?.offset ?? offset
    return after === positions[i]?.next ? [] : [{ topic, partition, next: after }]
  })
  if (moved.length > 0 && !(await group.advance(call.instance, lease, moved))) return []
  return messages
}

async function beginOf(
  { topic, partition, next }: TopicPosition,
  reset: ConsumeCall['reset'],
  topics: TopicSet,
): Promise<ReadPosition> {
  const reader = await topics.readerOf(topic, partition)
  if (next !== null && next <= (await reader.wait(next, 0))) return { topic, partition, offset: next }
  if (reset === 'none')
    throw new KafkaError(
      400,
      `The group has no offset of ${topic} ${partition}, or one beyond its end: commit one, or send Kafka-Auto-Offset-Reset`,
    )
  return { topic, partition, offset: await reader.offsetAt(reset === 'earliest' ? 0 : Infinity) }
}
