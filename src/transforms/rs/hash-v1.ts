// `@rs/hash/v1` of RudderStack's transformations: digests of text, at once.
import { md5 as md5Of } from '@noble/hashes/legacy.js'
import { sha256 as sha256Of } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'

/** SHA-256 of a text in UTF-8, in lower-case hex. */
export const sha256 = (text: unknown): string => bytesToHex(sha256Of(utf8ToBytes(String(text))))

/** MD5 of a text in UTF-8, in lower-case hex; fit for buckets and old interfaces, not for secrets. */
export const md5 = (text: unknown): string => bytesToHex(md5Of(utf8ToBytes(String(text))))

/**
 * A fast hash of 53 bits, by bryc (public domain): fit for buckets.
 *
 * @param text what is hashed, by its UTF-16 code units
 * @param seed another one gives another hash
 * @returns a whole number below 2 ** 53
 */
export function cyrb53(text: unknown, seed = 0): number {
  let [high, low] = [0xdeadbeef ^ seed, 0x41c6ce57 ^ seed]
  const whole = String(text)
  for (let i = 0; i < whole.length; i++) {
    const unit = whole.charCodeAt(i)
    high = Math.imul(high ^ unit, 2654435761)
    low = Math.imul(low ^ unit, 1597334677)
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909)
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909)
  return 4294967296 * (2097151 & low) + (high >>> 0)
}
