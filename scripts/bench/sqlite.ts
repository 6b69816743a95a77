import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import type { Columns, Engine, Load } from '../../src/core/warehouse.ts'
import { D1Layout } from '../../src/warehouses/d1/layout.ts'
import { quoteIdentifier } from '../../src/warehouses/identifier.ts'
import { spent } from './cpu.ts'
import { eventTexts, loadsOf } from './loads.ts'

interface Options {
  readonly events: number
  /** Whether tables have an index for ids, as `d1({ idIndex })` says. */
  readonly idIndex: boolean
  /** Maps the events. */
  readonly engine: Pick<Engine, 'provider' | 'kept' | 'rowColumns' | 'widerType'>
}

const sliceEvents = 2_000

/**
 * Inserts the rows of events into a SQLite of this process, in tables as D1 has them: by prepared statements, sorted by id, in one
 * transaction for each slice, and not waiting for the disk. No way into SQLite is shorter.
 *
 * @returns microseconds of processor time of an event, of the inserts alone
 */
export async function sqliteTime({ events, idIndex, engine }: Options): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'sluiceway-sqlite-'))
  const database = new DatabaseSync(join(folder, 'tables.sqlite'))
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF')
    database.exec('CREATE TABLE "_sluiceway_columns" ("table_name", "column_name", "type")')
    const layouts = new Map<string, D1Layout>()
    let time = 0
    for (let slice = 0; slice * sliceEvents < events; slice++) {
      const loads = loadsOf(eventTexts(sliceEvents, slice), { id: `slice-${slice}`, engine: engine as Engine })
      for (const { table, columns } of loads) {
        const added = Object.fromEntries(columns.map(({ name, type }) => [name, type])) as Columns
        const before = layouts.get(table) ?? new D1Layout(table, { real: [], more: [] }, idIndex)
        const { statements, next } = before.widen(added)
        for (const [sql, ...values] of statements) database.prepare(sql).run(...values)
        layouts.set(table, next)
      }
      time += spent(() => {
        database.exec('BEGIN')
        for (const load of loads) insert(database, load)
        database.exec('COMMIT')
      })
    }
    return time / events
  } finally {
    database.close()
    await rm(folder, { recursive: true, force: true })
  }
}

function insert(database: DatabaseSync, { table, columns, rows }: Load): void {
  const names = columns.map(({ name }) => quoteIdentifier(name)).join(', ')
  const into = `INSERT OR REPLACE INTO ${quoteIdentifier(table)} (${names})`
  const statement = database.prepare(`${into} VALUES (${columns.map(() => '?').join(', ')})`)
  const idAt = columns.findIndex(({ name }) => name === 'id')
  const idOf = (row: Load['rows'][number]): string => String(row[idAt])
  for (const row of rows.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1))) statement.run(...row.map(bound))
}

const bound = (value: Load['rows'][number][number]): SQLInputValue =>
  typeof value === 'boolean' ? Number(value) : value
