import type { Column, ColumnType, Load, Value } from '../../core/warehouse.ts'
import { storableText } from '../mapping/storable-text.ts'
import { loadColumn, stampColumns } from './schema.ts'

/** The rows of a load as they are staged. */
export interface StagedRows {
  /** Their columns, without those that the merge fills. */
  readonly columns: readonly Column[]
  /** Lines of JSON. */
  readonly lines: string
}

const escaped = /\\ud[89a-f]|\\u0000/

/**
 * Writes the rows of a load as lines of JSON.
 *
 * What is null is left out. U+0000 is left out of texts, and half a surrogate pair becomes U+FFFD: no text of UTF-8 can hold one.
 * Integers beyond 2^53 are texts, as BigQuery asks.
 * https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-json#limitations (stored copy, read 2026-11-29)
 *
 * @param load as the loader gives it; an append gets the column of its load
 * @returns the same text for the same load, whenever it is loaded
 */
export function stagedRows(load: Load): StagedRows {
  const at = load.columns.flatMap(({ name }, i) => (stampColumns.has(name) ? [] : [i]))
  const columns = at.map((i) => load.columns[i] as Column)
  const keys = columns.map(({ name }) => `${JSON.stringify(name)}:`)
  const own = load.merge === 'append' ? `${JSON.stringify(loadColumn)}:${JSON.stringify(load.id)}` : ''
  const lines: string[] = []
  for (const row of load.rows) {
    let line = own
    for (let i = 0; i < at.length; i++) {
      const value = row[at[i] as number]
      if (value === null || value === undefined) continue
      if (line !== '') line += ','
      line += (keys[i] as string) + cellOf(value, (columns[i] as Column).type)
    }
    lines.push(`{${line}}`)
  }
  return {
    columns: load.merge === 'append' ? [...columns, { name: loadColumn, type: 'string' }] : columns,
    lines: lines.join('\n'),
  }
}

function cellOf(value: Exclude<Value, null>, type: ColumnType): string {
  if (typeof value === 'number')
    return type === 'int' && !Number.isSafeInteger(value) ? `"${integerText(value)}"` : String(value)
  const text = JSON.stringify(value)
  return typeof value === 'string' && escaped.test(text) ? JSON.stringify(storableText(value)) : text
}

const integerText = (value: number): string => (Number.isInteger(value) ? BigInt(value).toString() : String(value))
