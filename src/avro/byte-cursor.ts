import { valueError } from './avro-error.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Texts up to so many bytes are read by hand while they are ASCII: it is faster than a call. */
const shortText = 24
const two27 = 0x8000000

/** What hostile data may ask for. */
export interface Bounds {
  /** Records within each other. */
  readonly maxDepth: number
  /** Items that take no byte (null, an empty record) in one value, over all its lists and maps. */
  readonly maxEmptyItems: number
}

/** Reads bytes from the first to the last, and never beyond. Nothing is allocated because a length says so. */
export class ByteCursor {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #bounds: Bounds
  #at = 0
  #emptyItems = 0
  #depth = 0

  constructor(bytes: Uint8Array, bounds: Bounds) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#bounds = bounds
  }

  /** Bytes that are not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** Enters a record. */
  enter(): void {
    if (++this.#depth > this.#bounds.maxDepth)
      throw valueError('', `records are nested more than ${this.#bounds.maxDepth} levels deep`)
  }

  /** Leaves a record. */
  leave(): void {
    this.#depth--
  }

  byte(): number {
    if (this.#at >= this.#bytes.length) this.#fail(1)
    return this.#bytes[this.#at++] as number
  }

  boolean(): boolean {
    const value = this.byte()
    if (value > 1) throw valueError('', `expected a boolean, got the byte ${value}`)
    return value === 1
  }

  int(): number {
    const value = this.long()
    if (typeof value === 'bigint' || value < -0x80000000 || value > 0x7fffffff)
      throw valueError('', `expected an int, got ${value}, which has more than 32 bits`)
    return value
  }

  /** Reads a whole number: a bigint where it is beyond ±(2^53 − 1). */
  long(): number | bigint {
    const bytes = this.#bytes
    let at = this.#at
    let byte = bytes[at++] as number
    let low = byte & 0x7f
    for (let shift = 7; byte >= 0x80 && shift < 28; shift += 7) {
      byte = bytes[at++] as number
      low |= (byte & 0x7f) << shift
    }
    let high = 0
    if (byte >= 0x80) {
      for (let shift = 0; byte >= 0x80 && shift < 28; shift += 7) {
        byte = bytes[at++] as number
        high |= (byte & 0x7f) << shift
      }
      if (byte >= 0x80) return this.#longest(at, low, high)
    }
    this.#at = at
    if (at > bytes.length) this.#fail(1)
    const half = (low >>> 1) + high * two27
    if (half >= Number.MAX_SAFE_INTEGER) return numberOr(zigzag(BigInt(low) | (BigInt(high) << 28n)))
    return (low & 1) === 0 ? half : -half - 1
  }

  #longest(from: number, low: number, high: number): bigint | number {
    let at = from
    let byte = this.#bytes[at++] as number
    let top = byte & 0x7f
    if (byte >= 0x80) {
      byte = this.#bytes[at++] as number
      top |= byte << 7
    }
    this.#at = at
    if (at > this.#bytes.length) this.#fail(1)
    if (byte > 0x7f || top > 0xff) throw valueError('', 'expected a long, got a number of more than 64 bits')
    return numberOr(zigzag(BigInt(low) | (BigInt(high) << 28n) | (BigInt(top) << 56n)))
  }

  float(): number {
    if (this.left < 4) this.#fail(4)
    const value = this.#view.getFloat32(this.#at, true)
    this.#at += 4
    return value
  }

  double(): number {
    if (this.left < 8) this.#fail(8)
    const value = this.#view.getFloat64(this.#at, true)
    this.#at += 8
    return value
  }

  /** Reads so many bytes. They are part of the data: who keeps them must copy them. */
  view(size: number): Uint8Array {
    if (size > this.left) this.#fail(size)
    const start = this.#at
    this.#at += size
    return this.#bytes.subarray(start, this.#at)
  }

  skip(size: number): void {
    if (size > this.left) this.#fail(size)
    this.#at += size
  }

  /** Reads the length of what follows. */
  size(): number {
    const size = this.long()
    if (typeof size === 'bigint' || size < 0) throw valueError('', `expected a length, got ${size}`)
    if (size > this.left) this.#fail(size)
    return size
  }

  text(): string {
    const size = this.size()
    const start = this.#at
    const end = start + size
    this.#at = end
    if (size <= shortText) {
      const bytes = this.#bytes
      let text = ''
      let i = start
      for (; i < end; i++) {
        const code = bytes[i] as number
        if (code > 0x7f) break
        text += String.fromCharCode(code)
      }
      if (i === end) return text
    }
    return textOf(this.#bytes.subarray(start, end))
  }

  /**
   * Reads how many items the next block of a list or map has; 0 at its end.
   *
   * @param least bytes that each item takes at least
   */
  block(least: number): number {
    const head = this.long()
    let count = head
    if (head < 0) {
      count = -head
      this.size()
    }
    if (typeof count === 'bigint' || count * least > this.left)
      throw valueError('', `the data says that ${count} items follow, and has ${this.left} bytes`)
    if (least === 0 && (this.#emptyItems += count) > this.#bounds.maxEmptyItems)
      throw valueError('', `the data has more than ${this.#bounds.maxEmptyItems} items of no byte`)
    return count
  }

  /** Passes over a block as a whole if the data says how long it is; else gives the number of its items, 0 at the end. */
  skipBlock(least: number): number {
    for (;;) {
      const before = this.#at
      const head = this.long()
      if (head >= 0) {
        this.#at = before
        return this.block(least)
      }
      this.skip(this.size())
    }
  }

  #fail(wanted: number): never {
    throw valueError(
      '',
      `the data ends too early: ${wanted} more bytes are needed at byte ${Math.min(this.#at, this.#bytes.length)} of ${this.#bytes.length}`,
    )
  }
}

const numberOr = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value)

const zigzag = (value: bigint): bigint => ((value & 1n) === 0n ? value >> 1n : -(value >> 1n) - 1n)

/** Decodes UTF-8, with a byte order mark as a character. */
export function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw valueError('', 'expected a string, got bytes that are no UTF-8')
  }
}
