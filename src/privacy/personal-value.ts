import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { memoize } from '../core/memo.ts'

const digest = /^[0-9a-f]{64}$/i

/**
 * Gives the SHA-256 of a text, in lower-case hex.
 *
 * A visitor's events hold the same address again and again; each isolate knows the last ones. Written in JavaScript because in
 * workerd a call of `node:crypto` costs almost twice as much (`npm run bench:checks`).
 */
export const sha256Hex: (text: string) => string = memoize(500, (text) => bytesToHex(sha256(utf8ToBytes(text))))

/**
 * Hashes a value, or all values in an array or object, in place.
 *
 * Text is trimmed and lower-cased first; numbers and booleans are hashed as text. Empty text, null, and what already is a
 * SHA-256 in hex are left.
 *
 * @param salt put before the text
 * @returns the lower-case hex SHA-256
 */
export function hashValue(value: unknown, salt = ''): unknown {
  if (typeof value === 'object') return changeEveryValue(value, (one) => hashValue(one, salt))
  if (value === undefined) return value
  const text = String(value as string | number | boolean)
    .trim()
    .toLowerCase()
  if (text === '' || digest.test(text)) return value
  return sha256Hex(salt + text)
}

/** Replaces a value, or all values in an array or object, in place, by `***`; null is left. */
export function maskValue(value: unknown): unknown {
  if (typeof value === 'object') return changeEveryValue(value, maskValue)
  return value === undefined ? value : '***'
}

function changeEveryValue(value: object | null, change: (one: unknown) => unknown): object | null {
  if (value === null) return value
  const members = value as Record<string, unknown>
  for (const key of Object.keys(members)) members[key] = change(members[key])
  return value
}
