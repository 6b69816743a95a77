import { cutLetters } from '../core/cut-letters.ts'
import type { LoadReport } from '../core/bindings.ts'
import type { NewDeadLetter } from '../core/dead-letter.ts'
import { SluicewayError } from '../core/errors.ts'
import { laneOf } from '../core/lanes.ts'
import type { HeldFile, TableFailure } from './held-rows.ts'
import { TableRefused } from './load-failure.ts'
import { LoadGroup, type Loading } from './load-group.ts'
import { addReports, nothing } from '../core/load-reports.ts'
import { deadLetterOf } from './rows-of.ts'
import { readStaged, stagedEvents, UnreadableFile } from './staged-events.ts'

/** What loading the rows that wait for a table needs. */
type RetryTools = Omit<Loading, 'position' | 'from' | 'loaded'> & {
  /** Whether a person wants it. */
  readonly isAsked: boolean
}

/**
 * Loads the rows that wait for one table, file by file, oldest first. Where the table still refuses them, those that have waited
 * for too long become dead letters, and the others wait for longer.
 *
 * @param table which one
 * @param tools what to load with
 * @returns what was loaded
 * @throws {SluicewayError} warehouse_failed when the warehouse, not the table, is the reason
 */
export async function retryTable(table: string, tools: RetryTools): Promise<LoadReport> {
  const { held, port, target } = tools
  let report = nothing
  let failure: TableFailure | undefined
  for (const file of held.filesOf(table)) {
    // The next minute goes on with them.
    if (port.now() >= tools.deadline) return end(report)
    const position = held.positionOf(file)
    const group = new LoadGroup({ ...tools, from: file, position, loaded: () => held.done(file) })
    try {
      const ended = await group.run([{ ...file, partition: 0, done: 0 }])
      if (ended !== 'done') return end(report)
    } catch (thrown) {
      if (!(thrown instanceof TableRefused)) {
        setAside(file, thrown)
        continue
      }
      const code = thrown.cause instanceof SluicewayError ? thrown.cause.code : 'internal'
      failure = { reason: thrown.message, code }
      break
    } finally {
      report = addReports(report, { ...group.report, files: 0 })
    }
  }
  failure ??= held.filesOf(table).length > 0 ? held.failureOf(table) : undefined
  if (failure !== undefined)
    for (const file of held.overdue(table, port.now())) {
      if (port.now() >= tools.deadline) break
      try {
        report = addReports(report, { ...nothing, erased: await giveUp(file, failure, tools) })
      } catch (thrown) {
        setAside(file, thrown)
      }
    }
  return end(report)

  /** Keeps a file that cannot be read; whatever else was thrown goes on. */
  function setAside(file: HeldFile, thrown: unknown): void {
    if (!(thrown instanceof UnreadableFile)) throw thrown
    const { message: reason } = thrown
    held.giveUpReading(file, { reason, now: port.now() })
    port.log('error', 'a file of held rows cannot be read and was set aside', { key: file.key, reason })
  }

  function end(done: LoadReport): LoadReport {
    const since = held.tried(table, { failure, isAsked: tools.isAsked, now: port.now() })
    if (since !== undefined)
      port.log('info', 'a table of a warehouse has no rows waiting any more', {
        warehouse: target.name,
        table,
        rows: done.rows,
      })
    return done
  }
}

/** Makes dead letters of the events of a file whose rows are not in the warehouse; gives how many erased users had. */
async function giveUp(file: HeldFile, { reason, code }: TableFailure, tools: RetryTools): Promise<number> {
  const { held, bindings, target, noted, erasures } = tools
  const done = held.positionOf(file).doneOf(file.key)
  const letters: NewDeadLetter[] = []
  let erased = 0
  const bytes = await readStaged({ ...file, partition: 0 }, bindings.BUCKET)
  for (const { envelope } of stagedEvents(file, bytes, done)) {
    if (erasures.has(envelope, erasures.newest)) erased++
    else letters.push({ ...deadLetterOf(envelope, undefined), reason, code })
  }
  const lane = { target: target.name, partition: 0 }
  for (const some of cutLetters(letters)) await laneOf(bindings, lane).addDeadLetters(lane, some, true)
  held.done(file)
  noted({ tables: new Map(), discards: 0, deadLetters: letters.length, waiting: 0 })
  return erased
}
