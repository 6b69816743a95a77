import type { Columns, ColumnType } from '../../src/core/warehouse.ts'
import type { Row } from './tables.ts'

/** Joins a row with what is in its JSON column. */
export function withMore(row: Row): Row {
  const more = row['_sluiceway_more']
  return { ...row, ...(typeof more === 'string' ? (JSON.parse(more) as object) : (more as object | null)) }
}

/**
 * Reads a value that an API gives as text.
 *
 * @param text null for NULL
 * @param type of the column
 * @param timeOf what a time is, as Date takes it: milliseconds since the epoch, or text
 */
export function valueOfText(
  text: string | null,
  type: ColumnType | undefined,
  timeOf: (text: string) => number | string,
): unknown {
  if (text === null) return null
  switch (type) {
    case 'boolean':
      return text === 'true'
    case 'float':
      return Number(text)
    case 'int':
      // A number has 53 bits; integers beyond stay text.
      return Number.isSafeInteger(Number(text)) ? Number(text) : text
    case 'datetime':
      return new Date(timeOf(text)).toISOString()
    default:
      return text
  }
}

/** What a look into an account needs, which is an API that gives values as texts. */
export interface AccountSql {
  /** None where the table is not there. */
  readonly columns: (table: string) => Promise<Columns | null>
  readonly run: (sql: string) => Promise<readonly (readonly (string | null)[])[]>
  /** The name of a table in SQL. */
  readonly nameOf: (table: string) => string
  readonly quote: (name: string) => string
  /** The SQL that reads a column so that its text loses nothing. */
  readonly readAs: (column: string, type: ColumnType) => string
  readonly timeOf: (text: string) => number | string
}

/** What tests look at in a table of an account. */
export interface AccountLook {
  readonly rows: (table: string, order?: string) => Promise<Row[]>
  readonly count: (table: string) => Promise<number>
  readonly ids: (table: string) => Promise<string[]>
}

/** Looks into the tables of an account. */
export const lookInto = ({ columns, run, nameOf, quote, readAs, timeOf }: AccountSql): AccountLook => ({
  rows: async (table, order = 'id') => {
    const all = Object.entries((await columns(table)) ?? {})
    if (all.length === 0) return []
    const list = all.map(([name, type]) => readAs(quote(name), type))
    const sorted = all.some(([name]) => name === order) ? ` ORDER BY ${quote(order)}` : ''
    const found = await run(`SELECT ${list.join(', ')} FROM ${nameOf(table)}${sorted}`)
    return found.map((row) =>
      withMore(Object.fromEntries(all.map(([name, type], i) => [name, valueOfText(row[i] ?? null, type, timeOf)]))),
    )
  },
  count: async (table) => Number((await run(`SELECT count(*) FROM ${nameOf(table)}`))[0]?.[0]),
  ids: async (table) => (await run(`SELECT ${quote('id')} FROM ${nameOf(table)}`)).map(([id]) => String(id)),
})
