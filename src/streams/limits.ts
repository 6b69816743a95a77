import type { Packed } from '../core/envelope.ts'
import { SluicewayError } from '../core/errors.ts'
import type { Stream } from '../core/stream.ts'

/**
 * Throws when a batch is more than one append takes.
 *
 * Bytes are counted as UTF-16 code units of the packed text.
 *
 * @param limits of one append
 * @param batch what is to be appended
 * @throws {SluicewayError} stream_limit
 */
export function assertWithinLimits(limits: Stream['limits'], batch: readonly Packed[]): void {
  if (batch.length > limits.events)
    throw new SluicewayError('stream_limit', `One append takes at most ${limits.events} events, not ${batch.length}.`)
  const bytes = batch.reduce((sum, { text }) => sum + text.length, 0)
  if (bytes > limits.bytes)
    throw new SluicewayError('stream_limit', `One append takes at most ${limits.bytes} bytes, not ${bytes}.`)
}
