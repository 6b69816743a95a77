import type { Attempt, NewDeadLetter } from '../core/dead-letter.ts'
import type { Envelope } from '../core/envelope.ts'
import type { Outcome } from './deliver.ts'

/**
 * Makes the dead letter of an event that a lane gives up.
 *
 * @param envelope as it came to the lane
 * @param outcome its verdict
 * @param why the sentence of the letter, and the attempts so far
 */
export function letterOf(
  { header, text }: Envelope,
  { code, detail }: Outcome,
  { reason, history = [] }: { readonly reason: string; readonly history?: readonly Attempt[] },
): NewDeadLetter {
  return {
    stage: code === 'transform_failed' ? 'transform' : 'delivery',
    messageId: header.id,
    source: header.source,
    key: header.key,
    reason,
    code,
    ...(detail === undefined ? {} : { detail }),
    receivedAt: header.receivedAt,
    event: text,
    attempts: history,
  }
}
