import type { AppContext } from '../core/app-context.ts'
import type { LoaderStatus } from '../core/bindings.ts'
import type { Layout } from '../core/layout.ts'
import { withTimeout } from '../core/with-timeout.ts'

/** Milliseconds that each question may take. */
const questionMs = 2_000

/** A warehouse whose tables do not get what was accepted. */
export interface StuckWarehouse {
  readonly target: string
  /**
   * `failing`: loads fail, or files were set aside that cannot be read. `behind`: staging files wait for too long. See
   * `LoaderState`. `unavailable`: its loader did not answer. `orphaned`: it is no longer in the config, and staging files wait.
   */
  readonly state: 'failing' | 'behind' | 'unavailable' | 'orphaned'
  readonly reason?: string
  readonly oldestSeconds?: number
  /** Milliseconds since the epoch of the schedule's next load. */
  readonly nextAttemptAt?: number
}

/** Asks the loader of each warehouse whether it gets on. */
export async function stuckWarehouses({ resolved, bindings }: AppContext, layout: Layout): Promise<StuckWarehouse[]> {
  const warehouses = layout.targets.filter(({ kind }) => kind === 'warehouse')
  const found = await Promise.all(
    warehouses.map(async ({ name }): Promise<StuckWarehouse[]> => {
      try {
        const asked = (async () => bindings.LOADER.getByName(name).status(name))()
        const status = await withTimeout(asked, questionMs, `loader ${name}`)
        const { oldestSeconds, nextAttemptAt } = status
        const fault = resolved.targets.has(name) ? faultOf(status) : orphanFaultOf(status)
        if (fault === undefined) return []
        return [
          {
            target: name,
            ...fault,
            oldestSeconds,
            ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
          },
        ]
      } catch {
        return [{ target: name, state: 'unavailable' }]
      }
    }),
  )
  return found.flat()
}

function orphanFaultOf({ warehouse, stagedFiles }: LoaderStatus): Pick<StuckWarehouse, 'state' | 'reason'> | undefined {
  if (stagedFiles === 0) return undefined
  return {
    state: 'orphaned',
    reason: `"${warehouse}" is no longer in the config, and ${stagedFiles} staging files wait for it: put it back to load them`,
  }
}

function faultOf({ state, reason }: LoaderStatus): Pick<StuckWarehouse, 'state' | 'reason'> | undefined {
  if (state !== 'failing' && state !== 'behind') return undefined
  return { state, ...(reason === undefined ? {} : { reason }) }
}
