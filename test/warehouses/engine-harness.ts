import type { Engine } from '../../src/core/warehouse.ts'

/** What a driver's test hands over: an engine, and a way to look into its tables that does not go through the engine. */
export interface EngineHarness {
  readonly engine: Engine
  /** The rows of a table by `order`, with booleans, numbers and datetimes in their logical form. */
  readonly rows: (table: string, order?: string) => Promise<Record<string, unknown>[]>
  readonly count: (table: string) => Promise<number>
  readonly tables: () => Promise<string[]>
  /** Tells how many objects or tables hold rows that wait for a merge; left out where nobody can tell. */
  readonly waiting?: () => number | Promise<number>
  /** True for an engine whose names are letters, digits and `_`, as those that events get: it refuses others. */
  readonly refusesNames?: boolean
  /** Odd names of tables and columns, where the engine does not take all of ours. */
  readonly names?: readonly string[]
  readonly stop: () => Promise<void>
}
