const encoder = new TextEncoder()

/** Bytes that a sink begins with, and that are kept for the next value. */
const firstBytes = 4_096
const keptBytes = 1 << 20
/** Strings up to so many UTF-16 code units are copied by hand while they are ASCII: it is faster than a call. */
const shortText = 32
const two27 = 0x8000000
const two28 = 0x10000000

/** Takes the bytes of one value after the other, and grows as it needs to. */
export class ByteSink {
  #bytes = new Uint8Array(firstBytes)
  #view = new DataView(this.#bytes.buffer)
  #length = 0
  /** Records that are being written, one within the other. */
  depth = 0
  /** Looks that the choice between branches of unions has taken so far. */
  looks = 0

  /** Forgets what was written. */
  reset(): void {
    this.#length = 0
    this.depth = 0
    this.looks = 0
    if (this.#bytes.length > keptBytes) this.#replace(firstBytes)
  }

  /** Copies what was written. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length)
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
  }

  /** Writes a whole number of at most 2^53 − 1 as zigzag varint. */
  long(value: number): void {
    if (value >= -0x20000000 && value < 0x20000000) return this.#varint((value << 1) ^ (value >> 31))
    const isNegative = value < 0
    const size = isNegative ? -value - 1 : value
    this.#twoParts((size % two27) * 2 + (isNegative ? 1 : 0), Math.floor(size / two27))
  }

  /** Writes a signed 64-bit number as zigzag varint. */
  bigLong(value: bigint): void {
    if (value >= -0x20000000n && value < 0x20000000n) return this.long(Number(value))
    const isNegative = value < 0n
    const size = isNegative ? -value - 1n : value
    this.#twoParts(Number(size & 0x7ffffffn) * 2 + (isNegative ? 1 : 0), Number(size >> 27n))
  }

  float(value: number): void {
    this.#reserve(4)
    this.#view.setFloat32(this.#length, value, true)
    this.#length += 4
  }

  double(value: number): void {
    this.#reserve(8)
    this.#view.setFloat64(this.#length, value, true)
    this.#length += 8
  }

  /** Writes the length of a text in UTF-8, and the text. */
  text(value: string): void {
    const { length } = value
    this.#reserve(length * 3 + 10)
    if (length <= shortText && this.#ascii(value)) return
    const start = this.#length
    const guess = sizeOfCount(length)
    const { written } = encoder.encodeInto(value, this.#bytes.subarray(start + guess))
    const size = sizeOfCount(written)
    if (size !== guess) this.#bytes.copyWithin(start + size, start + guess, start + guess + written)
    this.long(written)
    this.#length += written
  }

  #ascii(value: string): boolean {
    const bytes = this.#bytes
    let to = this.#length
    bytes[to++] = value.length << 1
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      if (code > 0x7f) return false
      bytes[to++] = code
    }
    this.#length = to
    return true
  }

  /** Writes the lower 28 bits, and what is above them (at most 36 bits). */
  #twoParts(low: number, high: number): void {
    this.#reserve(10)
    const bytes = this.#bytes
    bytes[this.#length++] = (low & 0x7f) | 0x80
    bytes[this.#length++] = ((low >>> 7) & 0x7f) | 0x80
    bytes[this.#length++] = ((low >>> 14) & 0x7f) | 0x80
    bytes[this.#length++] = (low >>> 21) | (high === 0 ? 0 : 0x80)
    if (high === 0) return
    if (high < two28) return this.#varint(high)
    this.#varint28(high % two28)
    this.#varint(Math.floor(high / two28))
  }

  #varint28(value: number): void {
    for (let shift = 0; shift < 28; shift += 7) this.byte(((value >>> shift) & 0x7f) | 0x80)
  }

  /** Writes an unsigned 32-bit number. */
  #varint(value: number): void {
    if (this.#length + 5 > this.#bytes.length) this.#reserve(5)
    const bytes = this.#bytes
    let rest = value
    while ((rest & ~0x7f) !== 0) {
      bytes[this.#length++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    bytes[this.#length++] = rest
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const old = this.#bytes
    this.#replace(Math.max(old.length * 2, this.#length + more))
    this.#bytes.set(old.subarray(0, this.#length))
  }

  #replace(size: number): void {
    this.#bytes = new Uint8Array(size)
    this.#view = new DataView(this.#bytes.buffer)
  }
}

/** Bytes of a zigzag varint that holds a length. */
function sizeOfCount(count: number): number {
  let size = 1
  for (let rest = count * 2; rest >= 0x80; rest /= 128) size++
  return size
}
