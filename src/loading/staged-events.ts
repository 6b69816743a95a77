import type { StagedFile } from '../core/bindings.ts'
import { type Envelope, unpack } from '../core/envelope.ts'
import { reasonOf } from '../core/errors.ts'
import { splitFrames, unframe } from '../storage/frame.ts'

/** A file whose bytes are not what was written, or are not there. */
export class UnreadableFile extends Error {
  readonly key: string

  constructor(key: string, cause: unknown) {
    super(`The ${key.startsWith('held/') ? 'file' : 'staging file'} ${key} cannot be read: ${reasonOf(cause)}`, {
      cause,
    })
    this.name = 'UnreadableFile'
    this.key = key
  }
}

/** An event of a staging file. */
export interface StagedEvent {
  readonly envelope: Envelope
  readonly key: string
  /** Events of the file up to this one, with it. */
  readonly events: number
}

/**
 * Reads a staging file.
 *
 * @param file which one
 * @param bucket where it is
 * @throws {UnreadableFile} when the file is missing
 */
export async function readStaged({ key }: StagedFile, bucket: Pick<R2Bucket, 'get'>): Promise<Uint8Array> {
  const object = await bucket.get(key)
  if (object === null) throw new UnreadableFile(key, 'it is not there')
  return new Uint8Array(await object.arrayBuffer())
}

/**
 * Takes the events out of a staging file, a frame at a time: only one frame is unpacked at once.
 *
 * @param file which one, and how many bytes were written
 * @param bytes what is in it
 * @param skip events to leave out at its start
 * @throws {UnreadableFile} when the file is damaged
 */
export function* stagedEvents(
  { key, bytes: written }: Pick<StagedFile, 'key' | 'bytes'>,
  bytes: Uint8Array,
  skip: number,
): Generator<StagedEvent> {
  let events = 0
  for (const frame of readOrThrow(key, () => [...splitFrames(bytes)]))
    for (const envelope of readOrThrow(key, () => unpack(unframe(frame))))
      if (++events > skip) yield { envelope, key, events }
  // What is cut off between two frames would be missed by nobody.
  if (bytes.byteLength < written)
    throw new UnreadableFile(key, new RangeError(`it ends after ${bytes.byteLength} of ${written} bytes`))
}

function readOrThrow<T>(key: string, read: () => T): T {
  try {
    return read()
  } catch (thrown) {
    throw new UnreadableFile(key, thrown)
  }
}
