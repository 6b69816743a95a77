import type { Bindings, LaneTrace, StagedPlaceQuery } from '../core/bindings.ts'
import { reasonOf } from '../core/errors.ts'
import type { LaneRef } from '../core/inbox.ts'
import { withTimeout } from '../core/with-timeout.ts'

/** Milliseconds that the loader may take to answer. */
const askMs = 5_000

/**
 * Says what became of an event that a lane has staged: staged is not loaded, and only the loader knows.
 *
 * @param bindings where the loader is
 * @param ref the lane of a warehouse
 * @param event with its offset, where the lane knows it
 * @returns `staged` as long as a file that waits has it, with the error of the last load and the time of the next; then `done`,
 *   or `unknown` without an offset, as only a replayed letter has none
 */
export async function loadStateOf(
  bindings: Bindings,
  { target, partition }: LaneRef,
  event: Omit<StagedPlaceQuery, 'partition'>,
): Promise<Pick<LaneTrace, 'status' | 'reason' | 'nextAttemptAt'>> {
  const otherwise = event.offset === undefined ? 'unknown' : 'done'
  try {
    const asked = bindings.LOADER.getByName(target).waitsFor(target, { ...event, partition })
    const { waits, ...why } = await withTimeout(asked, askMs, `loader ${target}`)
    return waits ? { status: 'staged', ...why } : { status: otherwise }
  } catch (error) {
    const status = event.offset === undefined ? 'unknown' : 'staged'
    return { status, reason: `the loader does not say whether it is loaded: ${reasonOf(error)}` }
  }
}
