import { Buffer } from 'node:buffer'

/** Turns bytes into text. */
export type Decode = (bytes: Uint8Array) => string

/**
 * What the bytes 0x80 to 0x9F are in windows-1252; the others are as in Latin-1. Runtimes differ in this table, and browsers
 * read Latin-1 and US-ASCII by it as well (https://encoding.spec.whatwg.org/#names-and-labels, checked 2026-11-28).
 */
const upper = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ'

const isWindows1252 = /^(?:us-?ascii|ascii|ansi_x3\.4-1968|(?:iso-?8859-?|l(?:atin)?-?)1|(?:windows-|cp|x-cp)1252)$/

/** The charset that a Content-Type names, in lower case; undefined when it names none. */
export const charsetIn = (contentType: string): string | undefined =>
  /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType)?.[1]?.toLowerCase()

/**
 * Finds how to read a charset.
 *
 * @param charset its name in lower case; undefined where none is named, which is UTF-8
 * @returns undefined for a charset that is not known. Bytes that are no UTF-8 are read as windows-1252, the rest beside them
 * as UTF-8: nothing that was sent is lost
 */
export function decoderFor(charset: string | undefined): Decode | undefined {
  if (charset === undefined || /^utf-?8$/.test(charset)) return decodeUtf8
  if (isWindows1252.test(charset)) return decodeWindows1252
  try {
    const decoder = new TextDecoder(charset)
    return (bytes) => decoder.decode(bytes)
  } catch {
    return undefined
  }
}

const decodeWindows1252: Decode = (bytes) =>
  lettersOf(bytes).replace(/[\u0080-\u009f]/g, (letter) => upper.charAt(letter.charCodeAt(0) - 0x80))

/** One letter a byte. */
export const lettersOf = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('latin1')

const decoder = new TextDecoder()

/** Well-formed UTF-8, one letter a byte, or one byte that is none (Unicode 16, table 3-7). */
const sequences =
  /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g

/** The bytes from 0x80 on, read as windows-1252 and written as UTF-8, one letter a byte. */
const inUtf8: readonly string[] = Array.from({ length: 128 }, (_, offset) =>
  Buffer.from(upper.charAt(offset) || String.fromCharCode(0x80 + offset), 'utf8').toString('latin1'),
)

function decodeUtf8(bytes: Uint8Array): string {
  const text = decoder.decode(bytes)
  if (!text.includes('\ufffd')) return text
  const repaired = lettersOf(bytes).replace(sequences, (found) =>
    found.length === 1 ? (inUtf8[found.charCodeAt(0) - 0x80] as string) : found,
  )
  return decoder.decode(Buffer.from(repaired, 'latin1'))
}
