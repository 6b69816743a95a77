import type { NewDeadLetter } from '../core/dead-letter.ts'
import { isRecord } from '../core/json.ts'
import { fillTimes, hasTimes } from '../enrichment/fill-times.ts'
import { windowOf } from '../enrichment/timestamps.ts'

/**
 * Gives the event of a letter as it is sent again: with the times that an older version let an edit take away.
 *
 * @param letter as it is stored
 * @param limits days before and minutes after its arrival that its timestamp may be
 * @returns its JSON; that of the letter, to the letter, where nothing is missing
 */
export function replayedTextOf(
  { event: text, receivedAt }: Pick<NewDeadLetter, 'event' | 'receivedAt'>,
  limits: Parameters<typeof windowOf>[1],
): string {
  const event = parseOrUndefined(text)
  if (!isRecord(event) || hasTimes(event)) return text
  return JSON.stringify(fillTimes(event, { receivedAt, window: windowOf(receivedAt, limits) }))
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
