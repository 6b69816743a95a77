import type { Column, Load } from '../../core/warehouse.ts'
import type { BigQueryFailures } from './failure.ts'
import type { BigQueryJobs } from './jobs.ts'
import { appendOnce, findThere, foldThere, insertMissing, type Merge, replaceThere } from './merge-sql.ts'
import { rangeOf, type RowTimes } from './row-times.ts'
import { fieldOf } from './schema.ts'
import type { BigQueryTables, StoredTable } from './tables.ts'

/** What a load works with. */
export interface LoadTools {
  readonly tables: BigQueryTables
  readonly jobs: BigQueryJobs
  readonly failures: BigQueryFailures
  /** Days around the events of a load in which rows of the same id are looked for. */
  readonly withinDays: number
}

/** Rows that are in a table of their own, the stage. */
export interface StagedTable {
  readonly stage: string
  /** The table into which they go. */
  readonly table: string
  readonly merge: Load['merge']
  /** Columns of the stage. */
  readonly columns: readonly Column[]
  readonly rows: number
  /** Of the rows, in the column `partition`. */
  readonly times: RowTimes | undefined
  /** The column by which the table is divided; undefined to look for rows in all of it. */
  readonly partition: string | undefined
}

const stageMs = 86_400_000

/** The name of a stage. */
export const stageName = (hash: string): string => `_sluiceway_stage_${hash}`

/** Makes a stage, which goes by itself after a day; tells when, as `BigQueryTables.create` does. */
export const createStage = (
  stage: string,
  columns: readonly Column[],
  tables: BigQueryTables,
): Promise<number | undefined> =>
  tables.create(stage, {
    fields: columns.map(({ name, type }) => fieldOf(name, type)),
    expiresAt: Date.now() + stageMs,
  })

/**
 * Merges the rows of a stage into their table. Jobs are named by the stage: a merge that is repeated finds what it has done.
 *
 * @param staged whose rows they are
 * @param target what is known of their table
 * @param tools of one engine
 * @throws {SluicewayError} warehouse_failed; the same merge may be repeated
 */
export async function mergeStage(staged: StagedTable, target: StoredTable, tools: LoadTools): Promise<void> {
  const { tables, jobs } = tools
  const { stage, table, columns } = staged
  const hasId = columns.some(({ name }) => name === 'id')
  const merge: Merge = {
    table: tables.nameOf(table),
    stage: tables.nameOf(stage),
    columns,
    fields: target.fields,
    partition: hasId && staged.merge === 'replace' ? staged.partition : undefined,
  }
  if (staged.merge === 'append') await jobs.run(`${stage}_append`, { query: appendOnce(merge) })
  else if (staged.merge === 'coalesce') await jobs.run(`${stage}_fold`, { query: foldThere(merge) })
  else await replace(staged, merge, tools)
}

/** Mostly no row is there, which costs little to see; only when some are is more read, and written anew. */
async function replace(
  { stage, table, rows, times }: StagedTable,
  merge: Merge,
  { jobs, failures, withinDays }: LoadTools,
): Promise<void> {
  const range = merge.partition === undefined ? undefined : rangeOf(times, withinDays)
  const { inserted } = await jobs.run(`${stage}_insert`, { query: insertMissing(merge, range) })
  if (inserted === rows) return
  const [[count, from, to] = []] = await jobs.rows(findThere(merge, range))
  if (Number(count) < rows)
    throw failures.ofWarehouse(`of ${rows} rows for "${table}", ${count} are there after the load`)
  const there =
    from == null || to == null ? range : { from: Number(from), to: Number(to) + 1, orNone: range?.orNone ?? false }
  const query = replaceThere(merge, there)
  if (query !== '') await jobs.run(`${stage}_replace`, { query })
}
