import type { ColumnType, Load, Value } from '../../core/warehouse.ts'
import { quoteIdentifier } from '../identifier.ts'
import { storableJson } from '../mapping/storable-text.ts'
import type { Step } from './steps.ts'

/** Values of a load that is written as INSERT: the server takes about as long for so many as for a COPY and its answer. */
const mostValues = 1_000
/** UTF-16 units of them. */
const mostUnits = 50_000

/** Whether the rows of a load are so few that they are written as INSERT: then their data need not wait for an answer to a COPY. */
export function isSmall({ columns, rows }: Load): boolean {
  if (rows.length * columns.length > mostValues) return false
  let units = 0
  for (const row of rows) for (const value of row) if (typeof value === 'string') units += value.length
  return units <= mostUnits
}

/**
 * Puts the rows of a small load in the place of those with the same id: two statements that go as one.
 *
 * @param table quoted
 * @param load replaces rows, which have ids
 */
export function insertStep(table: string, { columns, rows }: Load): Step {
  const idAt = columns.findIndex(({ name }) => name === 'id')
  const types = columns.map(({ type }) => type)
  const written = rows.map((row) => types.map((type, i) => literalOf(row[i], type)))
  const ids = written.map((row) => row[idAt] as string)
  const list = columns.map(({ name }) => quoteIdentifier(name)).join(', ')
  const values = written.map((row) => `(${row.join(', ')})`).join(', ')
  return {
    statement: `DELETE FROM ${table} WHERE "id" IN (${ids.join(', ')}); INSERT INTO ${table} (${list}) VALUES ${values}`,
  }
}

/**
 * A value as a constant without a type, which the server reads as it reads the text of a COPY. U+0000 is left out.
 * https://www.postgresql.org/docs/18/sql-syntax-lexical.html#SQL-SYNTAX-STRINGS-ESCAPE (checked 2026-11-30)
 */
function literalOf(value: Value | undefined, type: ColumnType): string {
  if (value === null || value === undefined) return 'NULL'
  const text = (type === 'json' ? storableJson(String(value)) : String(value))
    .replaceAll('\0', '')
    .replaceAll("'", "''")
  // A server may be told to read backslashes as escapes in every constant.
  return text.includes('\\') ? `E'${text.replaceAll('\\', String.raw`\\`)}'` : `'${text}'`
}
