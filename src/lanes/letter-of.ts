import type { Attempt, LetterExchange, NewDeadLetter } from '../core/dead-letter.ts'
import type { Envelope } from '../core/envelope.ts'
import type { Outcome } from './deliver.ts'
import { SentExchange } from './sent-exchange.ts'

/** An outcome that was stored in between holds what `toJSON` gave. */
function exchangeOf(exchange: SentExchange | LetterExchange, event: string): LetterExchange {
  const { sent, ...rest } = exchange instanceof SentExchange ? exchange.toJSON() : exchange
  return sent === undefined || sent === event ? rest : { sent, ...rest }
}

/**
 * Makes the dead letter of an event that a lane gives up.
 *
 * @param envelope as it came to the lane
 * @param outcome its verdict
 * @param why the sentence of the letter, and the attempts so far
 */
export function letterOf(
  { header, text }: Envelope,
  { code, detail, exchange, rest = header.earlier }: Outcome,
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
    ...(Object.keys(header.facts).length === 0 ? {} : { facts: header.facts }),
    event: text,
    attempts: history,
    ...(rest === undefined ? {} : { rest }),
    ...(exchange === undefined ? {} : { exchange: exchangeOf(exchange, text) }),
  }
}
