import type { AppContext } from './app-context.ts'
import type { Bindings, LaneRpc } from './bindings.ts'
import type { LaneRef } from './inbox.ts'

/** The target name under which dead letters of the edge (stages `ingest`, `transform`) are kept. */
export const edgeTarget = '@edge'

/** The one lane of the edge: it keeps the edge's dead letters and counters, and delivers nothing. */
export const edgeLane: LaneRef = { target: edgeTarget, partition: 0 }

/** The name of a lane's object: `<target>:<partition>`. */
export const laneName = (ref: LaneRef): string => `${ref.target}:${ref.partition}`

/** The object of a lane. */
export const laneOf = (bindings: Bindings, ref: LaneRef): LaneRpc => bindings.LANE.getByName(laneName(ref))

/** All lanes that there are: the edge's, then every target × partition. */
export const allLanes = ({ resolved }: AppContext): LaneRef[] => [
  edgeLane,
  ...[...resolved.targets.keys()].flatMap((target) =>
    partitionsOf(resolved.stream.partitions).map((partition) => ({ target, partition })),
  ),
]

/** The lanes of one target. It may be gone from the config: its letters are still there. */
export const lanesOf = (target: string, { resolved }: AppContext): LaneRef[] =>
  partitionsOf(target === edgeTarget ? 1 : resolved.stream.partitions).map((partition) => ({ target, partition }))

/** The names of all warehouses. */
export const warehousesOf = ({ resolved }: AppContext): string[] =>
  [...resolved.targets.values()].flatMap(({ kind, name }) => (kind === 'warehouse' ? [name] : []))

/** 0, 1, … up to `count`. */
export const partitionsOf = (count: number): number[] => Array.from({ length: count }, (_, partition) => partition)
