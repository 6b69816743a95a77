import { laneOf, type LaneStatus, type LogStatus } from '../core/bindings.ts'
import { edgeTarget } from '../core/dead-letter.ts'
import { reasonOf } from '../core/errors.ts'
import type { LaneRef } from '../core/stream.ts'
import type { World } from '../core/world.ts'

export interface Swept {
  readonly lanes: readonly LaneStatus[]
  readonly logs: readonly LogStatus[]
  /** What could not be reached, one sentence each. */
  readonly failures: readonly string[]
}

/**
 * Wakes every log partition and every lane: alarms and offers can be lost, and this makes up for it. Run each minute.
 *
 * @param world config and bindings
 * @returns how each of them is doing; one that does not answer is in `failures` and keeps no other from being woken
 */
export async function sweep(world: World): Promise<Swept> {
  const { resolved, bindings, port } = world
  const failures: string[] = []
  const attempt = async <T>(what: string, call: () => Promise<T>): Promise<T[]> => {
    try {
      return [await call()]
    } catch (error) {
      failures.push(`${what}: ${reasonOf(error)}`)
      port.log('error', 'the sweep could not reach an object', { what, reason: reasonOf(error) })
      return []
    }
  }
  const partitions = Array.from({ length: resolved.stream.partitions }, (_, i) => i)
  const refs: LaneRef[] = [
    { target: edgeTarget, partition: 0 },
    ...[...resolved.targets.keys()].flatMap((target) => partitions.map((partition) => ({ target, partition }))),
  ]
  const logs = resolved.stream.readable
    ? await Promise.all(partitions.map((n) => attempt(`log ${n}`, () => bindings.LOG.getByName(`${n}`).sweep())))
    : []
  const lanes = await Promise.all(
    refs.map((ref) => attempt(`lane ${ref.target}:${ref.partition}`, () => laneOf(bindings, ref).poke(ref))),
  )
  return { lanes: lanes.flat(), logs: logs.flat(), failures }
}
