import type { ListedOffsetsTopic } from '@platformatic/kafka'
import type { Brokers } from './brokers.ts'
import type { TopicPartition, TopicPartitionOffset } from './dialect.ts'
import { BridgeError, brokerError } from './errors.ts'
import { keyOf, noPartition } from './fetcher.ts'

/** What the protocol takes in place of a timestamp. */
const latest = -1n
const earliest = -2n

/**
 * Reads the time of a call for offsets.
 *
 * @param text `earliest`, `latest` or milliseconds since 1970
 * @returns as the protocol takes it
 * @throws BridgeError 400 for anything else
 */
export function timestampOf(text: string): bigint {
  if (text === 'earliest') return earliest
  if (text === 'latest') return latest
  if (/^\d{1,16}$/.test(text)) return BigInt(text)
  throw new BridgeError(400, 'The time must be earliest, latest or milliseconds since 1970')
}

/**
 * Finds the first offset of each partition whose record is as young as a time, or the end where none is.
 *
 * @param brokers to ask
 * @param partitions of which topics
 * @param timestamp as `timestampOf` gives it
 * @returns an offset for each, in their order
 * @throws BridgeError 404, 503
 */
export async function offsetsAt(
  brokers: Brokers,
  partitions: readonly TopicPartition[],
  timestamp: bigint,
): Promise<TopicPartitionOffset[]> {
  await checkPartitions(brokers, partitions)
  const found = await listed(brokers, partitions, timestamp)
  const missing = partitions.filter((one) => (found.get(keyOf(one)) ?? -1n) < 0n)
  const ends = missing.length === 0 ? found : await listed(brokers, missing, latest)
  return partitions.map(({ topic, partition }) => {
    const key = keyOf({ topic, partition })
    const offset = found.get(key) ?? -1n
    return { topic, partition, offset: Number(offset < 0n ? (ends.get(key) ?? 0n) : offset) }
  })
}

async function listed(
  brokers: Brokers,
  partitions: readonly TopicPartition[],
  timestamp: bigint,
): Promise<Map<string, bigint>> {
  const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, all]) => ({
    name,
    partitions: [...new Set(all.map(({ partition }) => partition))].map((partitionIndex) => ({
      partitionIndex,
      timestamp,
    })),
  }))
  try {
    return byPartition(await brokers.admin.listOffsets({ topics }))
  } catch (thrown) {
    throw brokerError(thrown, 'looking for offsets')
  }
}

const byPartition = (topics: readonly ListedOffsetsTopic[]) =>
  new Map(
    topics.flatMap(({ name, partitions }) =>
      partitions.map(
        ({ partitionIndex, offset }) => [keyOf({ topic: name, partition: partitionIndex }), offset] as const,
      ),
    ),
  )

/**
 * Finds what a group has committed.
 *
 * @param brokers to ask
 * @param group its name
 * @param partitions of which topics
 * @returns the next offset of each partition that has one, in their order
 * @throws BridgeError 404, 503
 */
export async function committedOffsets(
  brokers: Brokers,
  group: string,
  partitions: readonly TopicPartition[],
): Promise<TopicPartitionOffset[]> {
  await checkPartitions(brokers, partitions)
  const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, all]) => ({
    name,
    partitionIndexes: [...new Set(all.map(({ partition }) => partition))],
  }))
  try {
    const [found] = await brokers.admin.listConsumerGroupOffsets({ groups: [{ groupId: group, topics }] })
    const offsets = new Map(
      found?.topics.flatMap(({ name, partitions: all }) =>
        all.map(
          ({ partitionIndex, committedOffset }) =>
            [keyOf({ topic: name, partition: partitionIndex }), Number(committedOffset)] as const,
        ),
      ),
    )
    return partitions.flatMap(({ topic, partition }) => {
      const offset = offsets.get(keyOf({ topic, partition })) ?? -1
      return offset < 0 ? [] : [{ topic, partition, offset }]
    })
  } catch (thrown) {
    throw brokerError(thrown, `looking for what the group "${group}" committed`)
  }
}

/** Fails with 404 where a topic or a partition is not there. */
export async function checkPartitions(brokers: Brokers, partitions: readonly TopicPartition[]): Promise<void> {
  for (const one of partitions) {
    const { partitions: known } = await brokers.topic(one.topic)
    if (one.partition < known.length) continue
    const { partitions: fresh } = await brokers.topic(one.topic, true)
    if (one.partition >= fresh.length) throw noPartition(one, fresh.length)
  }
}
