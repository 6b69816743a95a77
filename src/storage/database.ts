import { type Billed, createBill } from '../core/billed.ts'
type SqlValue = string | number | null | ArrayBuffer | ArrayBufferView

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

  constructor(sql: SqlLike, billed: Billed = createBill()) {
    this.#sql = sql
    this.billed = billed
  }

  /** Runs a statement; values are bound, never pasted. */
  run(query: string, ...values: SqlValue[]): void {
    this.billed.rowsWritten += this.#sql.exec(query, ...values).rowsWritten
  }

  all<Row>(query: string, ...values: SqlValue[]): Row[] {
    return this.#sql.exec(query, ...values).toArray() as Row[]
  }

  first<Row>(query: string, ...values: SqlValue[]): Row | undefined {
    return this.all<Row>(query, ...values)[0]
  }
}
