import type { ColumnType, Load, Value } from '../../core/warehouse.ts'
import { storableJson } from '../mapping/storable-text.ts'

/** Bytes of one message of COPY data, unless one row is longer. */
const pieceBytes = 64_000

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

const encoder = new TextEncoder()

/**
 * Writes rows in the text format of COPY, in pieces of bounded size, straight into bytes.
 *
 * NULL is `\N`, so that an empty or blank string stays what it is; U+0000 is left out.
 * https://www.postgresql.org/docs/18/sql-copy.html (checked 2026-11-22)
 */
export function* copyPieces({ columns, rows }: Pick<Load, 'columns' | 'rows'>): Generator<Uint8Array> {
  const types = columns.map(({ type }) => type)
  const piece = new CopyPiece()
  for (const row of rows) {
    piece.add(row, types)
    if (piece.length >= pieceBytes) yield piece.take()
  }
  if (piece.length > 0) yield piece.take()
}

/** Rows as bytes, while they are written. */
class CopyPiece {
  #bytes = new Uint8Array(2 * pieceBytes)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** The bytes so far; it begins anew. */
  take(): Uint8Array {
    const bytes = this.#bytes.slice(0, this.#length)
    this.#length = 0
    return bytes
  }

  add(row: readonly Value[], types: readonly ColumnType[]): void {
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

const special = /[\\\b\f\n\r\t\v\0]/g
