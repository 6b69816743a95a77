import { md5, sha1 } from '@noble/hashes/legacy.js'
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import type { TransformGlobals } from '../globals.ts'
import { RegularExpressions } from './regular-expressions.ts'
import { TimeZones } from './time-zones.ts'

/** What Python's modules ask JavaScript, and get at once: functions by the kind of the question. */
export type Answers = Readonly<Record<string, (args: never) => unknown>>

/** What Python takes for white space. */
const space = String.raw`[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+`
const spaces = new RegExp(space)
const spaceAhead = new RegExp(`^${space}`)
const spaceBehind = new RegExp(`${space}$`)

const hashes = { md5, sha1, sha224, sha256, sha384, sha512 }

/**
 * Makes the answers for one interpreter.
 *
 * @param globals of its transform
 */
export function answersOf({ getCredential }: Pick<TransformGlobals, 'getCredential'>): Answers {
  const patterns = new RegularExpressions()
  const zones = new TimeZones()
  return {
    credential: (key: string) => getCredential(key),
    bytes: (length: number) =>
      bytesToHex(crypto.getRandomValues(new Uint8Array(Math.min(Math.max(length, 0), 65_536)))),
    hash: ([name, hex]: [keyof typeof hashes, string]) =>
      Object.hasOwn(hashes, name) ? bytesToHex(hashes[name](hexToBytes(hex))) : undefined,
    normalize: ([form, text]: [string, string]) => text.normalize(form),
    lower: (text: string) => text.toLowerCase(),
    upper: (text: string) => text.toUpperCase(),
    isalpha: (text: string) => /^\p{L}+$/u.test(text),
    isdigit: (text: string) => /^\p{Nd}+$/u.test(text),
    isupper: (text: string) => text === text.toUpperCase() && text !== text.toLowerCase(),
    islower: (text: string) => text === text.toLowerCase() && text !== text.toUpperCase(),
    strip: (text: string) => text.replace(spaceAhead, '').replace(spaceBehind, ''),
    lstrip: (text: string) => text.replace(spaceAhead, ''),
    rstrip: (text: string) => text.replace(spaceBehind, ''),
    split: (text: string) => text.split(spaces).filter((one) => one !== ''),
    isspace: (text: string) => text !== '' && text.replace(spaceAhead, '') === '',
    // Of JSON: MicroPython makes two letters of the two halves of an escaped one.
    unescaped: (text: string) =>
      text.replaceAll(
        /(?<!\\)((?:\\\\)*)\\u(d[89ab][\da-f]{2})\\u(d[c-f][\da-f]{2})/gi,
        (_, before: string, high: string, low: string) =>
          before + String.fromCharCode(Number.parseInt(high, 16), Number.parseInt(low, 16)),
      ),
    isMark: (letter: string) => /^\p{M}/u.test(letter),
    zone: ([zone, seconds]: [string, number]) => zones.at(zone, seconds),
    zones: () => Intl.supportedValuesOf('timeZone'),
    're.compile': ([pattern, flags]: [string, number]) => {
      const { names, groups } = patterns.compile(pattern, flags)
      return { names, groups }
    },
    're.find': ([pattern, flags, how, found, from, limit]: [
      string,
      number,
      'search' | 'match' | 'fullmatch',
      string,
      number,
      number,
    ]) => patterns.find(patterns.compile(pattern, flags), how, { text: found, from, limit }),
  }
}
