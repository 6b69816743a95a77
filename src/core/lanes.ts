import type { AppContext } from './app-context.ts'
import type { Bindings, LaneRpc, LogRpc } from './bindings.ts'
import type { LaneRef } from './inbox.ts'
import type { Layout } from './layout.ts'

/** The target name under which dead letters of the edge (stages `ingest`, `transform`) are kept. */
export const edgeTarget = '@edge'

/** The target name of the archive. */
export const archiveTarget = '@archive'

/** The one lane of the edge: it keeps the edge's dead letters and counters, and delivers nothing. It knows the layout, too. */
export const edgeLane: LaneRef = { target: edgeTarget, partition: 0 }

/** The name of a lane's object: `<target>:<partition>`. */
export const laneName = (ref: LaneRef): string => `${ref.target}:${ref.partition}`

/** The object of a lane. */
export const laneOf = (bindings: Bindings, ref: LaneRef): LaneRpc => bindings.LANE.getByName(laneName(ref))

/** The object of a partition of the log, also where the log is not the stream any more. */
export const logOf = ({ resolved, bindings }: Pick<AppContext, 'resolved' | 'bindings'>, partition: number): LogRpc =>
  resolved.stream.log?.partition(bindings, partition) ?? bindings.LOG.getByName(`${partition}`)

/** All lanes of a layout: the edge's, then every target × partition. */
export const allLanes = (layout: Layout): LaneRef[] => [
  edgeLane,
  ...layout.targets.flatMap(({ name }) => lanesOf(name, layout)),
]

/** The lanes of one target. One that the layout does not know may have any: its letters may be there still. */
export const lanesOf = (target: string, { partitions, targets }: Layout): LaneRef[] => {
  const known = targets.find(({ name }) => name === target)?.partitions
  const most = Math.max(1, partitions, ...targets.map((one) => one.partitions))
  return partitionsOf(target === edgeTarget ? 1 : (known ?? most)).map((partition) => ({ target, partition }))
}

/** The names of all warehouses of a layout. */
export const warehousesOf = ({ targets }: Layout): string[] =>
  targets.flatMap(({ kind, name }) => (kind === 'warehouse' ? [name] : []))

/** 0, 1, … up to `count`. */
export const partitionsOf = (count: number): number[] => Array.from({ length: count }, (_, partition) => partition)
