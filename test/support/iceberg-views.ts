import type { Columns, Engine, Gathering, Load } from '../../src/core/warehouse.ts'
import { quoteIdentifier } from '../../src/warehouses/identifier.ts'
import type { IcebergCatalog } from './real-iceberg.ts'
import { lakeSql, logicalValue } from './real-lake.ts'
import type { Row } from './tables.ts'

/** A look into the Iceberg tables of an engine by DuckDB, through the views that the document gives. */
export interface IcebergReader {
  /** The engine, watched. */
  readonly engine: Engine
  readonly rows: (table: string, order?: string) => Promise<Row[]>
  readonly count: (table: string) => Promise<number>
  readonly tables: () => Promise<string[]>
}

/** A gathering whose tables are there once it is merged. */
function watchedGathering(gathering: Gathering, merges: Map<string, Load['merge']>): Gathering {
  const staged = new Map<string, Load['merge']>()
  return {
    stage: async (loads) => {
      for (const { table, merge, rows } of loads) if (rows.length > 0) staged.set(table, merge)
      await gathering.stage(loads)
    },
    merge: async () => {
      await gathering.merge()
      for (const [table, merge] of staged) merges.set(table, merge)
    },
    drop: () => gathering.drop(),
  }
}

/** Opens the reader; it learns from what is loaded through its engine which view a table has. */
export function readIceberg(engine: Engine, catalog: IcebergCatalog, namespace: string): IcebergReader {
  const merges = new Map<string, Load['merge']>()
  const watched: Engine = {
    provider: engine.provider,
    kept: engine.kept,
    rowColumns: engine.rowColumns,
    columns: (table) => engine.columns(table),
    widen: (table, added) => engine.widen(table, added),
    widerType: (from, to) => engine.widerType?.(from, to),
    retype: async (table, changed) => engine.retype?.(table, changed),
    load: (load) => {
      if (load.rows.length > 0) merges.set(load.table, load.merge)
      return engine.load(load)
    },
    loadTogether: async (loads) => {
      for (const { table, merge } of loads) merges.set(table, merge)
      await engine.loadTogether?.(loads)
    },
    appendTogether: async (loads) => {
      await engine.appendTogether?.(loads)
      for (const { table, merge } of loads) merges.set(table, merge)
    },
    gather: (id) => watchedGathering(engine.gather?.(id) as Gathering, merges),
    probe: () => engine.probe(),
    close: () => engine.close(),
  }
  const ask = async (table: string, from: (view: string) => string): Promise<Row[]> => {
    const columns = (await engine.columns(table)) ?? {}
    return catalog.duckdb(namespace, table, from(`(${viewOf(merges.get(table), columns)})`))
  }
  return {
    engine: watched,
    rows: async (table, order = 'id') => {
      const columns = (await engine.columns(table)) ?? {}
      if (!merges.has(table)) return []
      const rows = await ask(table, (view) => `SELECT * FROM ${view} ORDER BY ${quoteIdentifier(order)}`)
      // A column that no load has had is not in the table.
      const none = Object.fromEntries(Object.keys(columns).map((name) => [name, null]))
      return rows.map((row) =>
        Object.fromEntries(
          Object.entries({ ...none, ...earlierValues(row) }).map(([name, value]) => [
            name,
            logicalValue(typeof value === 'string' ? value.replace(/\+00$/, '') : value, columns[name]),
          ]),
        ),
      )
    },
    count: async (table) =>
      !merges.has(table) ? 0 : Number((await ask(table, (view) => `SELECT count(*) AS n FROM ${view}`))[0]?.['n']),
    tables: () => Promise.resolve([...merges.keys()]),
  }
}

/** The row with the values of columns that got another type, as the document reads both. */
function earlierValues(row: Row): Row {
  const found = { ...row }
  for (const [name, value] of Object.entries(row)) {
    const now = /^_sluiceway_(?:long|double)_(.+)$/.exec(name)?.[1]
    if (now === undefined) continue
    found[now] ??= value
    delete found[name]
  }
  return found
}

/** The query of the document's view for a table. */
function viewOf(merge: Load['merge'] | undefined, columns: Columns): string {
  const query = (file: string) =>
    lakeSql(file)
      .replace(/^.* AS\n/, '')
      .replace(/;\s*$/, '')
  if (merge === 'append') return 'SELECT * EXCLUDE (_sluiceway_load) FROM TABLE'
  if (merge !== 'coalesce') return query('iceberg-tracks.sql').replace('events.web.tracks', 'TABLE')
  // Where there is `_sluiceway_more`, it is folded as in the view of the lake's files.
  const fold = /CAST\(list_reduce\([^]*? AS _sluiceway_more/.exec(lakeSql('duckdb-users-more.sql'))?.[0] ?? ''
  const sql = query('iceberg-users.sql').replace('events.web.users', 'TABLE')
  const more = Object.hasOwn(columns, '_sluiceway_more')
    ? sql
        .replace('(id, _sluiceway_load)', '(id, _sluiceway_load, _sluiceway_more)')
        .replace('\nFROM', `,\n${fold}\nFROM`)
    : sql
  // Rows of the contract suite have no time.
  return columns['received_at'] === undefined ? more.replace('(received_at, _sluiceway_load)', '_sluiceway_load') : more
}
