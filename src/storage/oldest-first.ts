import { unpack } from '../core/envelope.ts'
import type { Chunk } from '../core/inbox.ts'
import { splitFrames, unframe } from './frame.ts'
import type { OffsetEvent } from './newest-first.ts'

/**
 * Gives the events of a chunk in their order, a frame at a time: what a chunk unpacks to may not fit into memory.
 *
 * @param chunk a row of the log
 */
export function* oldestFirst(chunk: Chunk): Generator<OffsetEvent> {
  let { offset } = chunk
  for (const one of splitFrames(chunk.data))
    for (const envelope of unpack(unframe(one))) yield { offset: offset++, envelope }
}
