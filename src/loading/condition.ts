import type { LoaderState, LoaderStatus } from '../core/bindings.ts'
import { longestWaitMinutes, type SyncSchedule } from './sync-schedule.ts'

/** Milliseconds for which loads may fail, for a reason that may mend itself, before the warehouse is told to fail. */
const patienceMs = 90_000
/** A warehouse is behind when its oldest file has waited for two turns, the exclude window and this, in seconds. */
const behindSeconds = 300

/** What a loader knows when it is asked how it is doing. */
export type LoaderFacts = Pick<
  LoaderStatus,
  'stagedFiles' | 'oldestSeconds' | 'stuckFiles' | 'failure' | 'waitingTables'
> & {
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly schedule: SyncSchedule
}

/**
 * Says how a loader is doing: a failure that time does not mend counts at once, any other once it has lasted for 90 s.
 *
 * @param facts what waits, and what failed
 * @returns the state, and why where not all is well
 */
export function conditionOf(facts: LoaderFacts): { readonly state: LoaderState; readonly reason?: string } {
  const { stagedFiles, oldestSeconds, stuckFiles, failure, waitingTables, now, schedule } = facts
  // A failure of long ago says nothing once all is loaded.
  const current = stagedFiles + waitingTables.length > 0 ? failure : undefined
  const why = current === undefined ? {} : { reason: current.reason }
  if (current !== undefined && (current.lasting || now - current.since >= patienceMs))
    return { state: 'failing', ...why }
  if (stuckFiles.length > 0)
    return {
      state: 'failing',
      reason: `files that could not be read were set aside: ${stuckFiles.length}. GET /admin/warehouses/:name/unreadable lists them`,
    }
  const [refusing] = waitingTables.toSorted((a, b) => a.since - b.since)
  if (refusing !== undefined && now - refusing.since >= patienceMs) {
    const others = waitingTables.length === 1 ? '' : `, and ${waitingTables.length - 1} more`
    return { state: 'failing', reason: `rows wait for the table "${refusing.table}"${others}: ${refusing.reason}` }
  }
  const longest = (schedule.everyMinutes + longestWaitMinutes(schedule)) * 60
  if (oldestSeconds > longest + behindSeconds) return { state: 'behind', ...why }
  return { state: stagedFiles > 0 ? 'staged' : 'idle', ...why }
}
