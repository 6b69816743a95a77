import { type Envelope, unpack } from '../core/envelope.ts'
import type { Chunk } from '../core/inbox.ts'
import { inflatedText, inflateFrames, splitFrames } from '../storage/frame.ts'
import type { FrameText } from './lane-memory.ts'

/** The events of one frame of a chunk. */
interface UnpackedFrame extends FrameText {
  /** Of its first event. */
  readonly offset: number
  readonly envelopes: readonly Envelope[]
}

/**
 * Unpacks chunks frame by frame, as far as whoever takes them wants: repeated text packs 1:900, and what a chunk unpacks to
 * may not fit into memory, while a frame has the text of one append at most.
 *
 * Where it was left inside a chunk is remembered, so that the next reading of the chunk goes on there.
 */
export class ChunkUnpacker {
  #chunk = -1
  /** Frames of that chunk that were given, and the offset after their events. */
  #frames = 0
  #next = 0;

  /** Gives the frames of a chunk in order. Ends early where the caller does. */
  *framesOf(chunk: Chunk): Generator<UnpackedFrame> {
    if (this.#chunk !== chunk.offset) {
      this.#chunk = chunk.offset
      this.#frames = 0
      this.#next = chunk.offset
    }
    let index = 0
    for (const one of splitFrames(chunk.data)) {
      if (index++ < this.#frames) continue
      const [bytes = new Uint8Array()] = inflateFrames(one)
      const text = inflatedText(bytes)
      const envelopes = unpack(text)
      const headers = envelopes.reduce((length, envelope) => length - envelope.text.length, text.length)
      const offset = this.#next
      this.#frames++
      this.#next += envelopes.length
      yield {
        offset,
        envelopes,
        unitBytes: bytes.byteLength === text.length ? 1 : 2,
        headerUnits: headers / envelopes.length,
      }
    }
    this.#chunk = -1
  }
}
