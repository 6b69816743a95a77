import { allLanes, laneName, laneOf, partitionsOf } from '../core/lanes.ts'
import { type LaneStatus, type LogStatus } from '../core/bindings.ts'
import { reasonOf } from '../core/errors.ts'
import { withTimeout } from '../core/with-timeout.ts'
import type { AppContext } from '../core/app-context.ts'
import { drainSpill, type DrainReport, usualLimits } from '../spill/drain-spill.ts'

/** Milliseconds that an object may take to answer. */
const callMs = 10_000

/** How everything is doing, after a sweep. */
export interface SweepReport {
  readonly lanes: readonly LaneStatus[]
  readonly logs: readonly LogStatus[]
  /** What became of events that were spilled; left out when the log is unavailable, so that nothing was tried. */
  readonly spill?: DrainReport
  /** What could not be reached, one sentence each. */
  readonly failures: readonly string[]
}

/**
 * Wakes every log partition and every lane: alarms and offers can be lost, and this makes up for it. Then stores what was
 * spilled (see `drainSpill`). Run each minute.
 *
 * @param app config and bindings
 * @returns how each of them is doing; one that does not answer is in `failures` and keeps no other from being woken
 */
export async function sweep(app: AppContext): Promise<SweepReport> {
  const { resolved, bindings, port } = app
  const failures: string[] = []
  const attempt = async <T>(what: string, call: () => Promise<T>): Promise<T[]> => {
    try {
      return [await withTimeout(call(), callMs, what)]
    } catch (error) {
      failures.push(`${what}: ${reasonOf(error)}`)
      port.log('error', 'the sweep could not reach an object', { what, reason: reasonOf(error) })
      return []
    }
  }
  const { log } = resolved.stream
  const partitions = partitionsOf(resolved.stream.partitions)
  const [logs, lanes] = await Promise.all([
    log ? Promise.all(partitions.map((n) => attempt(`log ${n}`, () => log.partition(bindings, n).sweep()))) : [],
    Promise.all(allLanes(app).map((ref) => attempt(`lane ${laneName(ref)}`, () => laneOf(bindings, ref).poke(ref)))),
  ])
  const unavailable = partitions.filter((n) => logs[n]?.length === 0)
  const spill =
    unavailable.length === partitions.length ? undefined : await drainSpill(app, { ...usualLimits, unavailable })
  if (spill?.error !== undefined) failures.push(`spill: ${spill.error}`)
  return { lanes: lanes.flat(), logs: logs.flat(), failures, ...(spill === undefined ? {} : { spill }) }
}
