import { partitionsOf } from '../core/lanes.ts'
import { reasonOf } from '../core/errors.ts'
import type { ReadableLog, TriggerContext } from '../core/stream.ts'
import type { CatalogTopic } from '../core/topic.ts'

/** Retention forgets whole hours: once an hour is often enough for each partition. */
const turns = 60
/** Calls that the sweep of topics may make in one invocation. What is left has alarms of its own. */
const mostCalls = 200

interface TopicPartitions {
  readonly name: string
  readonly partitions: number
}

/**
 * Enforces the retention of topics, a sixtieth of them each minute: alarms can be lost, and this makes up for it. Has the catalog
 * forget partitions beyond the config that hold nothing any more.
 *
 * @param log what the config says of topics
 * @param context bindings and clock
 */
export async function sweepTopics(log: ReadableLog, { bindings, port }: TriggerContext): Promise<void> {
  const minute = Math.floor(port.now() / 60_000)
  // A deployment without topics asks once an hour whether an earlier config had any.
  if (log.topics.size === 0 && log.newTopics === undefined && minute % turns !== 0) return
  const catalog = bindings.CATALOG.getByName('all')
  let known: readonly CatalogTopic[]
  try {
    known = await catalog.topics()
  } catch (error) {
    port.log('warn', 'the sweep could not reach the catalog of topics', { reason: reasonOf(error) })
    known = []
  }
  const isDue = (place: number) => place % turns === minute % turns || log.topics.size === 0
  const due = topicsOf(log, known)
    .flatMap(({ name, partitions }) => partitionsOf(partitions).map((partition) => ({ name, partition })))
    .filter((_, place) => isDue(place))
    .slice(0, mostCalls)
  const empty: { name: string; partition: number }[] = []
  await Promise.all(
    due.map(async ({ name, partition }) => {
      try {
        const { first, head } = await bindings.TOPIC.getByName(`${name}:${partition}`).sweep()
        if (first === head) empty.push({ name, partition })
      } catch (error) {
        port.log('warn', 'the sweep could not reach a topic', {
          topic: `${name}:${partition}`,
          reason: reasonOf(error),
        })
      }
    }),
  )
  for (const { name, held } of known) {
    const kept = log.topics.get(name)?.partitions ?? 0
    // From the end: a partition stays listed as long as one above it does.
    if (held > kept && empty.some((one) => one.name === name && one.partition === held - 1))
      await release({ name, partition: held - 1 }, bindings)
  }
}

/** Topics with the partitions that may hold something. */
const topicsOf = (log: ReadableLog, known: readonly CatalogTopic[]): TopicPartitions[] => {
  const counts = new Map([...log.topics.values()].map(({ name, partitions }) => [name, partitions]))
  for (const { name, held } of known) counts.set(name, Math.max(held, counts.get(name) ?? 0))
  return [...counts].map(([name, partitions]) => ({ name, partitions }))
}

/** A record that came in between is noted again. */
async function release(
  { name, partition }: { readonly name: string; readonly partition: number },
  bindings: TriggerContext['bindings'],
): Promise<void> {
  const catalog = bindings.CATALOG.getByName('all')
  await catalog.releaseTopic(name, partition)
  const { first, head } = await bindings.TOPIC.getByName(`${name}:${partition}`).status()
  if (first !== head) await catalog.holdTopic(name, partition + 1)
}
