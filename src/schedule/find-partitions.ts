import type { AppContext } from '../core/app-context.ts'
import type { LaneStatus } from '../core/bindings.ts'
import { laneOf } from '../core/lanes.ts'
import { type Layout, layoutOf } from '../core/layout.ts'
import { withTimeout } from '../core/with-timeout.ts'

/** Partitions that are asked together; where none of them ever had anything, none above is asked. */
const together = 4
/** The most partitions that a stream has. */
const most = 1_024
/** Milliseconds that an object may take. */
const askMs = 10_000

/**
 * Finds partitions above the number of the config that were used before the layout was remembered: an earlier version may have
 * left something in them. Done once in the life of a deployment.
 *
 * @param app config and bindings
 * @returns a layout that has them; rejects when an object does not answer
 */
export async function findPartitions(app: AppContext): Promise<Layout> {
  const asked = layoutOf(app.resolved)
  let count = app.resolved.stream.partitions
  for (let first = count; first < most; first += together) {
    const used = await Promise.all(Array.from({ length: together }, (_, i) => isUsed(first + i, app)))
    if (!used.includes(true)) break
    count = first + used.lastIndexOf(true) + 1
  }
  return {
    partitions: asked.partitions === 0 ? 0 : count,
    targets: asked.targets.map((target) => ({ ...target, partitions: count })),
    isSearched: true,
  }
}

async function isUsed(partition: number, { resolved, bindings }: AppContext): Promise<boolean> {
  const { log } = resolved.stream
  if (log !== undefined) {
    const { head } = await withTimeout(log.partition(bindings, partition).status(), askMs, `log ${partition}`)
    if (head > 0) return true
  }
  const lanes = await Promise.all(
    [...resolved.targets.keys()].map((target) => {
      const ref = { target, partition }
      return withTimeout(laneOf(bindings, ref).status(ref), askMs, `lane ${target}:${partition}`)
    }),
  )
  return lanes.some(hasWorked)
}

const hasWorked = ({ depth, deadLetters, counters }: LaneStatus): boolean =>
  depth + deadLetters + Object.keys(counters).length > 0
