import type { Envelope } from '../core/envelope.ts'
import type { Inbox } from '../core/inbox.ts'

/**
 * Hands envelopes of one partition to the lanes of their targets.
 *
 * @param envelopes in their order
 * @param partition of the lanes
 * @param inbox where the lanes are
 * @returns once every lane has stored its envelopes; rejects when one has not: then all are to be handed over again, and the
 *   lanes that have them drop the repeats
 */
export async function pushToLanes(
  envelopes: readonly Envelope[],
  partition: number,
  inbox: Pick<Inbox, 'push'>,
): Promise<void> {
  const texts = new Map<string, string>()
  for (const { header, text } of envelopes)
    for (const target of header.to) texts.set(target, `${texts.get(target) ?? ''}${JSON.stringify(header)}\n${text}\n`)
  await Promise.all(Array.from(texts, ([target, text]) => inbox.push({ target, partition }, text)))
}
