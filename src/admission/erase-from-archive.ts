import type { AppContext } from '../core/app-context.ts'
import type { ErasureStatus } from '../core/bindings.ts'
import type { ErasureOrder } from '../core/erased-user.ts'
import { knownLayout } from '../core/known-layout.ts'
import { archiveTarget, laneOf, lanesOf } from '../core/lanes.ts'

/**
 * Has a user's events erased from the archive, in each partition, or says how that is going.
 *
 * @param user with the time of the call, milliseconds since the epoch: what was accepted before goes
 * @param app config and bindings
 * @returns done once all partitions are; rejects when one does not answer
 */
export async function eraseFromArchive(user: ErasureOrder, app: AppContext): Promise<ErasureStatus> {
  const lanes = lanesOf(archiveTarget, await knownLayout(app))
  const answers = await Promise.all(lanes.map((ref) => laneOf(app.bindings, ref).erase(ref, user)))
  return answers.find((answer) => answer?.isDone === false) ?? { isDone: true }
}
