import { SluicewayError } from '../../core/errors.ts'
import type { Columns, Load } from '../../core/warehouse.ts'
import { hexHash } from '../hex-hash.ts'
import { createStage, type LoadTools, mergeStage, stageName } from './merge-stage.ts'
import { timesOf } from './row-times.ts'
import { stagedRows } from './rows.ts'
import { isName, loadColumn } from './schema.ts'
import type { StoredTable } from './tables.ts'

/**
 * Loads rows: a load job brings them into a table of their own, from which statements merge them.
 *
 * Table and jobs are named by the rows, so that a load that is repeated finds what it has done. The table goes at the end, or by
 * itself after a day.
 *
 * @param load with at least one row
 * @param tools of one engine
 * @param more loads of the same table and columns that append, as the first one does
 * @throws {SluicewayError} warehouse_failed; the same load may be repeated
 */
export async function loadRows(load: Load, tools: LoadTools, more: readonly Load[] = []): Promise<void> {
  const { tables, jobs } = tools
  checkRows(load, tools)
  const target = await targetOf(load, tools)
  const { columns, lines: first } = stagedRows(load)
  const lines = [first, ...more.map((one) => stagedRows(one).lines)].join('\n')
  const id = [load, ...more].map((one) => one.id).join()
  const hash = await hexHash(
    `${JSON.stringify([id, tables.nameOf(load.table), load.merge, target.createdAt, columns])}\n${lines}`,
    16,
  )
  const stage = stageName(hash)
  const { partition } = target
  const { table, merge, rows } = load
  const madeAt = await createStage(stage, columns, tables)
  try {
    // Rows of a job that is older than the table went with an earlier one.
    await jobs.run(`${stage}_load`, { ...tables.place(stage), lines }, madeAt)
    const times = timesOf(load, partition)
    await mergeStage({ stage, table, merge, columns, rows: rows.length, times, partition }, target, tools)
  } catch (thrown) {
    // These rows are not loaded together again. Of other failures the stage is what the repeat goes on with.
    const { scope } = thrown instanceof SluicewayError ? thrown.details : {}
    if (scope === 'rows' || scope === 'table') await tables.delete(stage).catch(() => {})
    throw thrown
  }
  await tables.delete(stage)
}

/**
 * Checks that the rows of a load can be staged.
 *
 * @param load with any rows
 * @param tools of one engine
 * @throws {SluicewayError} warehouse_failed where a name is none, or a row has no id
 */
export function checkRows({ table, merge, columns, rows }: Load, { failures }: LoadTools): void {
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

/**
 * Finds the table of a load.
 *
 * @param load which table, and how rows get into it
 * @param tools of one engine
 * @returns the table as it is
 * @throws {SluicewayError} warehouse_failed where there is none, or a view
 */
export async function targetOf(
  { table, merge }: Pick<Load, 'table' | 'merge'>,
  { tables, failures }: LoadTools,
): Promise<StoredTable> {
  // A load changes no columns of events; this one is the engine's own.
  const own: Columns = { [loadColumn]: 'string' }
  if (merge === 'append') await tables.addColumns(table, own)
  const found = await tables.get(table)
  if (found === null) throw failures.ofTable(`the table "${table}" is not there`)
  if (found.isView) throw failures.ofTable(isViewWords(table))
  return found
}
