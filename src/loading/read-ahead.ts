import type { StagedFile } from '../core/bindings.ts'
import { readStaged } from './staged-events.ts'

/**
 * Files that are read at once. R2 takes longer to answer than a small file takes to load, and each partition has a file every few
 * seconds; a Worker has six connections, of which a warehouse may have three.
 */
const mostReads = 3
/** Bytes of files that are read before they are wanted, unless it is one file. */
const mostBytesAhead = 4_000_000

/**
 * Reads files in their order, the next ones while one is in use.
 *
 * @param files as they come; of the next one only those are read ahead that are small
 * @param bucket where they are
 * @throws {UnreadableFile} when it comes to a file that is missing
 */
export async function* readAhead<F extends StagedFile>(
  files: readonly F[],
  bucket: Pick<R2Bucket, 'get'>,
): AsyncGenerator<{ readonly file: F; readonly bytes: Uint8Array }> {
  const reading: Promise<Uint8Array>[] = []
  let begun = 0
  for (const [i, file] of files.entries()) {
    // The next one is read ahead whatever its size.
    const isWanted = () => begun <= i + 1 || sizeOf(files.slice(i + 1, begun + 1)) <= mostBytesAhead
    for (; begun < Math.min(files.length, i + mostReads) && isWanted(); begun++) {
      const read = readStaged(files[begun] as F, bucket)
      // Whoever comes to this file is told.
      read.catch(() => {})
      reading.push(read)
    }
    yield { file, bytes: (await reading.shift()) as Uint8Array }
  }
}

const sizeOf = (files: readonly StagedFile[]): number => files.reduce((sum, { bytes }) => sum + bytes, 0)
