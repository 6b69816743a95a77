import type { AppContext } from '../core/app-context.ts'
import type { LaneStatus } from '../core/bindings.ts'
import { laneOf, logOf } from '../core/lanes.ts'
import { type Layout, layoutOf } from '../core/layout.ts'
import { withTimeout } from '../core/with-timeout.ts'

/** Partitions that are asked together; where none of them ever had anything, none above is asked. */
const together = 4
/** The most partitions that a stream has. */
const most = 1_024
/** Milliseconds that an object may take. */
const askMs = 10_000

/**
 * Finds partitions that were used before the layout was remembered, and that the config does not ask for: an earlier version may
 * have left something in them. Done once in the life of a deployment.
 *
 * @param app config and bindings
 * @returns a layout that has them; rejects when an object does not answer
 */
export async function findPartitions(app: AppContext): Promise<Layout> {
  const { targets, partitions: asked } = layoutOf(app.resolved)
  const isInLog = (partition: number) => isLogUsed(partition, app)
  const isInLane = (partition: number) => isLaneUsed(partition, app)
  const { partitions } = app.resolved.stream
  // Where the stream pushes, the log may have been the stream before, with any number of partitions.
  const logs =
    asked === 0
      ? await countUsed(0, isInLog)
      : await countUsed(asked, async (n) => (await isInLog(n)) || (await isInLane(n)))
  const lanes = asked === 0 ? Math.max(logs, await countUsed(partitions, isInLane)) : logs
  return { partitions: logs, targets: targets.map((target) => ({ ...target, partitions: lanes })), isSearched: true }
}

/** How many partitions there are, of which those below `count` need not be asked. */
async function countUsed(count: number, isUsed: (partition: number) => Promise<boolean>): Promise<number> {
  for (let first = count; first < most; first += together) {
    const used = await Promise.all(Array.from({ length: together }, (_, i) => isUsed(first + i)))
    if (!used.includes(true)) break
    count = first + used.lastIndexOf(true) + 1
  }
  return count
}

async function isLogUsed(partition: number, app: AppContext): Promise<boolean> {
  const { head } = await withTimeout(logOf(app, partition).status(), askMs, `log ${partition}`)
  return head > 0
}

async function isLaneUsed(partition: number, { resolved, bindings }: AppContext): Promise<boolean> {
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
