import { DatabaseSync } from 'node:sqlite'
import { Database, type SqlLike } from '../../src/storage/database.ts'

/** Runs SQL as a Durable Object's storage does, in a SQLite of this process: blobs come back as ArrayBuffers. */
export class Sqlite implements SqlLike {
  readonly #db = new DatabaseSync(':memory:')

  exec(query: string, ...values: unknown[]): { toArray: () => Record<string, unknown>[]; rowsWritten: number } {
    const statement = this.#db.prepare(query)
    if (statement.columns().length === 0) {
      const { changes } = statement.run(...(values as never[]))
      return { toArray: () => [], rowsWritten: /^\s*(INSERT|UPDATE|DELETE)/i.test(query) ? Number(changes) : 0 }
    }
    const rows = statement.all(...(values as never[])).map((row) => ({ ...row }) as Record<string, unknown>)
    for (const row of rows)
      for (const [name, value] of Object.entries(row))
        if (value instanceof Uint8Array)
          row[name] = value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength)
    return { toArray: () => rows, rowsWritten: 0 }
  }

  open(): Database {
    return new Database(this)
  }
}
