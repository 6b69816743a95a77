import type { LoaderState, LoaderStatus } from '../core/bindings.ts'

/** Milliseconds for which loads may fail, for a reason that may mend itself, before the warehouse is told to fail. */
const patienceMs = 90_000
/** A warehouse is behind when its oldest file has waited for longer than two turns and this, in seconds. */
const behindSeconds = 300
const minuteMs = 60_000

/** What a loader knows when it is asked how it is doing. */
export type LoaderFacts = Pick<LoaderStatus, 'stagedFiles' | 'oldestSeconds' | 'stuckFiles' | 'failure'> & {
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly everyMinutes: number
}

/**
 * Says how a loader is doing: a failure that time does not mend counts at once, any other once it has lasted for 90 s.
 *
 * @param facts what waits, and what failed
 * @returns the state, and why where not all is well
 */
export function conditionOf({ stagedFiles, oldestSeconds, stuckFiles, failure, now, everyMinutes }: LoaderFacts): {
  readonly state: LoaderState
  readonly reason?: string
} {
  // A failure of long ago says nothing once all is loaded.
  const current = stagedFiles > 0 ? failure : undefined
  const why = current === undefined ? {} : { reason: current.reason }
  if (current !== undefined && (current.lasting || now - current.since >= patienceMs))
    return { state: 'failing', ...why }
  if (stuckFiles.length > 0)
    return { state: 'failing', reason: `staging files that could not be read were set aside: ${stuckFiles.length}` }
  if (oldestSeconds > everyMinutes * 120 + behindSeconds) return { state: 'behind', ...why }
  return { state: stagedFiles > 0 ? 'staged' : 'idle', ...why }
}

/**
 * Says when the schedule loads a warehouse next: in minutes that `everyMinutes` divides, counted from 1970.
 *
 * @param now milliseconds since the epoch
 * @param from milliseconds since the epoch until which the warehouse is left alone; undefined when it is not
 * @param everyMinutes of the warehouse
 * @returns milliseconds since the epoch
 */
export function nextTurn(now: number, from: number | undefined, everyMinutes: number): number {
  const turnMs = everyMinutes * minuteMs
  // The turn of this minute has begun.
  const earliest = Math.max(Math.floor(now / minuteMs) * minuteMs + 1, from ?? 0)
  return Math.ceil(earliest / turnMs) * turnMs
}
