import { partitionsOf } from '../core/lanes.ts'
import { reasonOf } from '../core/errors.ts'
import type { ReadableLog, TriggerContext } from '../core/stream.ts'

/** Subrequests that the sweep of topics may make in one invocation; what is left has alarms of its own. */
const mostCalls = 200

/** Enforces the retention of topics: alarms can be lost, and this makes up for it. Run each minute. */
export async function sweepTopics(log: ReadableLog, { bindings, port }: TriggerContext): Promise<void> {
  const names = [...log.topics.values()].flatMap(({ name, partitions }) =>
    partitionsOf(partitions).map((partition) => `${name}:${partition}`),
  )
  // Each minute begins where the minute before has ended.
  const begin = names.length <= mostCalls ? 0 : (Math.floor(port.now() / 60_000) * mostCalls) % names.length
  const turn = [...names.slice(begin), ...names.slice(0, begin)].slice(0, mostCalls)
  await Promise.all(
    turn.map(async (name) => {
      try {
        await bindings.TOPIC.getByName(name).sweep()
      } catch (error) {
        port.log('warn', 'the sweep could not reach a topic', { topic: name, reason: reasonOf(error) })
      }
    }),
  )
}
