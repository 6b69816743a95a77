/** Operations that Cloudflare bills, counted since the object started. */
export interface Billed {
  calls: number
  rowsWritten: number
  /** Rows that a load wrote to D1: the warehouse's own bill. */
  d1RowsWritten: number
  alarms: number
  r2Writes: number
  r2Reads: number
}

export const noBill = (): Billed => ({ calls: 0, rowsWritten: 0, d1RowsWritten: 0, alarms: 0, r2Writes: 0, r2Reads: 0 })

type Value = string | number | null | ArrayBuffer | ArrayBufferView

/** The part of a SQLite-backed object's storage that is used here (`ctx.storage.sql` has it). */
export interface SqlLike {
  readonly exec: (
    query: string,
    ...values: unknown[]
  ) => { readonly toArray: () => Record<string, unknown>[]; readonly rowsWritten: number }
}

/** SQL of one object, with the rows that it writes counted. */
export class Database {
  readonly billed: Billed
  readonly #sql: SqlLike

  constructor(sql: SqlLike, billed: Billed = noBill()) {
    this.#sql = sql
    this.billed = billed
  }

  /** Runs a statement; values are bound, never pasted. */
  run(query: string, ...values: Value[]): void {
    this.billed.rowsWritten += this.#sql.exec(query, ...values).rowsWritten
  }

  all<Row>(query: string, ...values: Value[]): Row[] {
    return this.#sql.exec(query, ...values).toArray() as Row[]
  }

  first<Row>(query: string, ...values: Value[]): Row | undefined {
    return this.all<Row>(query, ...values)[0]
  }
}
