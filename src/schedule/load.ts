import type { LoadReport } from '../core/bindings.ts'
import { reasonOf } from '../core/errors.ts'
import type { AppContext } from '../core/app-context.ts'

/**
 * Has every warehouse loaded. Run each minute: its loader knows whether it is its turn, and what of the last one is left.
 *
 * @param app config and bindings
 * @returns what was loaded, by warehouse; a failure is in the `error` of its report and keeps no other from being loaded
 */
export async function load(app: AppContext): Promise<Record<string, LoadReport>> {
  const { resolved, bindings, port } = app
  const names = [...resolved.targets.values()].flatMap(({ kind, name }) => (kind === 'warehouse' ? [name] : []))
  const reports = await Promise.all(
    names.map((name) =>
      bindings.LOADER.getByName(name)
        .load(name)
        .catch((thrown: unknown): LoadReport => {
          port.log('error', 'a loader could not be reached', { warehouse: name, reason: reasonOf(thrown) })
          return { files: 0, events: 0, rows: 0, discards: 0, error: reasonOf(thrown) }
        }),
    ),
  )
  return Object.fromEntries(names.map((name, i) => [name, reports[i] as LoadReport]))
}
