import type { LoaderStatus } from '../core/bindings.ts'
import type { AppContext } from '../core/app-context.ts'
import type { Target } from '../core/resolved-config.ts'

/** A table of a warehouse with its newest rows. */
export interface Table {
  readonly name: string
  readonly count: number
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}

/** What is shown of a warehouse. */
export interface WarehouseView {
  readonly name: string
  /** The driver: `d1`, `postgres`. */
  readonly driver: string
  readonly status: Omit<LoaderStatus, 'tables' | 'billed'>
  /** Only of D1, which the page can read; of others the names are known and nothing else. */
  readonly tables?: readonly Table[]
  readonly tableNames: readonly string[]
}

/** Columns that tell which rows are new, best first. */
const clocks = ['received_at', 'uuid_ts', 'loaded_at']

/**
 * Reads how a warehouse is doing and, when it is D1, what is in it.
 *
 * @param app the loader is asked which tables there are; D1 is read through the binding `DB`
 * @param options the warehouse, and how many rows of each table are wanted
 * @returns its status and tables
 */
export async function viewWarehouse(
  { bindings }: AppContext,
  { target, rows }: { readonly target: Extract<Target, { kind: 'warehouse' }>; readonly rows: number },
): Promise<WarehouseView> {
  const { tables, billed: _, ...status } = await bindings.LOADER.getByName(target.name).status(target.name)
  const tableNames = Object.keys(tables).toSorted()
  const view = { name: target.name, driver: target.route.use.name, status, tableNames }
  if (view.driver !== 'd1' || tableNames.length === 0) return { ...view, tables: [] }
  const results = await bindings.DB.batch<Record<string, unknown>>(
    tableNames.flatMap((name) => {
      const clock = clocks.find((column) => Object.hasOwn(tables[name] ?? {}, column))
      const order = clock === undefined ? '' : `ORDER BY ${quoteTable(clock)} DESC`
      return [
        bindings.DB.prepare(`SELECT count(*) AS n FROM ${quoteTable(name)}`),
        bindings.DB.prepare(`SELECT * FROM ${quoteTable(name)} ${order} LIMIT ?`).bind(rows),
      ]
    }),
  )
  return {
    ...view,
    tables: tableNames.map((name, i) => ({
      name,
      count: Number(results[2 * i]?.results[0]?.n ?? 0),
      rows: results[2 * i + 1]?.results ?? [],
    })),
  }
}

const quoteTable = (name: string): string => `"${name.replaceAll('\0', '').replaceAll('"', '""')}"`
