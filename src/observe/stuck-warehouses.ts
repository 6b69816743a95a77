import type { AppContext } from '../core/app-context.ts'
import type { LoaderStatus } from '../core/bindings.ts'
import type { WarehouseRoute } from '../core/config.ts'
import { withTimeout } from '../core/with-timeout.ts'

/** Milliseconds that each question may take. */
const questionMs = 2_000
/** A warehouse is behind when its oldest staging file has waited for longer than two loads and this, in seconds. */
const behindSeconds = 300

/** A warehouse whose tables do not get what was accepted. */
export interface StuckWarehouse {
  readonly target: string
  /**
   * `failing`: the last load stopped, or files were set aside that cannot be read. `behind`: staging files wait for too long.
   * `unavailable`: its loader did not answer.
   */
  readonly state: 'failing' | 'behind' | 'unavailable'
  readonly reason?: string
  readonly oldestSeconds?: number
}

/** Asks the loader of each warehouse whether it gets on. */
export async function stuckWarehouses({ resolved, bindings }: AppContext): Promise<StuckWarehouse[]> {
  const warehouses = [...resolved.targets.values()].filter((target) => target.kind === 'warehouse')
  const found = await Promise.all(
    warehouses.map(async ({ name, route }): Promise<StuckWarehouse[]> => {
      try {
        const asked = (async () => bindings.LOADER.getByName(name).status(name))()
        const status = await withTimeout(asked, questionMs, `loader ${name}`)
        const fault = faultOf(status, route)
        return fault === undefined ? [] : [{ target: name, ...fault, oldestSeconds: status.oldestSeconds }]
      } catch {
        return [{ target: name, state: 'unavailable' }]
      }
    }),
  )
  return found.flat()
}

function faultOf(
  { stagedFiles, oldestSeconds, stuckFiles, lastLoad }: LoaderStatus,
  { everyMinutes = 1 }: WarehouseRoute,
): Pick<StuckWarehouse, 'state' | 'reason'> | undefined {
  // An error of long ago says nothing once all is loaded.
  if (stagedFiles > 0 && lastLoad?.error !== undefined) return { state: 'failing', reason: lastLoad.error }
  if (stuckFiles.length > 0)
    return { state: 'failing', reason: `staging files that could not be read were set aside: ${stuckFiles.length}` }
  return oldestSeconds > everyMinutes * 120 + behindSeconds ? { state: 'behind' } : undefined
}
