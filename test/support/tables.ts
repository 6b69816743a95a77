import { globSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import postgres from 'postgres'

export type Row = Readonly<Record<string, unknown>>

/** What a warehouse holds, read from the database itself and not through Sluiceway. */
export interface Tables {
  readonly names: () => Promise<string[]>
  /** All rows; none when there is no such table. */
  readonly rows: (table: string) => Promise<Row[]>
  readonly close: () => Promise<void>
}

const ownNames = /^(_|sqlite_|d1_|demo_)/

/**
 * Reads the database files of D1 in a state folder, while or after the runtime writes them.
 *
 * @param state the state folder
 */
export function d1Tables(state: string): Tables {
  const query = (sql: string): Row[] => {
    const file = globSync('storage/d1/**/*.sqlite', { cwd: state }).find((path) => !path.includes('metadata'))
    if (file === undefined) return []
    const database = new DatabaseSync(join(state, file), { readOnly: true, timeout: 5_000 })
    try {
      return database.prepare(sql).all() as Row[]
    } finally {
      database.close()
    }
  }
  const all = () =>
    query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").map(({ name }) => String(name))
  return {
    names: async () => all().filter((name) => !ownNames.test(name)),
    rows: async (table) => (all().includes(table) ? query(`SELECT * FROM "${table}"`) : []),
    close: async () => {},
  }
}

/**
 * Reads the tables that Sluiceway makes in a PostgreSQL.
 *
 * @param url connection string
 * @param schema of the source that sends
 */
export function postgresTables(url: string, schema: string): Tables {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  const names = async () =>
    (
      await sql<{ name: string }[]>`SELECT table_name AS name FROM information_schema.tables
        WHERE table_schema = ${schema} ORDER BY 1`
    )
      .map(({ name }) => name)
      .filter((name) => !ownNames.test(name))
  return {
    names,
    rows: async (table) =>
      (await names()).includes(table) ? [...(await sql<Row[]>`SELECT * FROM ${sql(`${schema}.${table}`)}`)] : [],
    close: () => sql.end(),
  }
}
