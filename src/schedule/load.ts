import type { AppContext } from '../core/app-context.ts'
import type { LoadReport } from '../core/bindings.ts'
import { reasonOf } from '../core/errors.ts'
import { addReports, nothing } from '../core/load-reports.ts'

/**
 * Has every warehouse loaded. Run each minute: its loader knows whether it is its turn, and what of the last one is left.
 *
 * @param app config and bindings
 * @param goOnMs for how many milliseconds a loader that is not done is asked again: each call has the limits of an invocation
 *   for itself
 * @returns what was loaded, by warehouse; a failure is in the `error` of its report and keeps no other from being loaded
 */
export async function load(app: AppContext, goOnMs = 0): Promise<Record<string, LoadReport>> {
  const { targets } = app.resolved
  const names = [...targets.values()].flatMap(({ kind, name }) => (kind === 'warehouse' ? [name] : []))
  const reports = await Promise.all(names.map((name) => loadOne(name, app, goOnMs)))
  return Object.fromEntries(names.map((name, i) => [name, reports[i] as LoadReport]))
}

async function loadOne(warehouse: string, { bindings, port }: AppContext, goOnMs: number): Promise<LoadReport> {
  const until = port.now() + goOnMs
  let report = nothing
  try {
    for (;;) {
      const { error, isUnfinished, ...done } = await bindings.LOADER.getByName(warehouse).load(warehouse)
      report = addReports(report, done)
      if (error !== undefined) return { ...report, error }
      if (isUnfinished !== true) return report
      if (port.now() >= until) return { ...report, isUnfinished }
    }
  } catch (thrown) {
    port.log('error', 'a loader could not be reached', { warehouse, reason: reasonOf(thrown) })
    return { ...report, error: reasonOf(thrown) }
  }
}
