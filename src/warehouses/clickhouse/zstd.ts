import { constants, zstdCompressSync } from 'node:zlib'

const encoder = new TextEncoder()
/** The fastest level. */
const params = { [constants.ZSTD_c_compressionLevel]: 1 }

/**
 * Compresses text, as UTF-8, to one frame of zstd (RFC 8878). Frames one after the other are the text of all; but
 * `zstdDecompressSync` reads the first alone.
 */
export const zstd = (text: string): Uint8Array => zstdCompressSync(encoder.encode(text), { params })
