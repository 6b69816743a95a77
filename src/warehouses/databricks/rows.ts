import type { Column, Load, Value } from '../../core/warehouse.ts'
import { storableJson, storableText } from '../mapping/storable-text.ts'
import { hexHash } from '../hex-hash.ts'
import { rowFailure } from './failure.ts'

/** UTF-16 units of the rows of one statement, which has at most 16 MiB. */
const bodyUnits = 4_000_000

/**
 * Writes each row of a load as JSON of a list of texts.
 *
 * @param load its rows have an id each, unless they are appended
 * @param keyOf the text that is put behind the others in a row, by its number; undefined for none
 * @throws {SluicewayError} warehouse_failed with the scope `rows` where a row has no id
 */
export function* linesOf(load: Load, keyOf?: (row: number) => string): Generator<string> {
  const { table, columns, rows, merge } = load
  const id = columns.findIndex(({ name }) => name === 'id')
  if (merge !== 'append' && rows.some((row) => (row[id] ?? '') === ''))
    throw rowFailure(`a row for "${table}" has no id`)
  for (const [i, row] of rows.entries()) {
    const texts: (string | null)[] = columns.map((column, at) => textOf(row[at] ?? null, column))
    if (keyOf !== undefined) texts.push(keyOf(i))
    yield JSON.stringify(texts)
  }
}

/**
 * Writes the rows of loads that append, each with the key of its load and its number in it behind the others.
 *
 * @param loads of one table and the same columns
 */
export async function appendedLines(loads: readonly Load[]): Promise<string[]> {
  const lines: string[] = []
  for (const load of loads) {
    const key = await hexHash(load.id, 16)
    lines.push(...linesOf(load, (row) => `${key}#${row}`))
  }
  return lines
}

/** Puts rows together as JSON of a list of rows, in texts of bounded size. */
export function* bodiesOf(all: Iterable<string>): Generator<string> {
  let lines: string[] = []
  let units = 0
  for (const line of all) {
    if (lines.length > 0 && units + line.length > bodyUnits) {
      yield `[${lines.join(',')}]`
      lines = []
      units = 0
    }
    lines.push(line)
    units += line.length
  }
  if (lines.length > 0) yield `[${lines.join(',')}]`
}

function textOf(value: Value, { type }: Column): string | null {
  if (value === null) return null
  const text = typeof value === 'string' ? value : String(value)
  return type === 'json' ? storableJson(text) : storableText(text)
}
