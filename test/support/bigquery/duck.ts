import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileFunction } from 'node:vm'
import { type DuckDBConnection, DuckDBInstance, DuckDBScalarFunction, VARCHAR } from '@duckdb/node-api'
import type { JobError } from './answer.ts'
import { duckSql, googleMacros, quoted } from './google-sql.ts'

/** A column as the API has it. */
export interface Field {
  readonly name: string
  readonly type: string
}

/** What came of a statement or a load. */
export interface Ended {
  readonly error?: JobError
  /** As `jobs.query` answers it. */
  readonly rows?: Readonly<Record<string, unknown>>
  readonly inserted?: number
  /** Rows of a load. */
  readonly loaded?: number
}

const duckTypes: Readonly<Record<string, string>> = {
  STRING: 'VARCHAR',
  INTEGER: 'BIGINT',
  FLOAT: 'DOUBLE',
  BOOLEAN: 'BOOLEAN',
  TIMESTAMP: 'TIMESTAMP',
}
const apiTypes = Object.fromEntries(Object.entries(duckTypes).map(([api, duck]) => [duck, api]))

/** Runs what a project runs, on DuckDB. */
export class Duck {
  readonly #instance: DuckDBInstance
  readonly #connection: DuckDBConnection
  readonly #folder = mkdtempSync(join(tmpdir(), 'sluiceway-bigquery-'))
  readonly #functions = new Set<string>()

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance
    this.#connection = connection
  }

  static async open(): Promise<Duck> {
    const instance = await DuckDBInstance.create()
    const connection = await instance.connect()
    for (const macro of googleMacros) await connection.run(macro)
    return new Duck(instance, connection)
  }

  close(): void {
    this.#connection.closeSync()
    this.#instance.closeSync()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async createSchema(dataset: string): Promise<void> {
    await this.#connection.run(`CREATE SCHEMA ${quoted(dataset)}`)
  }

  async dropSchema(dataset: string): Promise<void> {
    await this.#connection.run(`DROP SCHEMA ${quoted(dataset)} CASCADE`)
  }

  /** Creates a table; with the time of the load where it is divided by that. */
  async createTable(table: string, fields: readonly Field[], hasLoadTime: boolean): Promise<void> {
    const columns = fields.map(columnSql)
    if (hasLoadTime) columns.push(`"_PARTITIONTIME" TIMESTAMP DEFAULT date_trunc('day', CAST(now() AS TIMESTAMP))`)
    await this.#connection.run(`CREATE TABLE ${table} (${columns.join(', ')})`)
  }

  async createView(view: string, query: string): Promise<JobError | undefined> {
    try {
      await this.#connection.run(`CREATE VIEW ${view} AS ${duckSql(query).sql}`)
      return undefined
    } catch (thrown) {
      return { reason: 'invalidQuery', message: String(thrown) }
    }
  }

  async addColumns(table: string, fields: readonly Field[]): Promise<void> {
    for (const field of fields) await this.#connection.run(`ALTER TABLE ${table} ADD COLUMN ${columnSql(field)}`)
  }

  async drop(kind: string, name: string): Promise<void> {
    await this.#connection.run(`DROP ${kind} ${name}`)
  }

  async count(table: string): Promise<number> {
    const reader = await this.#connection.runAndReadAll(`SELECT count(*) AS n FROM ${table}`)
    return Number(reader.getRowObjectsJson()[0]?.['n'])
  }

  /** Loads lines of JSON; a bad one fails them all. */
  async load(table: string, fields: readonly Field[], lines: readonly string[]): Promise<Ended> {
    const known = new Set(fields.map(({ name }) => name))
    const bad = (words: string): Ended => ({
      error: { reason: 'invalid', message: `Error while reading data, error message: ${words}` },
    })
    for (const line of lines) {
      const odd = Object.keys(JSON.parse(line) as object).find((key) => !known.has(key))
      if (odd !== undefined) return bad(`JSON parsing error: no such field: ${odd}.`)
    }
    const file = join(this.#folder, 'lines')
    writeFileSync(file, lines.join('\n'))
    const texts = fields.map(({ name }) => `'${name}': 'VARCHAR'`).join(', ')
    const cells = fields.map(({ name, type }) => `CAST("${name}" AS ${duckTypes[type]})`).join(', ')
    const from = `read_json('${file}', format = 'newline_delimited', columns = {${texts}})`
    try {
      await this.#connection.run(`INSERT INTO ${table} SELECT ${cells} FROM ${from}`)
      return { loaded: lines.length }
    } catch (thrown) {
      return bad(`JSON table encountered too many errors, giving up. ${String(thrown)}`)
    }
  }

  /** Runs a statement of GoogleSQL. */
  async run(google: string): Promise<Ended> {
    try {
      const { sql, functions } = duckSql(google)
      for (const { name, parameters, body } of functions) this.#register(name, parameters, body)
      const reader = await this.#connection.runAndReadAll(sql)
      const types = reader.columnTypes().map((type) => apiTypes[String(type)] ?? 'STRING')
      const fields = reader.columnNames().map((name, i) => ({ name, type: types[i] ?? 'STRING' }))
      const rows = reader.getRowsJson().map((row) => ({ f: row.map((value, i) => ({ v: cellOf(value, types[i]) })) }))
      // A merge that also updates tells two numbers, which DuckDB does not.
      const hasOne = google.startsWith('MERGE') && !google.includes('WHEN MATCHED')
      return { rows: { schema: { fields }, rows }, ...(hasOne ? { inserted: reader.rowsChanged } : {}) }
    } catch (thrown) {
      const message = String(thrown)
      const missing = /Table with name (\S+) does not exist/.exec(message)?.[1]
      return missing === undefined
        ? { error: { reason: 'invalidQuery', message } }
        : { error: { reason: 'notFound', message: `Not found: Table ${missing} was not found in location US` } }
    }
  }

  #register(name: string, parameters: readonly string[], body: string): void {
    if (this.#functions.has(name)) return
    this.#functions.add(name)
    const run = compileFunction(body, [...parameters]) as (...values: unknown[]) => string | null
    const all = DuckDBScalarFunction.create({
      name,
      parameterTypes: parameters.map(() => VARCHAR),
      returnType: VARCHAR,
      specialHandling: true,
      mainFunction: (_, input, output) => {
        for (let row = 0; row < input.rowCount; row++)
          output.setItem(row, run(...parameters.map((__, column) => input.getColumnVector(column).getItem(row))))
        output.flush()
      },
    })
    this.#connection.registerScalarFunction(all)
  }
}

const columnSql = ({ name, type }: Field): string => `"${name}" ${duckTypes[type]}`

/** A cell as the API writes it: all text; times in microseconds, as `useInt64Timestamp` asks. */
function cellOf(value: unknown, type: string | undefined): string | null {
  if (value === null || value === undefined) return null
  return type === 'TIMESTAMP' ? String(Date.parse(`${String(value).replace(' ', 'T')}Z`) * 1_000) : String(value)
}
