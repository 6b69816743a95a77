import { Buffer } from 'node:buffer'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { joinBytes } from '../core/join-bytes.ts'

/**
 * Frames: the form in which events rest in the log, in inboxes and in staging files.
 *
 * One frame is the `pack` text of some envelopes as UTF-8, compressed with zstd (RFC 8878), after its compressed length in
 * bytes (unsigned 32-bit, little-endian). Frames one after the other are frames again: a chunk holds one or more, a staging
 * file those of many chunks.
 */
const encoder = new TextEncoder()

const params = { [constants.ZSTD_c_compressionLevel]: 1 }
const lengthBytes = 4

/** Compresses the text of some envelopes (see `pack`) to one frame. */
export function frame(text: string): Uint8Array<ArrayBuffer> {
  const packed = zstdCompressSync(encoder.encode(text), { params })
  const out = new Uint8Array(lengthBytes + packed.byteLength)
  new DataView(out.buffer).setUint32(0, packed.byteLength, true)
  out.set(packed, lengthBytes)
  return out
}

/**
 * Reads the text of one or more frames.
 *
 * Throws what zlib or `splitFrames` throws when the bytes are no frames, or cut.
 */
export function unframe(data: Uint8Array): string {
  let text = ''
  for (const one of inflateFrames(data)) text += inflatedText(one)
  return text
}

/** The text of an inflated frame. In workerd a Buffer takes less than half the time of a TextDecoder. */
export const inflatedText = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('utf8')

/**
 * Inflates frames one after the other: each gives UTF-8 of whole envelopes. For those who need no text.
 *
 * Throws what zlib or `splitFrames` throws when the bytes are no frames, or cut.
 */
export function* inflateFrames(data: Uint8Array): Generator<Uint8Array> {
  for (const one of splitFrames(data)) {
    const { buffer, byteOffset, byteLength } = zstdDecompressSync(one.subarray(lengthBytes))
    // Plain bytes: parts of a Buffer are slower to make.
    yield new Uint8Array(buffer, byteOffset, byteLength)
  }
}

/** Joins frames to one run of bytes: a chunk's, or a staging file's. */
export const joinFrames = (frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => joinBytes(frames)

/** Takes frames apart that lie one after the other. Throws a RangeError when the bytes end inside a frame, or where a frame is empty. */
export function* splitFrames(file: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  for (let offset = 0; offset < file.byteLength;) {
    const end = offset + lengthBytes + (offset + lengthBytes > file.byteLength ? 0 : view.getUint32(offset, true))
    if (end > file.byteLength) throw new RangeError('the staging file ends inside a frame')
    // zstd makes nothing of nothing, as of the zeros that a machine may leave that lost its power.
    if (end === offset + lengthBytes) throw new RangeError(`the staging file has an empty frame at byte ${offset}`)
    yield file.subarray(offset, end)
    offset = end
  }
}
