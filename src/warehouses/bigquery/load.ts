import { SluicewayError } from '../../core/errors.ts'
import type { Columns, Load } from '../../core/warehouse.ts'
import { hexHash } from '../hex-hash.ts'
import type { BigQueryFailures } from './failure.ts'
import type { BigQueryJobs } from './jobs.ts'
import {
  appendOnce,
  findThere,
  foldThere,
  insertMissing,
  type Merge,
  replaceThere,
  type TimeRange,
} from './merge-sql.ts'
import { stagedRows } from './rows.ts'
import { fieldOf, isName, loadColumn } from './schema.ts'
import { type BigQueryTables, loadTime, type StoredTable } from './tables.ts'

/** What a load works with. */
export interface LoadTools {
  readonly tables: BigQueryTables
  readonly jobs: BigQueryJobs
  readonly failures: BigQueryFailures
  /** Days around the events of a load in which rows of the same id are looked for. */
  readonly withinDays: number
}

const stagePrefix = '_sluiceway_stage'
const dayMs = 86_400_000
const stageMs = dayMs
/** What is divided by the time of the load has the rows of a load that is repeated a little before now. */
const clocksMs = dayMs

/**
 * Loads rows: a load job brings them into a table of their own, from which statements merge them.
 *
 * Table and jobs are named by the rows, so that a load that is repeated finds what it has done. The table goes at the end, or by
 * itself after a day.
 *
 * @param load with at least one row
 * @param tools of one engine
 * @throws {SluicewayError} warehouse_failed; the same load may be repeated
 */
export async function loadRows(load: Load, tools: LoadTools): Promise<void> {
  const { tables, jobs } = tools
  checkRows(load, tools)
  const target = await targetOf(load, tools)
  const { columns, lines } = stagedRows(load)
  const hash = await hexHash(
    `${JSON.stringify([load.id, tables.nameOf(load.table), load.merge, target.createdAt, columns])}\n${lines}`,
    16,
  )
  const stage = `${stagePrefix}_${hash}`
  const fields = columns.map(({ name, type }) => fieldOf(name, type))
  const madeAt = await tables.create(stage, { fields, expiresAt: Date.now() + stageMs })
  const hasId = columns.some(({ name }) => name === 'id')
  const merge: Merge = {
    table: tables.nameOf(load.table),
    stage: tables.nameOf(stage),
    columns,
    fields: target.fields,
    partition: hasId && load.merge === 'replace' ? target.partition : undefined,
  }
  try {
    // Rows of a job that is older than the table went with an earlier one.
    await jobs.run(`${stage}_load`, { ...tables.place(stage), lines }, madeAt)
    if (load.merge === 'append') await jobs.run(`${stage}_append`, { query: appendOnce(merge) })
    else if (load.merge === 'coalesce') await jobs.run(`${stage}_fold`, { query: foldThere(merge) })
    else await replace(load, { merge, stage }, tools)
  } catch (thrown) {
    // These rows are not loaded together again. Of other failures the stage is what the repeat goes on with.
    const { scope } = thrown instanceof SluicewayError ? thrown.details : {}
    if (scope === 'rows' || scope === 'table') await tables.delete(stage).catch(() => {})
    throw thrown
  }
  await tables.delete(stage)
}

/** Mostly no row is there, which costs little to see; only when some are is more read, and written anew. */
async function replace(
  load: Load,
  { merge, stage }: { readonly merge: Merge; readonly stage: string },
  { jobs, failures, withinDays }: LoadTools,
): Promise<void> {
  const range = rangeOf(load, merge.partition, withinDays)
  const { inserted } = await jobs.run(`${stage}_insert`, { query: insertMissing(merge, range) })
  if (inserted === load.rows.length) return
  const [[count, from, to] = []] = await jobs.rows(findThere(merge, range))
  if (Number(count) < load.rows.length)
    throw failures.ofWarehouse(`of ${load.rows.length} rows for "${load.table}", ${count} are there after the load`)
  const there =
    from == null || to == null ? range : { from: Number(from), to: Number(to) + 1, orNone: range?.orNone ?? false }
  const query = replaceThere(merge, there)
  if (query !== '') await jobs.run(`${stage}_replace`, { query })
}

/** The times between which rows of the same ids are looked for. */
function rangeOf({ columns, rows }: Load, partition: string | undefined, days: number): TimeRange | undefined {
  if (partition === undefined) return undefined
  const now = Date.now()
  const at = columns.findIndex(({ name }) => name === partition)
  // Those that the merge fills, too.
  if (at < 0 || partition === loadTime || partition === 'loaded_at')
    return { from: now - days * dayMs, to: now + clocksMs }
  let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  let orNone = false
  for (const row of rows) {
    const time = typeof row[at] === 'string' ? Date.parse(row[at]) : Number.NaN
    if (Number.isNaN(time)) orNone = true
    else {
      from = Math.min(from, time)
      to = Math.max(to, time)
    }
  }
  if (from > to) [from, to] = [now, now]
  return { from: from - days * dayMs, to: to + days * dayMs, orNone }
}

function checkRows({ table, merge, columns, rows }: Load, { failures }: LoadTools): void {
  const odd = [table, ...columns.map(({ name }) => name)].find((name) => !isName(name))
  if (odd !== undefined) throw failures.ofTable(notName(odd))
  const id = columns.findIndex(({ name }) => name === 'id')
  if (merge === 'append' || id < 0) return
  if (rows.some((row) => row[id] === null || row[id] === '')) throw failures.ofRows(`a row for "${table}" has no id`)
}

/** Why a view is refused. */
export const isViewWords = (table: string): string =>
  `"${table}" is a view, which takes no rows: drop it, or give it another name`

/** Why a name is refused. */
export const notName = (name: string): string => `"${name}" can be no name of a table or column`

async function targetOf({ table, merge }: Load, { tables, failures }: LoadTools): Promise<StoredTable> {
  // A load changes no columns of events; this one is the engine's own.
  const own: Columns = { [loadColumn]: 'string' }
  if (merge === 'append') await tables.addColumns(table, own)
  const found = await tables.get(table)
  if (found === null) throw failures.ofTable(`the table "${table}" is not there`)
  if (found.isView) throw failures.ofTable(isViewWords(table))
  return found
}
