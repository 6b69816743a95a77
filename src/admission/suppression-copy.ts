import type { Bindings } from '../core/bindings.ts'
import type { Snapshot } from './suppression-list.ts'

/*
 * The copy of the suppression list in R2, for the time in which the object that keeps the list is unavailable. Layout version 1: key
 * `suppression/list`; the body is the fingerprints, each half as 4 bytes, little endian; custom metadata `version`.
 */
const copyKey = 'suppression/list'

/** Writes the copy; durable when it resolves. */
export async function writeCopy({ version, prints }: Snapshot, bucket: Bindings['BUCKET']): Promise<void> {
  const bytes = new Uint8Array(prints.buffer, prints.byteOffset, prints.byteLength)
  await bucket.put(copyKey, bytes, { customMetadata: { version: String(version) } })
}

/**
 * Reads the copy.
 *
 * @returns an empty list when there is none: then nobody was ever on it
 * @throws RangeError when it is not what `writeCopy` wrote; whatever R2 throws
 */
export async function readCopy(bucket: Bindings['BUCKET']): Promise<Snapshot> {
  const object = await bucket.get(copyKey)
  if (object === null) return { version: 0, prints: new Uint32Array() }
  const version = Number(object.customMetadata?.['version'])
  const bytes = await object.arrayBuffer()
  if (!Number.isInteger(version) || bytes.byteLength % 8 !== 0)
    throw new RangeError(`${copyKey} is not a list of suppressed users`)
  return { version, prints: new Uint32Array(bytes) }
}
