import type { Bindings, LaneTrace } from '../core/bindings.ts'
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
 * @param offset of the event
 * @returns `done` once no file that waits has it; `staged` until then, with the error of the last load
 */
export async function loadStateOf(
  bindings: Bindings,
  ref: LaneRef,
  offset: number,
): Promise<Pick<LaneTrace, 'status' | 'reason'>> {
  try {
    const asked = bindings.LOADER.getByName(ref.target).waitsFor(ref.target, { partition: ref.partition, offset })
    const { waits, reason } = await withTimeout(asked, askMs, `loader ${ref.target}`)
    return waits ? { status: 'staged', ...(reason === undefined ? {} : { reason }) } : { status: 'done' }
  } catch (error) {
    return { status: 'staged', reason: `the loader does not say whether it is loaded: ${reasonOf(error)}` }
  }
}
