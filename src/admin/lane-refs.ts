import { edgeTarget } from '../core/dead-letter.ts'
import { reasonOf } from '../core/errors.ts'
import type { LaneRef } from '../core/stream.ts'
import { within } from '../core/within.ts'
import type { World } from '../core/app-context.ts'

/** All lanes that there are: the edge's, then every target × partition. */
export const allLanes = ({ resolved }: World): LaneRef[] => [
  { target: edgeTarget, partition: 0 },
  ...[...resolved.targets.keys()].flatMap((target) =>
    partitionsOf(resolved.stream.partitions).map((partition) => ({ target, partition })),
  ),
]

/** The lanes of one target. It may be gone from the config: its letters are still there. */
export const lanesOf = (target: string, { resolved }: World): LaneRef[] =>
  partitionsOf(target === edgeTarget ? 1 : resolved.stream.partitions).map((partition) => ({ target, partition }))

/** 0, 1, … up to `count`. */
export const partitionsOf = (count: number): number[] => Array.from({ length: count }, (_, partition) => partition)

/** What was asked of many objects at once. */
export interface Gathered<Value> {
  readonly values: readonly Value[]
  /** What could not be reached, one sentence each. */
  readonly failures: readonly string[]
}

/** Milliseconds that one of them may take. */
const askMs = 10_000

/** Asks many objects at once; one that does not answer takes no other along. */
export async function gather<Key, Value>(
  keys: readonly Key[],
  ask: (key: Key) => Promise<Value>,
  name: (key: Key) => string,
): Promise<Gathered<Value>> {
  const failures: string[] = []
  const answers = await Promise.all(
    keys.map(async (key) => {
      try {
        return [await within(ask(key), askMs, name(key))]
      } catch (error) {
        failures.push(`${name(key)} does not answer: ${reasonOf(error)}`)
        return []
      }
    }),
  )
  return { values: answers.flat(), failures }
}
