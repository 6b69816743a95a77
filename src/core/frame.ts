import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'

/**
 * Frames: the form in which events rest in the log, in inboxes and in staging files.
 *
 * One frame is the `pack` text of some envelopes as UTF-8, compressed with zstd (RFC 8878). A staging file is a row of
 * frames, each after its length in bytes (unsigned 32-bit, little-endian).
 */
const encoder = new TextEncoder()
const decoder = new TextDecoder()

const params = { [constants.ZSTD_c_compressionLevel]: 1 }

export const frame = (text: string): Uint8Array => zstdCompressSync(encoder.encode(text), { params })

export const unframe = (data: Uint8Array): string => decoder.decode(zstdDecompressSync(data))

/** Joins frames into the bytes of a staging file. */
export function joinFrames(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(frames.reduce((sum, one) => sum + 4 + one.byteLength, 0))
  const view = new DataView(out.buffer)
  let at = 0
  for (const one of frames) {
    view.setUint32(at, one.byteLength, true)
    out.set(one, at + 4)
    at += 4 + one.byteLength
  }
  return out
}

/** Takes apart what `joinFrames` made. Throws a RangeError when the bytes end inside a frame. */
export function* splitFrames(file: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  for (let at = 0; at < file.byteLength;) {
    const length = view.getUint32(at, true)
    if (at + 4 + length > file.byteLength) throw new RangeError('the staging file ends inside a frame')
    yield file.subarray(at + 4, at + 4 + length)
    at += 4 + length
  }
}
