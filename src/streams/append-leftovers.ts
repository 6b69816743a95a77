import { cutBatch } from '../core/batch.ts'
import { cutLetters } from '../core/cut-letters.ts'
import type { NewDeadLetter } from '../core/dead-letter.ts'
import { type Envelope, pack } from '../core/envelope.ts'
import { edgeLane, laneOf } from '../core/lanes.ts'
import type { Stream, TriggerContext } from '../core/stream.ts'

const encoder = new TextEncoder()

/**
 * Appends what an earlier stream of the deployment still held to the stream of today. An event that is too large for it becomes a
 * dead letter of the edge, and keeps no other back.
 *
 * @param envelopes in their order
 * @param stream of today
 * @param context where dead letters are
 * @returns once all are durable; rejects when one may not be: then all may be appended again
 */
export async function appendLeftovers(
  envelopes: readonly Envelope[],
  stream: Stream,
  { bindings, port }: Pick<TriggerContext, 'bindings' | 'port'>,
): Promise<void> {
  const { bytes, envelopeBytes = Infinity } = stream.limits
  const packed = envelopes.map((envelope) => ({ envelope, packed: pack(envelope.header, envelope.text) }))
  const isTooLarge = (text: string): boolean =>
    text.length > bytes || (text.length * 3 > envelopeBytes && encoder.encode(text).byteLength > envelopeBytes)
  const letters = packed.flatMap((one) => (isTooLarge(one.packed.text) ? [letterOf(one.envelope, stream.name)] : []))
  const fitting = packed.flatMap((one) => (isTooLarge(one.packed.text) ? [] : [one.packed]))
  if (letters.length > 0)
    port.log('error', 'events of an earlier stream are too large for the stream of today; they are dead letters', {
      events: letters.length,
    })
  for (const piece of cutLetters(letters)) await laneOf(bindings, edgeLane).addDeadLetters(edgeLane, piece)
  for (const piece of cutBatch(fitting, stream.limits)) await stream.append(piece, bindings)
}

const letterOf = ({ header, text }: Envelope, name: string): NewDeadLetter => ({
  stage: 'ingest',
  messageId: header.id,
  source: header.source,
  key: header.key,
  reason: `The event came from an earlier stream, and is larger than what the stream ${name} takes.`,
  code: 'stream_limit',
  receivedAt: header.receivedAt,
  event: text,
  attempts: [],
})
