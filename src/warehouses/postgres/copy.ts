import type { ColumnType, Load, Value } from '../../core/warehouse.ts'
import { storableJson } from '../mapping/storable-text.ts'

/** Bytes of one message of COPY data, unless one row is longer. */
const pieceBytes = 64_000
/** UTF-16 units of rows that are written at once. */
const blockUnits = 16_000

const TAB = 9
const NEWLINE = 10
const BACKSLASH = 92
const UPPER_N = 78
/** The letter that is written behind a backslash for a character, by its code. Others stay as they are. */
const LETTERS: ReadonlyMap<number, number> = new Map([
  [8, 98],
  [9, 116],
  [10, 110],
  [11, 118],
  [12, 102],
  [13, 114],
  [BACKSLASH, BACKSLASH],
])
const SMALLEST_PLAIN = 32
const NULL = String.raw`\N`

const encoder = new TextEncoder()

/**
 * Writes rows in the text format of COPY, in pieces of bounded size, straight into bytes.
 *
 * NULL is `\N`, so that an empty or blank string stays what it is; U+0000 is left out.
 * https://www.postgresql.org/docs/18/sql-copy.html (checked 2026-11-22)
 */
export function* copyPieces({ columns, rows }: Pick<Load, 'columns' | 'rows'>): Generator<Uint8Array> {
  const piece = new CopyPiece(columns.map(({ type }) => type))
  for (const row of rows) {
    piece.add(row)
    if (piece.length >= pieceBytes) yield piece.take()
  }
  piece.flush()
  if (piece.length > 0) yield piece.take()
}

/**
 * Rows as bytes, while they are written.
 *
 * Blocks of rows are joined and encoded by the platform as they are, and then counted: control characters and backslashes. Where
 * there are more of them than ends of cells and NULLs, some value has one, and the block is written again, unit by unit.
 */
class CopyPiece {
  readonly #types: readonly ColumnType[]
  readonly #cells: (string | number | boolean)[]
  #bytes = new Uint8Array(2 * pieceBytes)
  #length = 0
  #block: (readonly Value[])[] = []
  #lines: string[] = []
  #units = 0
  #nulls = 0

  constructor(types: readonly ColumnType[]) {
    this.#types = types
    this.#cells = types.map(() => '')
  }

  /** Bytes that are written. */
  get length(): number {
    return this.#length
  }

  /** The bytes so far; it begins anew. */
  take(): Uint8Array {
    const bytes = this.#bytes.slice(0, this.#length)
    this.#length = 0
    return bytes
  }

  add(row: readonly Value[]): void {
    const cells = this.#cells
    for (let i = 0; i < cells.length; i++) {
      const value = row[i]
      if (value === null || value === undefined) {
        cells[i] = NULL
        this.#nulls++
      } else cells[i] = value
    }
    const line = cells.join('\t')
    this.#block.push(row)
    this.#lines.push(line)
    this.#units += line.length + 1
    if (this.#units >= blockUnits) this.flush()
  }

  /** Writes the rows that wait for others. */
  flush(): void {
    if (this.#block.length === 0) return
    // An end behind each line.
    this.#lines.push('')
    const { written, odd } = encodeAndCount(this.#lines.join('\n'))
    if (odd === this.#block.length * this.#types.length + this.#nulls) {
      this.#reserve(written.length)
      this.#bytes.set(written, this.#length)
      this.#length += written.length
    } else for (const row of this.#block) this.#writeRow(row)
    this.#block = []
    this.#lines = []
    this.#units = 0
    this.#nulls = 0
  }

  #writeRow(row: readonly Value[]): void {
    const types = this.#types
    for (let i = 0; i < types.length; i++) {
      if (i > 0) this.#put(TAB)
      const value = row[i]
      if (value === null || value === undefined) {
        this.#put(BACKSLASH)
        this.#put(UPPER_N)
      } else {
        const text = typeof value === 'string' ? value : String(value)
        this.#write(types[i] === 'json' ? storableJson(text) : text)
      }
    }
    this.#put(NEWLINE)
  }

  #put(byte: number): void {
    if (this.#length === this.#bytes.length) this.#reserve(1)
    this.#bytes[this.#length++] = byte
  }

  #write(text: string): void {
    // Each unit is one byte, or a backslash and a letter; or it is not ASCII, and `#encode` goes on.
    this.#reserve(2 * text.length)
    const bytes = this.#bytes
    let at = this.#length
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit >= SMALLEST_PLAIN && unit < 128 && unit !== BACKSLASH) bytes[at++] = unit
      else if (unit >= 128) {
        this.#length = at
        return this.#encode(text.slice(i))
      } else {
        const letter = LETTERS.get(unit)
        if (letter !== undefined) {
          bytes[at++] = BACKSLASH
          bytes[at++] = letter
        } else if (unit !== 0) bytes[at++] = unit
      }
    }
    this.#length = at
  }

  #encode(text: string): void {
    const escaped = text.replaceAll(special, (unit) => {
      const letter = LETTERS.get(unit.charCodeAt(0))
      return letter === undefined ? '' : `\\${String.fromCharCode(letter)}`
    })
    this.#reserve(3 * escaped.length)
    this.#length += encoder.encodeInto(escaped, this.#bytes.subarray(this.#length)).written
  }

  #reserve(bytes: number): void {
    const wanted = this.#length + bytes
    if (wanted <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(wanted, 2 * this.#bytes.length))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }
}

let scratch = new Uint8Array(4 * blockUnits)

/** Encodes a text, into bytes that the next call overwrites, and counts what is below U+0020 or a backslash in it. */
function encodeAndCount(text: string): { readonly written: Uint8Array; readonly odd: number } {
  const most = 3 * text.length + 4
  if (scratch.length < most) scratch = new Uint8Array(4 * Math.ceil(most / 4))
  const { written } = encoder.encodeInto(text, scratch)
  const words = Math.ceil(written / 4)
  scratch.fill(SMALLEST_PLAIN, written, 4 * words)
  const view = new Uint32Array(scratch.buffer, 0, words)
  let odd = 0
  for (let i = 0; i < words; i++) {
    // Four bytes at once; the top bit of each says what it is.
    const four = view[i] as number
    const control = ~(((four & 0x7f7f7f7f) + 0x60606060) | four)
    const other = four ^ 0x5c5c5c5c
    const backslash = ~(((other & 0x7f7f7f7f) + 0x7f7f7f7f) | other)
    odd += Math.imul(((control | backslash) >>> 7) & 0x01010101, 0x01010101) >>> 24
  }
  return { written: scratch.subarray(0, written), odd }
}

const special = /[\\\b\f\n\r\t\v\0]/g
