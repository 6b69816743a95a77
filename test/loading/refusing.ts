import type { Engine } from '../../src/core/warehouse.ts'
import { recordsOf } from '../support/load-of.ts'

type Step = 'columns' | 'widen' | 'load'
type Refuse = (step: Step, table: string, rows: readonly Record<string, unknown>[], columns: readonly string[]) => void

/** An engine that calls `refuse` before each step, also for each part of a load of many tables. */
export const refusing =
  (refuse: Refuse) =>
  (engine: Engine): Engine => ({
    provider: engine.provider,
    kept: engine.kept,
    rowColumns: engine.rowColumns,
    columns: async (table) => {
      refuse('columns', table, [], [])
      return engine.columns(table)
    },
    widen: async (table, added) => {
      refuse('widen', table, [], Object.keys(added))
      await engine.widen(table, added)
    },
    load: async (load) => {
      refuse('load', load.table, recordsOf(load), [])
      await engine.load(load)
    },
    loadTogether: async (loads) => {
      for (const load of loads) refuse('load', load.table, recordsOf(load), [])
      await engine.loadTogether?.(loads)
    },
    probe: () => engine.probe(),
    close: () => engine.close(),
  })
