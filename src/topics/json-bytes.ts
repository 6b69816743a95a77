const newline = 10
const space = 32
const quote = 34
const backslash = 92
/** 1 for bytes that are written behind a backslash: counted, as a branch for each byte takes twice as long. */
const slashes = new Uint8Array(256)
slashes[quote] = 1
slashes[backslash] = 1

const encoder = new TextEncoder()

/** Bytes that there is room for at first: many answers are short. */
const firstBytes = 65_536
/** Room that the part of a line gets at least. */
const leastRoom = 64
/** A longer run is copied by the runtime; for a shorter one, calling it takes longer than copying. */
const shortRun = 100

/** JSON in UTF-8 that grows at its end. */
export class JsonBytes {
  readonly #expected: number
  #bytes = new Uint8Array(firstBytes)
  #length = 0

  /** @param expected bytes that it will have: what does not fit at first gets so much room at once */
  constructor(expected: number) {
    this.#expected = expected
  }

  get length(): number {
    return this.#length
  }

  /** Takes back what was written after a length. */
  cutTo(length: number): void {
    this.#length = length
  }

  /** All that was written. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Writes text as UTF-8. */
  text(text: string): void {
    this.#ensure(text.length * 3)
    this.#length += encoder.encodeInto(text, this.#bytes.subarray(this.#length)).written
  }

  /** Writes a short text of ASCII. */
  ascii(text: string): void {
    this.#ensure(text.length)
    const out = this.#bytes
    let end = this.#length
    for (let i = 0; i < text.length; i++) out[end++] = text.charCodeAt(i)
    this.#length = end
  }

  /** Copies bytes from `from` to before `to`. */
  copy(source: Uint8Array, from = 0, to = source.length): void {
    this.#ensure(to - from)
    const out = this.#bytes
    if (to - from > shortRun) {
      out.set(source.subarray(from, to), this.#length)
      this.#length += to - from
      return
    }
    let end = this.#length
    for (let i = from; i < to; i++) out[end++] = source[i] as number
    this.#length = end
  }

  /**
   * Copies UTF-8 up to the next newline as the inside of a JSON text: quotes, backslashes and control characters are escaped.
   *
   * @returns the place of the newline; that of the end where there is none
   */
  escapedLine(source: Uint8Array, from: number): number {
    for (let at = from; ;) {
      this.#ensure(leastRoom)
      at = this.#escaped(source, at)
      if (at === source.length || source[at] === newline) return at
      const byte = source[at] as number
      if (byte >= space) continue
      this.ascii(`\\u${byte.toString(16).padStart(4, '0')}`)
      at++
    }
  }

  /** As much of it as there is room for, up to a control character. A method of its own, and integers of 32 bits: it is hot. */
  #escaped(source: Uint8Array, from: number): number {
    const out = this.#bytes
    let end = this.#length | 0
    let i = from | 0
    // A byte becomes two at most.
    const to = Math.min(source.length, i + ((out.length - end) >> 1)) | 0
    for (; i < to; i = (i + 1) | 0) {
      const byte = source[i] as number
      if (byte < space) break
      out[end] = backslash
      end = (end + (slashes[byte] as number)) | 0
      out[end] = byte
      end = (end + 1) | 0
    }
    this.#length = end
    return i
  }

  #ensure(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#bytes.length) return
    const bytes = new Uint8Array(Math.max(needed, this.#expected, this.#bytes.length * 2))
    bytes.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = bytes
  }
}

/**
 * Finds the end of a JSON text.
 *
 * @param bytes UTF-8 of JSON
 * @param from where the text begins, with its quote
 * @returns the place after the quote that ends it; -1 when there is none, or no text begins here
 */
export function stringEnd(bytes: Uint8Array, from: number): number {
  if (bytes[from] !== quote) return -1
  for (let at = from + 1; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === backslash) at++
    else if (byte === quote) return at + 1
  }
  return -1
}

/** Whether these bytes stand at a place of others. */
export function bytesEqual(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false
  return true
}
