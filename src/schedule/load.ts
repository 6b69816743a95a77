import type { LoadReport } from '../core/bindings.ts'
import { reasonOf } from '../core/errors.ts'
import type { AppContext } from '../core/app-context.ts'

/**
 * Loads every warehouse whose turn it is. Run each minute.
 *
 * A warehouse with `everyMinutes` n has its turn in minutes that n divides, counted from 1970. What was not finished within a
 * run goes on in the next.
 *
 * @param app config and bindings
 * @returns what was loaded, by warehouse; a failure is in the `error` of its report and keeps no other from being loaded
 */
export async function load(app: AppContext): Promise<Record<string, LoadReport>> {
  const { resolved, bindings, port } = app
  const minute = Math.floor(port.now() / 60_000)
  const due = [...resolved.targets.values()].flatMap((target) =>
    target.kind === 'warehouse' && minute % (target.route.everyMinutes ?? 1) === 0 ? [target.name] : [],
  )
  const reports = await Promise.all(
    due.map((name) =>
      bindings.LOADER.getByName(name)
        .load(name)
        .catch((thrown: unknown): LoadReport => {
          port.log('error', 'a loader could not be reached', { warehouse: name, reason: reasonOf(thrown) })
          return { files: 0, events: 0, rows: 0, discards: 0, error: reasonOf(thrown) }
        }),
    ),
  )
  return Object.fromEntries(due.map((name, i) => [name, reports[i] as LoadReport]))
}
