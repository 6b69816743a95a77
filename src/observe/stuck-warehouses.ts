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
   * `LoaderState`. `unavailable`: its loader did not answer. `orphaned`: it is no longer in the config, and files wait.
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

function orphanFaultOf(status: LoaderStatus): Pick<StuckWarehouse, 'state' | 'reason'> | undefined {
  const { warehouse, stagedFiles, waitingTables, stuckFiles } = status
  const kinds: readonly (readonly [number, string])[] = [
    [stagedFiles, 'staging files'],
    [waitingTables.reduce((sum, { files }) => sum + files, 0), 'files of rows for tables'],
    [stuckFiles.length, 'that could not be read'],
  ]
  const found = kinds.flatMap(([count, kind]) => (count > 0 ? [`${count} ${kind}`] : [])).join(', ')
  if (found === '') return undefined
  const reason = `"${warehouse}" is no longer in the config, and ${found} wait for it: put it back to load them`
  return { state: 'orphaned', reason }
}

function faultOf({ state, reason }: LoaderStatus): Pick<StuckWarehouse, 'state' | 'reason'> | undefined {
  if (state !== 'failing' && state !== 'behind') return undefined
  return { state, ...(reason === undefined ? {} : { reason }) }
}
