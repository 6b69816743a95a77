import type { AppContext } from '../core/app-context.ts'
import type { Envelope } from '../core/envelope.ts'
import type { Target } from '../core/resolved-config.ts'
import { suppressionsOf } from '../admission/suppression.ts'
import { mayReceive } from './route.ts'

/**
 * Says which events of the past may be sent to a target that need not have got them: those that their `integrations` and their
 * consent let go there, of users who are not suppressed by now.
 *
 * @param envelopes as the log holds them
 * @param target a destination of the config
 * @param app config, bindings, clock
 * @returns one answer for each
 * @throws {SluicewayError} stream_unavailable when nobody knows who is suppressed
 */
export async function mayReplay(
  envelopes: readonly Envelope[],
  target: Target,
  app: AppContext,
): Promise<readonly boolean[]> {
  const suppressions = await suppressionsOf(app)
  return envelopes.map(({ event }) => suppressions?.has(event) !== true && mayReceive(event, target))
}
