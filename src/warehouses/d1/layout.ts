import type { Columns, ColumnType } from '../../core/warehouse.ts'
import { quoteIdentifier } from '../identifier.ts'
import { moreColumn } from '../mapping/more-column.ts'

/** D1 allows 100 columns; one is for `moreColumn`. */
const mostColumns = 99
// One statement for all of them: the platform counts statements.
const noteColumns = `INSERT OR REPLACE INTO "_sluiceway_columns" ("table_name", "column_name", "type")
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

const forgetColumns = `DELETE FROM "_sluiceway_columns"
  WHERE "table_name" = ?1 AND "column_name" IN (SELECT value FROM json_each(?2))`

/** An SQL statement and the values to bind. */
export type SqlStatement = readonly [sql: string, ...values: string[]]

/** A column of a table. */
export interface RealColumn {
  readonly name: string
  readonly type: string
  /** Its place in the primary key, from 1 on; 0 outside of it. */
  readonly pk: number
  /** How many unique indexes the table has besides that of its key. */
  readonly uniques: number
}

/** Reads the columns of the table that `?1` names. */
export const realColumns = `SELECT name, type, pk, ${uniquesOf('?1')} AS uniques FROM pragma_table_info(?1)`

/** Reads the columns of the tables that `?1` names, a JSON array. */
export const realColumnsOfAll = `SELECT asked.value AS "table", found.name, found.type, found.pk,
  ${uniquesOf('asked.value')} AS uniques FROM json_each(?1) AS asked, pragma_table_info(asked.value) AS found`

function uniquesOf(table: string): string {
  return `(SELECT count(*) FROM pragma_index_list(${table}) WHERE "unique" = 1 AND origin <> 'pk')`
}

/** What a table is found to be. */
interface Found {
  readonly real: readonly RealColumn[]
  readonly more: readonly { readonly name: string; readonly type: ColumnType }[]
}

/** Which columns a table has, and which of them are its own: the declared type of a column tells its logical type. */
export class D1Layout {
  readonly table: string
  readonly exists: boolean
  readonly columns: Columns
  readonly real: ReadonlySet<string>
  readonly hasMore: boolean
  /** Whether `id` is its key and nothing else is unique: then a row that replaces others replaces that of its id. */
  readonly isKeyed: boolean
  readonly #idIndex: boolean
  /** Columns that are noted of a table, or a column for the rest, that somebody has dropped. */
  readonly #gone: readonly string[]

  /** `idIndex`: whether the table, where it is to be created, has an index for its ids. */
  constructor(table: string, found: Found, idIndex: boolean) {
    this.#idIndex = idIndex
    const own = found.real.filter(({ name }) => name !== moreColumn)
    this.table = table
    this.exists = found.real.length > 0
    this.hasMore = own.length < found.real.length
    this.real = new Set(own.map(({ name }) => name))
    this.isKeyed = found.real.every(({ name, pk, uniques }) => uniques === 0 && pk === (name === 'id' ? 1 : 0))
    const isThere = ({ name }: { readonly name: string }): boolean => this.hasMore || this.real.has(name)
    this.#gone = found.more.filter((column) => !isThere(column)).map(({ name }) => name)
    this.columns = Object.fromEntries([
      ...own.map(({ name, type }) => [name, logical.get(type.toUpperCase()) ?? 'string'] as const),
      ...found.more.filter(isThere).map(({ name, type }) => [name, type] as const),
    ])
  }

  #found(name: string, type: ColumnType): RealColumn {
    const isKeyed = this.isKeyed || !this.exists
    return { name, type: declared[type], pk: isKeyed && name === 'id' ? 1 : 0, uniques: isKeyed ? 0 : 1 }
  }

  #with(found: Found): D1Layout {
    return new D1Layout(this.table, found, this.#idIndex)
  }

  /** Says what notes other types of columns, and how the table is then. */
  retype(changed: Columns): { readonly statement: SqlStatement; readonly next: D1Layout } {
    const columns = Object.entries({ ...this.columns, ...changed }).map(([name, type]) => ({ name, type }))
    const next = this.#with({
      real: [
        ...columns.flatMap(({ name, type }) => (this.real.has(name) ? [this.#found(name, type)] : [])),
        ...(this.hasMore ? [this.#found(moreColumn, 'json')] : []),
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
    if (this.#gone.length > 0) statements.push([forgetColumns, this.table, JSON.stringify(this.#gone)])
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
        ...[...this.real].map((name) => this.#found(name, this.columns[name] as ColumnType)),
        ...own.map(([name, type]) => this.#found(name, type)),
        ...(this.hasMore || more.length > 0 || wantsMore ? [this.#found(moreColumn, 'json')] : []),
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
