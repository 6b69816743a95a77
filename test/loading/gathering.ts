import type { Column, Engine, Gathering, Load, Value } from '../../src/core/warehouse.ts'

/** What a gathering was asked, in the order in which it was done. */
export type GatherStep =
  | { readonly step: 'stage'; readonly table: string; readonly rows: number }
  | { readonly step: 'append'; readonly loads: number }
  | { readonly step: 'merge' | 'drop' }

interface Written {
  readonly columns: readonly Column[]
  /** Rows as text, each with the columns that its load had. */
  readonly lines: readonly string[]
}

/**
 * An engine that gathers loads: it keeps what is staged as text, as an object in a bucket would, and merges it as one load of the
 * engine that it has.
 *
 * @param noted is told each step
 */
export const gathering =
  (noted: (step: GatherStep) => void = () => {}) =>
  (engine: Engine): Engine => ({
    provider: engine.provider,
    kept: engine.kept,
    rowColumns: engine.rowColumns,
    columns: (table) => engine.columns(table),
    widen: (table, added) => engine.widen(table, added),
    ...(engine.widerType === undefined ? {} : { widerType: engine.widerType.bind(engine) }),
    ...(engine.retype === undefined ? {} : { retype: engine.retype.bind(engine) }),
    ...(engine.receivedAt === undefined ? {} : { receivedAt: engine.receivedAt.bind(engine) }),
    load: (load) => engine.load(load),
    appendTogether: async (loads) => {
      noted({ step: 'append', loads: loads.length })
      for (const load of loads) await engine.load(load)
    },
    gather: (id) => gatherInto(engine, id, noted),
    probe: () => engine.probe(),
    close: () => engine.close(),
  })

function gatherInto(engine: Engine, id: string, noted: (step: GatherStep) => void): Gathering {
  const tables = new Map<string, Written>()
  return {
    stage: async (loads) => {
      for (const load of loads) {
        const { columns, lines } = tables.get(load.table) ?? { columns: [], lines: [] }
        checkNext(columns, load)
        noted({ step: 'stage', table: load.table, rows: load.rows.length })
        tables.set(load.table, {
          columns: load.columns,
          lines: [...lines, ...load.rows.map((row) => JSON.stringify(row))],
        })
      }
    },
    merge: async () => {
      noted({ step: 'merge' })
      for (const [table, { columns, lines }] of tables) {
        const rows = lines.map((line) => {
          const row = JSON.parse(line) as Value[]
          return columns.map((_, i) => row[i] ?? null)
        })
        const at = columns.findIndex(({ name }) => name.toLowerCase() === 'id')
        if (new Set(rows.map((row) => row[at])).size < rows.length)
          throw new Error(`a row for "${table}" was gathered twice`)
        await engine.load({ id, table, columns, rows, merge: 'replace' })
      }
    },
    drop: async () => {
      noted({ step: 'drop' })
      tables.clear()
    },
  }
}

function checkNext(before: readonly Column[], { columns, merge, table }: Load): void {
  const isNext = before.every(({ name, type }, i) => columns[i]?.name === name && columns[i].type === type)
  if (!isNext || merge !== 'replace') throw new Error(`the load for "${table}" does not follow the one before`)
}
