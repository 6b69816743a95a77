import type { Chunk } from '../core/inbox.ts'
import type { LaneSource } from './stretches.ts'

/**
 * What a lane has read of a source, and had no room for yet: chunks as they are stored, of one read. Compressed, they take a
 * tenth of what they unpack to, and the lane need not read them again for each frame that it takes.
 */
export class ReadAhead {
  #source: LaneSource | undefined
  #chunks: readonly Chunk[] = []

  /** Keeps what is left of a read, in place of what it had. */
  keep(source: LaneSource, chunks: readonly Chunk[]): void {
    this.#source = source
    this.#chunks = chunks
  }

  /** Gives what it has of a source from an offset on; nothing where it has not what is there. */
  from(source: LaneSource, offset: number): readonly Chunk[] {
    if (this.#source !== source) return []
    const index = this.#chunks.findIndex(({ offset: first, count }) => first <= offset && offset < first + count)
    return index < 0 ? [] : this.#chunks.slice(index)
  }

  clear(): void {
    this.#chunks = []
  }
}
