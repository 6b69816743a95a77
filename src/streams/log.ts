import type { Bindings, LogRpc } from '../core/bindings.ts'
import type { Packed } from '../core/envelope.ts'
import { isRecord } from '../core/json.ts'
import { SluicewayError } from '../core/errors.ts'
import { frame } from '../storage/frame.ts'
import { fingerprint } from '../storage/fingerprint.ts'
import { checkSettings, type Input } from '../configure/settings.ts'
import type { Appended, ReadableLog, Stream } from '../core/stream.ts'
import { sweepTopics } from '../topics/sweep-topics.ts'
import { assertWithinLimits } from './limits.ts'
import { kafkaApi } from '../topics/kafka-api.ts'
import { checkTopics, type TopicInput } from './log/topic-settings.ts'
import { layPartitions, type PartitionLayout, type RegionInput } from './log/lay-partitions.ts'
import { regionProblems } from './log/regions.ts'
import { mostPartitions, partitionsField } from './partitions.ts'

const fields = {
  partitions: partitionsField(
    'Log objects; one takes about 1,000 requests a second. Growing it moves keys between partitions.',
  ),
  retentionDays: {
    type: 'number',
    about: 'Days that events stay readable; what a lane has not delivered by then is kept in R2 for it.',
    default: 7,
    min: 0.01,
    max: 365,
  },
  retentionMegabytes: {
    type: 'number',
    about: 'Megabytes, compressed, that a partition keeps at most; whole hours are forgotten early, oldest first.',
    optional: true,
    min: 1,
    max: 8_000,
  },
  dedupMinutes: {
    type: 'number',
    about: 'Minutes for which a second event with the same source and messageId is dropped.',
    default: 10,
    min: 1,
    max: 1440,
  },
  flushMs: {
    type: 'number',
    about: 'Milliseconds between two commits under load; an idle log commits at once.',
    default: 20,
    min: 0,
    max: 1000,
  },
} as const

/** The most that one append carries: a row stays below the 2 MB limit even when nothing compresses. */
const limits = { events: 5_000, bytes: 800_000 }
/**
 * UTF-16 code units of text from which an append is compressed where it comes from, so that the object only copies it; less
 * is compressed by the object, together with what arrives beside it, which makes it smaller.
 */
const frameFrom = 8_000

/**
 * Chooses the embedded log as the stream: ordered, partitioned, replayable, in Durable Objects of this deployment.
 *
 * It can be read and written as Kafka is, over HTTP under `/kafka`: see docs/kafka-topics.md.
 *
 * @param input partitions, retention in days, dedup window in minutes, topics and who may use them; all optional
 * @returns the stream for `defineConfig`
 */
export function log(input: Input<typeof fields> & TopicInput & RegionInput = {}): Stream {
  // What is no object is for `checkSettings` to say.
  const isGiven = isRecord(input)
  const { topics, newTopics, users, regions, ...rest }: typeof input = isGiven ? input : {}
  const { settings, problems } = checkSettings(fields, (isGiven ? rest : input) as Input<typeof fields>)
  const checkedTopics = checkTopics({
    ...(topics === undefined ? {} : { topics }),
    ...(newTopics === undefined ? {} : { newTopics }),
    ...(users === undefined ? {} : { users }),
  })
  const regional = regions === undefined ? [] : regionProblems(regions)
  const { partitions, partitionOf, partition } = layPartitions(
    settings.partitions,
    regional.length === 0 ? regions : undefined,
  )
  if (partitions > mostPartitions)
    regional.push(`"partitions" times "regions" may be ${mostPartitions} at most, and is ${partitions}`)
  const isOpen = Object.keys(checkedTopics.users).length > 0
  const readable: ReadableLog = {
    flushMs: settings.flushMs,
    retentionMs: settings.retentionDays * 86_400_000,
    ...(settings.retentionMegabytes === undefined ? {} : { retentionBytes: settings.retentionMegabytes * 1_000_000 }),
    dedupMs: settings.dedupMinutes * 60_000,
    partition,
    topics: checkedTopics.topics,
    ...(checkedTopics.newTopics === undefined ? {} : { newTopics: checkedTopics.newTopics }),
    ...(isOpen ? { users: Object.keys(checkedTopics.users) } : {}),
  }
  const kafka = kafkaApi({ users: checkedTopics.users, log: readable, partitions })
  const stream: Stream = {
    name: 'log',
    partitions,
    problems: [...problems, ...regional, ...checkedTopics.problems],
    limits,
    eventBytesLimit: 524_288,
    dedupMs: settings.dedupMinutes * 60_000,
    log: readable,
    triggers: {
      ...(isOpen ? { fetch: kafkaFetch(kafka) } : {}),
      scheduled: (context) => sweepTopics(readable, context),
    },
    ...(partitions > 1 ? { partitionOf } : {}),
    append: (batch, bindings, { since } = {}) => append(batch, { partitions, partitionOf, partition, since, bindings }),
  }
  return stream
}

const kafkaFetch =
  (kafka: ReturnType<typeof kafkaApi>): NonNullable<Stream['triggers']['fetch']> =>
  async (request, context) => {
    const { pathname } = new URL(request.url)
    return pathname === '/kafka' || pathname.startsWith('/kafka/') ? kafka(request, context) : undefined
  }

interface Where extends PartitionLayout {
  readonly bindings: Bindings
  readonly since: number | undefined
}

async function append(batch: readonly Packed[], where: Where): Promise<Appended> {
  const { partitions, partition: objectOf, bindings, since } = where
  assertWithinLimits(limits, batch)
  const groups = partitions === 1 ? [batch] : byPartition(batch, where)
  try {
    const answers = await Promise.all(
      groups.map(async (group, partition) =>
        group.length === 0 ? { accepted: 0, duplicates: 0 } : appendTo(group, objectOf(bindings, partition), since),
      ),
    )
    return answers.reduce((sum, one) => ({
      accepted: sum.accepted + one.accepted,
      duplicates: sum.duplicates + one.duplicates,
    }))
  } catch (cause) {
    throw new SluicewayError('stream_unavailable', 'The log did not take the events; send them again.', { cause })
  }
}

function appendTo(group: readonly Packed[], object: LogRpc, since: number | undefined): Promise<Appended> {
  const prints = new Uint32Array(group.length * 2)
  let text = ''
  for (let i = 0; i < group.length; i++) {
    const packed = group[i] as Packed
    fingerprint(packed.source, packed.id, prints, i * 2)
    text += packed.text
  }
  const body = text.length < frameFrom ? text : frame(text)
  return since === undefined ? object.append(body, prints) : object.append(body, prints, since)
}

function byPartition(batch: readonly Packed[], { partitions, partitionOf }: PartitionLayout): Packed[][] {
  const groups: Packed[][] = Array.from({ length: partitions }, () => [])
  for (const packed of batch) groups[partitionOf(packed.key, packed.facts)]?.push(packed)
  return groups
}
