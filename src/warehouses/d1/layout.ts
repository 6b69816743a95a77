import type { Columns, ColumnType } from '../../core/warehouse.ts'
import { quoteIdentifier } from '../identifier.ts'
import { moreColumn } from '../mapping/more-column.ts'

/** D1 allows 100 columns; one is for `moreColumn`. */
const mostColumns = 99
// One statement for all of them: the platform counts statements.
const noteColumns = `INSERT OR IGNORE INTO "_sluiceway_columns" ("table_name", "column_name", "type")
  SELECT ?1, json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?2)`

/** Other names of a row's number: a table can be created with such a column, but none can be added. */
const rowIds = /^(?:rowid|oid|_rowid_)$/

const declared: Readonly<Record<ColumnType, string>> = {
  int: 'INTEGER',
  float: 'REAL',
  boolean: 'BOOLEAN',
  datetime: 'DATETIME',
  string: 'TEXT',
  text: 'LONG TEXT',
  json: 'JSON TEXT',
}
const logical: ReadonlyMap<string, ColumnType> = new Map(
  Object.entries(declared).map(([type, name]) => [name, type as ColumnType]),
)

// The declared type of a column cannot be changed, nor must it be: INTEGER takes fractions as they are.
const noteType = `INSERT OR REPLACE INTO "_sluiceway_columns" ("table_name", "column_name", "type")
  SELECT ?1, json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?2)`

/** An SQL statement and the values to bind. */
export type SqlStatement = readonly [sql: string, ...values: string[]]

/** What a table is found to be. */
interface Found {
  readonly real: readonly { readonly name: string; readonly type: string }[]
  readonly more: readonly { readonly name: string; readonly type: ColumnType }[]
}

/** Which columns a table has, and which of them are its own: the declared type of a column tells its logical type. */
export class D1Layout {
  readonly table: string
  readonly exists: boolean
  readonly columns: Columns
  readonly real: ReadonlySet<string>
  readonly hasMore: boolean
  readonly #idIndex: boolean

  /** `idIndex`: whether the table, where it is to be created, has an index for its ids. */
  constructor(table: string, found: Found, idIndex: boolean) {
    this.#idIndex = idIndex
    const own = found.real.filter(({ name }) => name !== moreColumn)
    this.table = table
    this.exists = found.real.length > 0
    this.hasMore = own.length < found.real.length
    this.real = new Set(own.map(({ name }) => name))
    this.columns = Object.fromEntries([
      ...own.map(({ name, type }) => [name, logical.get(type.toUpperCase()) ?? 'string'] as const),
      ...found.more.map(({ name, type }) => [name, type] as const),
    ])
  }

  #with(found: Found): D1Layout {
    return new D1Layout(this.table, found, this.#idIndex)
  }

  /** Says what notes other types of columns, and how the table is then. */
  retype(changed: Columns): { readonly statement: SqlStatement; readonly next: D1Layout } {
    const columns = Object.entries({ ...this.columns, ...changed }).map(([name, type]) => ({ name, type }))
    const next = this.#with({
      real: [
        ...columns.flatMap(({ name, type }) => (this.real.has(name) ? [{ name, type: declared[type] }] : [])),
        ...(this.hasMore ? [{ name: moreColumn, type: 'JSON TEXT' }] : []),
      ],
      more: columns.filter(({ name }) => !this.real.has(name)),
    })
    return { statement: [noteType, this.table, JSON.stringify(Object.entries(changed))], next }
  }

  /** Says what adds the columns of `added` that are not there yet, and how the table is then. */
  widen(added: Columns): { readonly statements: readonly SqlStatement[]; readonly next: D1Layout } {
    const wantsMore = Object.hasOwn(added, moreColumn)
    const missing = Object.entries(added).filter(([name]) => name !== moreColumn && !Object.hasOwn(this.columns, name))
    // The id must be a column of its own: it is the key.
    missing.sort(([a], [b]) => Number(b === 'id') - Number(a === 'id'))
    const room = Math.max(0, mostColumns - this.real.size)
    const addable = missing.filter(([name]) => !this.exists || !rowIds.test(name))
    const own = addable.slice(0, room)
    const more = [...addable.slice(room), ...missing.filter((column) => !addable.includes(column))]
    const statements: SqlStatement[] = []
    if (!this.exists) {
      const columns = own.map(
        ([name, type]) => `${quoteIdentifier(name)} ${declared[type]}${name === 'id' ? ' NOT NULL PRIMARY KEY' : ''}`,
      )
      // D1 bills each row once more for the index of its key, unless the table is that index. Such a table keeps whole rows in
      // its inner pages, too. https://www.sqlite.org/withoutrowid.html (checked 2026-11-29)
      const keyed = own.some(([name]) => name === 'id') && !this.#idIndex ? ' WITHOUT ROWID' : ''
      statements.push([`CREATE TABLE IF NOT EXISTS ${quoteIdentifier(this.table)} (${columns.join(', ')})${keyed}`])
    } else {
      for (const [name, type] of own)
        statements.push([
          `ALTER TABLE ${quoteIdentifier(this.table)} ADD COLUMN ${quoteIdentifier(name)} ${declared[type]}`,
        ])
    }
    if ((more.length > 0 || wantsMore) && !this.hasMore)
      statements.push([
        `ALTER TABLE ${quoteIdentifier(this.table)} ADD COLUMN ${quoteIdentifier(moreColumn)} JSON TEXT`,
      ])
    if (more.length > 0) statements.push([noteColumns, this.table, JSON.stringify(more)])
    const next = this.#with({
      real: [
        ...[...this.real].map((name) => ({ name, type: declared[this.columns[name] as ColumnType] })),
        ...own.map(([name, type]) => ({ name, type: declared[type] })),
        ...(this.hasMore || more.length > 0 || wantsMore ? [{ name: moreColumn, type: 'JSON TEXT' }] : []),
      ],
      more: [
        ...Object.entries(this.columns)
          .filter(([name]) => !this.real.has(name))
          .map(([name, type]) => ({ name, type })),
        ...more.map(([name, type]) => ({ name, type })),
      ],
    })
    return { statements, next }
  }
}
