import { cut } from './cut.ts'
import type { Packed } from './envelope.ts'
import type { Stream } from './stream.ts'

/** Cuts a batch into pieces that the stream takes. */
export const cutBatch = (
  packed: readonly Packed[],
  { events: count, bytes: size }: Stream['limits'],
): Generator<readonly Packed[]> => cut(packed, ({ text }) => text.length, { size, count })
