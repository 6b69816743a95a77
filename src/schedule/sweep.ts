import { allLanes, edgeLane, laneName, laneOf, logOf, partitionsOf } from '../core/lanes.ts'
import { noteLayout } from '../core/known-layout.ts'
import { type Layout, layoutOf, orphansIn, type TargetLanes } from '../core/layout.ts'
import { type LaneStatus, type LogStatus } from '../core/bindings.ts'
import { reasonOf } from '../core/errors.ts'
import { withTimeout } from '../core/with-timeout.ts'
import type { AppContext } from '../core/app-context.ts'
import { drainSpill, type DrainReport, usualLimits } from '../spill/drain-spill.ts'
import { findPartitions } from './find-partitions.ts'
import { keptLayout } from './kept-layout.ts'

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
 * Wakes every log partition and every lane, also those of earlier configs that may hold something: alarms and offers can be
 * lost, and this makes up for it. Then stores what was spilled (see `drainSpill`). Run each minute.
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
  // Undefined when the lane of the edge does not answer, which its own line tells: then no event is forgotten.
  const known = await wholeLayout(app).catch(() => undefined)
  const layout = known ?? layoutOf(resolved)
  const [logs, lanes] = await Promise.all([
    // A log that is not the stream any more offers what its lanes have not got, and forgets what is past retention.
    Promise.all(
      partitionsOf(layout.partitions).map((n) =>
        attempt(`log ${n}`, () => logOf(app, n).sweep(known === undefined ? null : orphansAt(n, known, app))),
      ),
    ),
    Promise.all(allLanes(layout).map((ref) => attempt(`lane ${laneName(ref)}`, () => laneOf(bindings, ref).poke(ref)))),
  ])
  if (known !== undefined) await forgetQuiet(app, known, { logs: logs.flat(), lanes: lanes.flat() })
  const partitions = partitionsOf(resolved.stream.partitions)
  const isLog = resolved.stream.log !== undefined
  const unavailable = partitions.filter((n) => isLog && logs[n]?.length === 0)
  const spill =
    unavailable.length === partitions.length ? undefined : await drainSpill(app, { ...usualLimits, unavailable })
  if (spill?.error !== undefined) failures.push(`spill: ${spill.error}`)
  return { lanes: lanes.flat(), logs: logs.flat(), failures, ...(spill === undefined ? {} : { spill }) }
}

/** The layout, after it was looked once for what an earlier version may have left. */
async function wholeLayout(app: AppContext): Promise<Layout> {
  const known = await noteLayout(app)
  if (known.isSearched === true) return known
  try {
    const seen = await findPartitions(app)
    return await withTimeout(laneOf(app.bindings, edgeLane).layout(edgeLane, { seen }), callMs, 'the layout')
  } catch (error) {
    app.port.log('warn', 'partitions of earlier configs could not be looked for; it is tried again', {
      reason: reasonOf(error),
    })
    return known
  }
}

/** Names of the targets that are gone from the config and have a lane in this partition. */
const orphansAt = (partition: number, layout: Layout, { resolved }: AppContext): string[] =>
  orphansIn(layout, resolved).flatMap(({ name, partitions }) => (partition < partitions ? [name] : []))

/** Has the lane of the edge forget objects beyond the config that hold nothing any more. */
async function forgetQuiet(app: AppContext, layout: Layout, answers: Pick<SweepReport, 'logs' | 'lanes'>) {
  const seen = layoutOf(app.resolved)
  const kept = keptLayout(layout, seen, { ...answers, now: app.port.now() })
  const gone = layout.targets.filter(({ name }) => !kept.targets.some((target) => target.name === name))
  const staged = await Promise.all(gone.map(async (target) => ((await hasStaged(target, app)) ? [target] : [])))
  const all = { ...kept, targets: [...kept.targets, ...staged.flat()] }
  if (sizeOf(all) === sizeOf(layout)) return
  await withTimeout(laneOf(app.bindings, edgeLane).layout(edgeLane, { seen, kept: all }), callMs, 'the layout').catch(
    (error: unknown) => app.port.log('warn', 'the layout could not be stored', { reason: reasonOf(error) }),
  )
}

const sizeOf = ({ partitions, targets }: Layout): number =>
  targets.reduce((sum, target) => sum + target.partitions, partitions)

/** Whether files of a warehouse may be left, staged or of rows that wait for a table, after its lanes have nothing any more. */
async function hasStaged({ name, kind }: TargetLanes, { bindings }: AppContext): Promise<boolean> {
  if (kind !== 'warehouse') return false
  try {
    const asked = bindings.LOADER.getByName(name).status(name)
    const { stagedFiles, stuckFiles, waitingTables } = await withTimeout(asked, callMs, `loader ${name}`)
    return stagedFiles + stuckFiles.length + waitingTables.length > 0
  } catch {
    return true
  }
}
