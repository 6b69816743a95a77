import { checkSettings, type Input } from '../configure/settings.ts'
import type { Bindings } from '../core/bindings.ts'
import type { Packed } from '../core/envelope.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import { isRecord } from '../core/json.ts'
import type { KafkaFront } from '../core/kafka.ts'
import { partitionsOf } from '../core/lanes.ts'
import type { Appended, KafkaStream, Stream } from '../core/stream.ts'
import { partitionOf } from '../storage/murmur2.ts'
import { assertWithinLimits } from './limits.ts'
import { partitionsField } from './partitions.ts'

const fields = {
  topic: { type: 'string', about: 'The topic that is the stream. It is for Sluiceway alone to write to.' },
  partitions: partitionsField(
    'Partitions of the topic that are used, from 0 on. Growing the number moves keys between partitions.',
  ),
  group: {
    type: 'string',
    about:
      'Name of the consumer group that Kafka is told about; another deployment on the same topic needs another one.',
    default: 'sluiceway',
  },
} as const

/** One append. A record of a broker has 1 MB at most unless it is told otherwise. */
const limits = { events: 5_000, bytes: 800_000 }
/** The inboxes of the lanes recognize duplicates for ten minutes. */
const dedupMs = 600_000

/**
 * Chooses a Kafka of your own as the stream: ordered by key within a partition, kept as long as the topic keeps it, readable by
 * every other consumer. Delivery to the lanes is at-least-once.
 *
 * @param input `front` (one that can consume), `topic`; optionally `partitions`, `group`
 * @returns the stream for `defineConfig`
 * @example kafka({ front: strimzi({ url: 'https://bridge.example.com' }), topic: 'events', partitions: 6 })
 */
export function kafka({ front, ...input }: Input<typeof fields> & { readonly front: KafkaFront }): Stream {
  const { settings, problems } = checkSettings(fields, input as Input<typeof fields>)
  const { partitions, topic, group } = settings
  const stream: KafkaStream = { front, topic, partitions, group }
  return {
    name: 'kafka',
    partitions,
    problems: [...problems, ...frontProblems(front)],
    limits,
    eventBytesLimit: 524_288,
    dedupMs,
    kafka: stream,
    triggers: {
      scheduled: async ({ bindings, port }) => {
        await Promise.all(
          partitionsOf(partitions).map(async (partition) => {
            try {
              await bindings.KAFKA.getByName(`${partition}`).poke()
            } catch (error) {
              port.log('error', 'a partition of Kafka could not be reached', { partition, reason: reasonOf(error) })
            }
          }),
        )
      },
    },
    ...(partitions > 1 ? { partitionOf: (key: string) => partitionOf(key, partitions) } : {}),
    append: (batch, bindings) => append(batch, partitions, bindings),
  }
}

function frontProblems(front: unknown): readonly string[] {
  if (!isRecord(front) || front['kind'] !== 'kafka-front')
    return ['"front" is missing: say how Kafka is reached, e.g. strimzi({ url: … }) from sluiceway/fronts/strimzi']
  const { name, problems, capabilities } = front as unknown as KafkaFront
  return [
    ...problems.map((problem) => `front ${name}: ${problem}`),
    ...(capabilities.consume
      ? []
      : [`front ${name} cannot consume: a stream must be read; use it for a destination, or another front`]),
  ]
}

async function append(batch: readonly Packed[], partitions: number, bindings: Bindings): Promise<Appended> {
  assertWithinLimits(limits, batch)
  const groups = Map.groupBy(batch, ({ key }) => partitionOf(key, partitions))
  try {
    await Promise.all(
      Array.from(groups, ([partition, group]) =>
        bindings.KAFKA.getByName(`${partition}`).append(group.map(({ text }) => text).join('')),
      ),
    )
  } catch (cause) {
    const reason = reasonOf(cause)
    // The code of an error does not cross the call.
    if (reason.startsWith('Kafka will never take')) throw new SluicewayError('stream_limit', reason, { cause })
    throw new SluicewayError('stream_unavailable', `Kafka did not take the events; send them again: ${reason}`, {
      cause,
    })
  }
  return { accepted: batch.length, duplicates: 0 }
}
