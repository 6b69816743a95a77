import type { AppContext } from '../core/app-context.ts'
import { withTimeout } from '../core/with-timeout.ts'

/** Milliseconds that each question may take. */
const questionMs = 2_000

/** A warehouse whose tables do not get what was accepted. */
export interface StuckWarehouse {
  readonly target: string
  /**
   * `failing`: loads fail, or files were set aside that cannot be read. `behind`: staging files wait for too long. See
   * `LoaderState`. `unavailable`: its loader did not answer.
   */
  readonly state: 'failing' | 'behind' | 'unavailable'
  readonly reason?: string
  readonly oldestSeconds?: number
  /** Milliseconds since the epoch of the schedule's next load. */
  readonly nextAttemptAt?: number
}

/** Asks the loader of each warehouse whether it gets on. */
export async function stuckWarehouses({ resolved, bindings }: AppContext): Promise<StuckWarehouse[]> {
  const warehouses = [...resolved.targets.values()].filter((target) => target.kind === 'warehouse')
  const found = await Promise.all(
    warehouses.map(async ({ name }): Promise<StuckWarehouse[]> => {
      try {
        const asked = (async () => bindings.LOADER.getByName(name).status(name))()
        const { state, reason, oldestSeconds, nextAttemptAt } = await withTimeout(asked, questionMs, `loader ${name}`)
        if (state !== 'failing' && state !== 'behind') return []
        return [
          {
            target: name,
            state,
            ...(reason === undefined ? {} : { reason }),
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
