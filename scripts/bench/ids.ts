/** Length of an id: a UUID's text. */
export const idLength = 36

const digits = new TextEncoder().encode('0123456789abcdef')

/**
 * Ids that look like random UUIDs (and compress as badly), never repeat, and tell their number.
 *
 * The first eight digits are the number, shuffled by an invertible hash; the others follow from it and from the salt.
 */
export class Ids {
  readonly #salt: number

  /** @param salt another one makes other ids; a number from 0 to 2³² − 1 */
  constructor(salt: number) {
    this.#salt = salt >>> 0
  }

  /** Writes the id of `number` (0 to 2³² − 1) as 36 bytes of text into `out` at `at`. */
  write(number: number, out: Uint8Array, at: number): void {
    const first = shuffle((number ^ this.#salt) >>> 0)
    const second = shuffle(first ^ 0x9e3779b9 ^ this.#salt)
    const third = shuffle(second + 0x85ebca6b)
    const fourth = shuffle(third + 0xc2b2ae35)
    hex(first >>> 16, out, at)
    hex(first & 0xffff, out, at + 4)
    hex(second >>> 16, out, at + 9)
    hex((second & 0x0fff) | 0x4000, out, at + 14)
    hex(((third >>> 16) & 0x3fff) | 0x8000, out, at + 19)
    hex(third & 0xffff, out, at + 24)
    hex(fourth >>> 16, out, at + 28)
    hex(fourth & 0xffff, out, at + 32)
  }

  /** The number of an id that `write` wrote. */
  numberOf(id: string): number {
    return (unshuffle(Number.parseInt(id.slice(0, 8), 16)) ^ this.#salt) >>> 0
  }
}

function hex(value: number, out: Uint8Array, at: number): void {
  out[at] = digits[value >>> 12] as number
  out[at + 1] = digits[(value >>> 8) & 15] as number
  out[at + 2] = digits[(value >>> 4) & 15] as number
  out[at + 3] = digits[value & 15] as number
}

/** A bijection on 32 bits: https://github.com/skeeto/hash-prospector (lowbias32, with its inverse). */
function shuffle(number: number): number {
  let x = number >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}

function unshuffle(number: number): number {
  let x = number >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x43021123)
  x = Math.imul(x ^ (x >>> 15) ^ (x >>> 30), 0x1d69e2a5)
  return (x ^ (x >>> 16)) >>> 0
}
