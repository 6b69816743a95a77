import type { Column, ColumnType, Load, Value } from '../../core/warehouse.ts'
import { gzipLines } from '../gzip-lines.ts'
import { storableJson, storableText } from '../mapping/storable-text.ts'
import { rowFailure } from './failure.ts'
import { mostTextBytes } from './sql.ts'

/** Bytes of a row that COPY takes. https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html (checked 2026-11-29) */
const mostRowBytes = 4_000_000
/** Bytes that a UTF-16 unit has at most as UTF-8. */
const bytesPerUnit = 3

const encoder = new TextEncoder()

/**
 * Writes the rows of a load as lines of JSON, compressed by gzip. What is null is left out.
 *
 * @param load its rows have an id each, unless they are appended
 * @returns the bytes of one object
 * @throws {SluicewayError} warehouse_failed with the scope `rows` where a row has no id, or is more than Redshift takes
 */
export const objectOf = (load: Load): Promise<Uint8Array<ArrayBuffer>> => gzipLines(linesOf(load))

function* linesOf(load: Load): Generator<string> {
  const { table, columns, rows, merge } = load
  const keys = columns.map(({ name }) => `${JSON.stringify(name.replaceAll('\0', ''))}:`)
  const id = columns.findIndex(({ name }) => name === 'id')
  for (const row of rows) {
    if (merge !== 'append' && (row[id] ?? '') === '') throw rowFailure(`a row for "${table}" has no id`)
    const cells: string[] = []
    columns.forEach((column, i) => {
      const value = row[i]
      if (value !== null && value !== undefined) cells.push(`${keys[i]}${cellOf(value, column)}`)
    })
    const line = `{${cells.join(',')}}`
    if (isLonger(line, mostRowBytes)) throw rowFailure(`a row for "${table}" has more than ${mostRowBytes} bytes`)
    yield line
  }
}

function cellOf(value: NonNullable<Value>, { name, type }: Column): string {
  if (type === 'json') return storableJson(String(value))
  if (typeof value !== 'string') return isText(type) ? JSON.stringify(String(value)) : JSON.stringify(value)
  // Digits beyond 2^53 would not survive as a number of JavaScript.
  if (type === 'int' && /^-?\d+$/.test(value)) return value
  if (type === 'datetime') return JSON.stringify(value.replace('T', ' ').replace('Z', ''))
  const text = storableText(value)
  if (isLonger(text, mostTextBytes))
    throw rowFailure(`the text in "${name}" has more than the ${mostTextBytes} bytes that a column takes`)
  return JSON.stringify(text)
}

const isText = (type: ColumnType): boolean => type === 'string' || type === 'text'

const isLonger = (text: string, bytes: number): boolean =>
  text.length * bytesPerUnit > bytes && (text.length > bytes || encoder.encode(text).length > bytes)
