import type { Bindings, LoadReport, StagedFile } from '../core/bindings.ts'
import type { Billed } from '../core/billed.ts'
import { reasonOf } from '../core/errors.ts'
import type { Port } from '../core/port.ts'
import type { RecentKeys } from '../storage/recent-keys.ts'
import { EnginePool } from './engine-pool.ts'
import type { Erasures } from './erasures.ts'
import type { HeldRows } from './held-rows.ts'
import type { KnownSchema } from './known-schema.ts'
import { isLasting } from './load-failure.ts'
import { type GroupEnd, LoadGroup, type Loading } from './load-group.ts'
import type { LoadPosition } from './load-position.ts'
import { addReports, nothing } from '../core/load-reports.ts'
import { retryTable } from './retry-table.ts'
import { UnreadableFile } from './staged-events.ts'
import type { StagedFiles } from './staged-files.ts'

/** What the loader of a warehouse keeps from one run to the next. */
export interface LoaderMemory {
  readonly files: StagedFiles
  readonly schema: KnownSchema
  readonly position: LoadPosition
  readonly held: HeldRows
  readonly erasures: Erasures
  /** Discards that are in the warehouse already. */
  readonly discarded: RecentKeys
}

/** What a run is to do. */
export interface RunOrder {
  readonly target: Loading['target']
  /** Files that were staged until then are loaded, milliseconds since the epoch; none where it is left out. */
  readonly until?: number | undefined
  /** Tables with waiting rows that are tried before. */
  readonly tables: readonly string[]
  /** Whether a person wants it. */
  readonly isAsked: boolean
  /** Milliseconds since the epoch after which no slice is begun. */
  readonly deadline: number
  readonly noted: Loading['noted']
}

/** What a run did, and how it failed. */
export interface Run {
  readonly report: LoadReport
  /** True when the warehouse was the reason that it stopped. */
  readonly failed: boolean
  readonly lasting: boolean
}

/** Where a run takes place. */
interface Place {
  readonly bindings: Bindings
  readonly port: Port
  readonly billed: Billed
}

/**
 * Loads the rows that wait for tables, then staged files, oldest first, until nothing is left or the time is used up.
 *
 * Files are marked as loaded only after the warehouse has their rows, and deleted from R2 only after that; a crash anywhere
 * loads some of them again, which repeats no rows.
 *
 * @param order what to load
 * @param memory of the loader
 * @param place where
 * @returns what was done; never rejects for the warehouse or a file
 */
export async function runLoad(order: RunOrder, memory: LoaderMemory, { bindings, port, billed }: Place): Promise<Run> {
  const { target, until, tables, deadline, noted } = order
  const { files, schema, position, held, discarded, erasures } = memory
  const unreadable = new Map<string, string>()
  const engines = new EnginePool(target.route.use, { ...bindings })
  const common = { target, engines, schema, held, discarded, erasures, bindings, port, billed, deadline, noted }
  const loaded = ({ key }: StagedFile) => {
    billed.r2Reads++
    files.mark([key], 'loaded', port.now())
  }
  let report = nothing
  try {
    await deleteLoaded(memory, bindings, port)
    for (const table of tables) {
      if (port.now() >= deadline) break
      report = addReports(report, await retryTable(table, { ...common, isAsked: order.isAsked }))
    }
    for (;;) {
      if (until === undefined || port.now() >= deadline) break
      const next = files.next(new Set(unreadable.keys()), { until, now: port.now() })
      if (next.length === 0) break
      const group = new LoadGroup({ ...common, position, loaded })
      let end: GroupEnd = 'done'
      try {
        end = await group.run(next)
      } catch (thrown) {
        if (!(thrown instanceof UnreadableFile)) throw thrown
        const { key, message: reason } = thrown
        const isStuck = files.unreadable(key, { reason, done: position.doneOf(key), now: port.now() })
        if (isStuck) port.log('error', 'a staging file cannot be read and was set aside', { key, reason })
        unreadable.set(key, reason)
      } finally {
        report = addReports(report, group.report)
      }
      await deleteLoaded(memory, bindings, port)
      if (end === 'stopped') break
    }
    await deleteLoaded(memory, bindings, port)
  } catch (thrown) {
    return { report: { ...report, error: reasonOf(thrown) }, failed: true, lasting: isLasting(thrown) }
  } finally {
    billed.d1RowsWritten += engines.rowsWritten
    await engines.close()
  }
  const [error] = unreadable.values()
  return { report: error === undefined ? report : { ...report, error }, failed: false, lasting: false }
}

/** Deletes the objects of files whose rows are in the warehouse, or wait. */
async function deleteLoaded({ files, held }: LoaderMemory, bindings: Bindings, port: Port): Promise<void> {
  const keys = files.keys('loaded')
  if (keys.length > 0) {
    await bindings.BUCKET.delete(keys)
    files.mark(keys, 'gone', port.now())
  }
  const done = held.keys('done')
  if (done.length > 0) {
    await bindings.BUCKET.delete(done)
    held.forget(done)
  }
  files.prune(port.now())
}
