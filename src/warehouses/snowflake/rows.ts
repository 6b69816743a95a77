import { SluicewayError } from '../../core/errors.ts'
import type { Column, Load, Value } from '../../core/warehouse.ts'
import { positionOf } from '../mapping/fold-more.ts'
import { storableJson, storableText } from '../mapping/storable-text.ts'

/** Rows that one statement takes. */
export interface Piece {
  /** A JSON array of rows, which are arrays of texts. */
  readonly text: string
  /** How many of the load's rows come before. */
  readonly start: number
}

const encoder = new TextEncoder()
/** Half a surrogate pair, or U+0000, as JSON writes it. */
const unstorable = /\\u(?:0000|d[89a-f])/

/**
 * Writes rows as JSON, in texts of bounded size.
 *
 * @param load every value becomes text: as JSON numbers, integers beyond 2^53 would lose digits
 * @param mostBytes of a text, as UTF-8; a row that is longer is in a text by itself
 */
export function* piecesOf({ columns, rows }: Pick<Load, 'columns' | 'rows'>, mostBytes: number): Generator<Piece> {
  let lines: string[] = []
  let bytes = 2
  let start = 0
  for (const line of linesOf({ columns, rows })) {
    const length = encoder.encode(line).byteLength + 1
    if (lines.length > 0 && bytes + length > mostBytes) {
      yield { text: `[${lines.join(',')}]`, start }
      start += lines.length
      lines = []
      bytes = 2
    }
    lines.push(line)
    bytes += length
  }
  if (lines.length > 0) yield { text: `[${lines.join(',')}]`, start }
}

/** Refuses a load that has a row without an id, of which nothing shall be there then. */
export function checkIds({ table, columns, rows, merge }: Load): void {
  const id = positionOf(columns, 'id')
  if (merge === 'append' || id < 0) return
  if (rows.some((row) => row[id] === null || row[id] === undefined || row[id] === ''))
    throw new SluicewayError('warehouse_failed', `Snowflake: a row for "${table}" has no id`, {
      details: { scope: 'rows' },
    })
}

/** Writes each row as JSON of a list of texts. */
export function* linesOf({ columns, rows }: Pick<Load, 'columns' | 'rows'>): Generator<string> {
  for (const row of rows) yield lineOf(row, columns)
}

function lineOf(row: readonly Value[], columns: readonly Column[]): string {
  const texts = columns.map(({ type }, i) => textOf(row[i], type))
  const line = JSON.stringify(texts)
  if (!unstorable.test(line)) return line
  return JSON.stringify(
    texts.map((text, i) =>
      text === null ? null : columns[i]?.type === 'json' ? storableJson(text) : storableText(text),
    ),
  )
}

function textOf(value: Value | undefined, type: Column['type']): string | null {
  if (value === null || value === undefined) return null
  // Of the formats that Snowflake detects, those with a zone have an offset.
  return type === 'datetime' ? String(value).replace(/Z$/, '+00:00') : String(value)
}
