import { type Envelope, unpack } from '../core/envelope.ts'
import type { Chunk } from '../core/inbox.ts'
import { splitFrames, unframe } from './frame.ts'

/** An event with its offset in its partition. */
export interface OffsetEvent {
  readonly offset: number
  readonly envelope: Envelope
}

/**
 * Gives the events of a chunk, the newest first. Frames are unpacked one at a time: what a chunk unpacks to may not fit into
 * memory, and whoever looks at the newest events stops early.
 *
 * @param chunk a row of the log
 */
export function* newestFirst(chunk: Chunk): Generator<OffsetEvent> {
  let offset = chunk.offset + chunk.count
  for (const one of [...splitFrames(chunk.data)].toReversed())
    for (const envelope of unpack(unframe(one)).toReversed()) yield { offset: --offset, envelope }
}
