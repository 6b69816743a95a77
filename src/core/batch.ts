import type { Packed } from './envelope.ts'
import type { Stream } from './stream.ts'

/** Cuts a batch into pieces that the stream takes. */
export function* cutBatch(packed: readonly Packed[], limits: Stream['limits']): Generator<readonly Packed[]> {
  let from = 0
  let bytes = 0
  for (let i = 0; i < packed.length; i++) {
    const { length } = (packed[i] as Packed).text
    if (i > from && (i - from >= limits.events || bytes + length > limits.bytes)) {
      yield packed.slice(from, i)
      from = i
      bytes = 0
    }
    bytes += length
  }
  if (from < packed.length) yield from === 0 ? packed : packed.slice(from)
}
