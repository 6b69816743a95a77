import type { Bindings } from '../core/bindings.ts'
import type { LaneRef } from '../core/inbox.ts'
import { edgeLane, laneOf } from '../core/lanes.ts'
import type { TargetLanes } from '../core/layout.ts'
import type { LaneStore } from './lane-store.ts'

type TargetKind = TargetLanes['kind']

/**
 * Says what the target of a lane is, or was when it was last in the config.
 *
 * @param store of the lane; it gets a row where the target is no destination: a lane without one is a destination's
 * @param kind of the target; undefined while it is gone
 */
export function rememberKind(store: LaneStore, kind: TargetKind | undefined): TargetKind {
  const row = store.get('kind')
  const stored = row === 'warehouse' || row === 'archive' ? row : 'destination'
  if (kind !== undefined && kind !== stored) store.set('kind', kind)
  return kind ?? stored
}

/**
 * Has the lane of the edge know of a lane that the config does not ask for.
 *
 * @param bindings where the lane of the edge is
 * @param ref the lane
 * @param kind of its target
 */
export async function enlistLane(bindings: Bindings, ref: LaneRef, kind: TargetKind): Promise<void> {
  const lanes = { name: ref.target, kind, partitions: ref.partition + 1 }
  await laneOf(bindings, edgeLane).layout(edgeLane, { seen: { partitions: 0, targets: [lanes] } })
}

/** Files in R2 that wait for a warehouse, those for one of its tables included; 0 while its loader does not answer. */
export async function stagedFilesOf(bindings: Bindings, warehouse: string): Promise<number> {
  try {
    const { stagedFiles, waitingTables } = await bindings.LOADER.getByName(warehouse).status(warehouse)
    return waitingTables.reduce((sum, { files }) => sum + files, stagedFiles)
  } catch {
    return 0
  }
}
