import type { StagedFile } from '../core/bindings.ts'
import { readStaged } from './staged-events.ts'

/**
 * Files that are read at once. R2 takes longer to answer than a small file takes to load, and each partition has a file every few
 * seconds; but a Worker has six connections, of which warehouses use up to four.
 */
const mostReads = 2

/**
 * Reads files in their order, the next one while one is read or in use.
 *
 * @param files as they come
 * @param bucket where they are
 * @throws {UnreadableFile} when it comes to a file that is missing
 */
export async function* readAhead<F extends StagedFile>(
  files: readonly F[],
  bucket: Pick<R2Bucket, 'get'>,
): AsyncGenerator<{ readonly file: F; readonly bytes: Uint8Array }> {
  const reading: Promise<Uint8Array>[] = []
  for (const [i, file] of files.entries()) {
    for (const next of files.slice(i + reading.length, i + mostReads)) {
      const read = readStaged(next, bucket)
      // Whoever comes to this file is told.
      read.catch(() => {})
      reading.push(read)
    }
    yield { file, bytes: (await reading.shift()) as Uint8Array }
  }
}
