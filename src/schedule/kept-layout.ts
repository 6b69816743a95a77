import type { LaneStatus, LogStatus } from '../core/bindings.ts'
import { laneName } from '../core/lanes.ts'
import type { Layout } from '../core/layout.ts'

/** Milliseconds for which a lane that holds nothing is still looked after: its attempts are traced for eight days. */
const quietMs = 14 * 86_400_000

/** How everything is doing, as far as it has answered. */
interface Answers {
  readonly logs: readonly LogStatus[]
  readonly lanes: readonly LaneStatus[]
  /** Milliseconds since the epoch. */
  readonly now: number
}

/**
 * Says which part of a layout must be kept: all that the config asks for, and what is beyond it and may hold something. Of the
 * partitions beyond it, the highest ones go first.
 *
 * @param layout all that is known
 * @param asked what the config asks for
 * @param answers what the objects said; one that said nothing is kept
 * @returns the layout without partitions of the log that are empty, and without lanes that have had nothing for 14 days
 */
export function keptLayout(layout: Layout, asked: Layout, { logs, lanes, now }: Answers): Layout {
  const emptyLogs = new Set(
    logs.flatMap(({ partition, first, head, overdue }) => (first === head && overdue !== true ? [partition] : [])),
  )
  const quietLanes = new Set(lanes.filter((lane) => isQuiet(lane, now)).map(laneName))
  const floors = new Map(asked.targets.map(({ name, partitions }) => [name, partitions]))
  return {
    ...layout,
    partitions: lower(layout.partitions, asked.partitions, (partition) => emptyLogs.has(partition)),
    targets: layout.targets
      .map((target) => ({
        ...target,
        partitions: lower(target.partitions, floors.get(target.name) ?? 0, (partition) =>
          quietLanes.has(laneName({ target: target.name, partition })),
        ),
      }))
      .filter(({ partitions }) => partitions > 0),
  }
}

/** Lowers a number of partitions, down to `floor`, as long as the highest of them may go. */
function lower(count: number, floor: number, mayGo: (partition: number) => boolean): number {
  while (count > floor && mayGo(count - 1)) count--
  return count
}

const isQuiet = ({ depth, waiting, deadLetters, changedAt = 0, orphanedAt }: LaneStatus, now: number): boolean =>
  depth === 0 && waiting === 0 && deadLetters === 0 && (orphanedAt ?? changedAt) + quietMs <= now
