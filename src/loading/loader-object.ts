import { DurableObject } from 'cloudflare:workers'
import type {
  Bindings,
  ErasureStatus,
  LoaderRpc,
  LoaderStatus,
  LoadOptions,
  LoadReport,
  StagedAnswer,
  StagedFile,
  StagedPlaceQuery,
} from '../core/bindings.ts'
import type { SyncDetail, SyncPage, SyncQuery } from '../core/sync.ts'
import type { MendedFile, Told, UnreadableFileStatus, UnreadableLines, UnreadableRange } from '../core/unreadable.ts'
import { type ErasureOrder, erasureSettlesMs } from '../core/erased-user.ts'
import { createBill } from '../core/billed.ts'
import { type Port } from '../core/port.ts'
import type { ResolvedConfig } from '../core/resolved-config.ts'
import { realPort } from '../platform/real-port.ts'
import { Database } from '../storage/database.ts'
import { RecentKeys } from '../storage/recent-keys.ts'
import { conditionOf } from './condition.ts'
import { Erasures } from './erasures.ts'
import { HeldRows } from './held-rows.ts'
import { HeldSetAside } from './held-set-aside.ts'
import { KnownSchema } from './known-schema.ts'
import type { SliceReport } from './load-group.ts'
import { LoadHistory, type PastLoad } from './load-history.ts'
import { LoadPosition } from './load-position.ts'
import { nothing } from '../core/load-reports.ts'
import { type LoaderMemory, type Run, runLoad } from './load-run.ts'
import { StagedFiles } from './staged-files.ts'
import { SyncNotes } from './sync-detail.ts'
import { nextSync, outsideWindow, scheduleOf, type SyncSchedule } from './sync-schedule.ts'
import { TableFreshnesses } from './table-freshness.ts'
import { told } from './told.ts'
import { Turns } from './turns.ts'
import { UnreadableFiles } from './unreadable-files.ts'

const defaultBudgetMs = 25_000

/**
 * Loads what the lanes of one warehouse staged. The object's name is the warehouse's name in the config.
 *
 * It is asked each minute, and knows itself whether it is its turn. Layout of the storage: see StagedFiles, KnownSchema,
 * LoadPosition, LoadHistory, HeldRows, Turns and TableFreshnesses.
 */
export class LoaderObject extends DurableObject<Bindings> implements LoaderRpc {
  protected readonly port: Port = realPort
  readonly #resolved: ResolvedConfig
  readonly #billed = createBill()
  readonly #memory: LoaderMemory
  readonly #history: LoadHistory
  readonly #unreadable: UnreadableFiles
  readonly #heldSetAside: HeldSetAside
  readonly #turns: Turns
  readonly #freshness: TableFreshnesses
  #running: { readonly since: number; readonly report: Promise<LoadReport> } | undefined

  constructor(ctx: DurableObjectState, env: Bindings, resolved: ResolvedConfig) {
    super(ctx, env)
    const db = new Database(ctx.storage.sql, this.#billed)
    this.#resolved = resolved
    this.#memory = {
      files: new StagedFiles(db),
      schema: new KnownSchema(db),
      position: new LoadPosition(db),
      held: new HeldRows(db),
      erasures: new Erasures(db),
      discarded: new RecentKeys(db, 'discarded'),
    }
    this.#history = new LoadHistory(db)
    this.#turns = new Turns(db)
    this.#freshness = new TableFreshnesses(db)
    this.#heldSetAside = new HeldSetAside(db, this.#memory.held)
    this.#unreadable = new UnreadableFiles([this.#memory.files, this.#heldSetAside], env.BUCKET)
  }

  async register(_warehouse: string, file: StagedFile): Promise<void> {
    this.#billed.calls++
    this.#memory.files.register(file, this.port.now())
  }

  async load(warehouse: string, options: LoadOptions = {}): Promise<LoadReport> {
    this.#billed.calls++
    const isAsked = options.now === true || options.retry !== undefined
    if (isAsked && this.#running !== undefined) {
      // It may have begun before what made it fail was put right.
      const until = this.port.now()
      const report = await this.#running.report
      const { files, held } = this.#memory
      const isAll = held.nextAt === undefined && !files.hasStaged({ until, now: this.port.now() })
      if (report.error === undefined && options.retry === undefined && isAll) return report
    }
    if (this.#running === undefined) {
      const report = this.#load(warehouse, options).finally(() => {
        this.#running = undefined
      })
      this.#running = { since: this.port.now(), report }
    }
    return this.#running.report
  }

  async status(warehouse: string): Promise<LoaderStatus> {
    this.#billed.calls++
    const now = this.port.now()
    const { files, schema, held, position } = this.#memory
    const { files: stagedFiles, events, since } = files.waiting(position.done)
    const lastLoad = this.#history.last()
    const failure = this.#history.failure()
    const schedule = this.#scheduleOf(warehouse)
    const target = this.#resolved.targets.get(warehouse)
    const waitingTables = held.list()
    const facts = {
      stagedFiles,
      oldestSeconds: since === undefined ? 0 : Math.max(0, Math.round((now - since) / 1000)),
      stuckFiles: [...files.keys('stuck'), ...held.keys('stuck')],
      ...(failure === undefined ? {} : { failure }),
      waitingTables,
    }
    return {
      warehouse,
      ...conditionOf({ ...facts, now, schedule }),
      ...facts,
      stagedEvents: events,
      ...(lastLoad === undefined ? {} : { lastLoad }),
      ...(target === undefined ? {} : this.#timesOf(schedule, stagedFiles + waitingTables.length > 0)),
      ...(this.#running === undefined ? {} : { runningSince: this.#running.since }),
      tables: schema.all(target?.kind === 'warehouse' ? target.route.use.namespaceOf('any') : undefined),
      freshness: this.#freshness.all(),
      billed: this.#billed,
    }
  }

  async syncs(_warehouse: string, query: SyncQuery): Promise<SyncPage> {
    this.#billed.calls++
    return this.#history.page(query)
  }

  async waitsFor(warehouse: string, event: StagedPlaceQuery): Promise<StagedAnswer> {
    this.#billed.calls++
    const state = this.#memory.files.stateOf(event)
    const held = state === undefined ? this.#memory.held.waitsFor(event.id) : undefined
    if (held !== undefined) return { waits: true, ...held }
    if (state === 'stuck' || (state === undefined && this.#heldSetAside.has(event.id)))
      return { waits: true, reason: 'its staging file could not be read and was set aside' }
    if (state === undefined) return { waits: false }
    const reason = this.#history.failure()?.reason
    const nextAttemptAt = this.#nextAttemptAt(this.#scheduleOf(warehouse))
    return { waits: true, ...(reason === undefined ? {} : { reason }), nextAttemptAt }
  }

  async unreadable(warehouse: string): Promise<readonly UnreadableFileStatus[]> {
    return this.#unreadable.all(warehouse)
  }

  async readUnreadable(warehouse: string, file: string, range: UnreadableRange): Promise<Told<UnreadableLines>> {
    return told(() => this.#unreadable.read(warehouse, file, range))
  }

  async mendUnreadable(warehouse: string, file: string, text: string): Promise<Told<MendedFile>> {
    return told(() => this.#unreadable.mend(warehouse, file, text))
  }

  async reloadUnreadable(warehouse: string, file: string): Promise<Told<null>> {
    return told(() => {
      this.#unreadable.reload(warehouse, file, this.port.now())
      return null
    })
  }

  async discardUnreadable(warehouse: string, file: string): Promise<Told<UnreadableFileStatus>> {
    return told(() => {
      const gone = this.#unreadable.discard(warehouse, file, this.port.now())
      const { key, table, events, loadedEvents } = gone
      const what = { warehouse, key, events, loadedEvents }
      if (table === undefined) this.port.log('warn', 'a staging file is discarded', what)
      else this.port.log('warn', 'a file of held rows is discarded', { ...what, table })
      return gone
    })
  }

  async erase(warehouse: string, user: ErasureOrder): Promise<ErasureStatus> {
    const { erasures, files } = this.#memory
    erasures.ask(user)
    const target = this.#resolved.targets.get(warehouse)
    const stageSeconds = (target?.kind === 'warehouse' && target.route.stageSeconds) || 10
    const until = user.askedAt + erasureSettlesMs + stageSeconds * 1_000
    const { stuckFiles, waitingTables, reason } = await this.status(warehouse)
    const now = this.port.now()
    const isStaged = files.hasStaged({ until, now })
    const isDone = now > until && !isStaged && stuckFiles.length + waitingTables.length === 0
    return { isDone, reason: isDone ? 'rows that are in its tables stay' : (reason ?? 'events wait to be loaded') }
  }

  /** When the schedule loads what waits, and when it begins its next sync. */
  #timesOf(schedule: SyncSchedule, waits: boolean): Pick<LoaderStatus, 'nextAttemptAt' | 'schedule'> {
    const now = this.port.now()
    const nextSyncAt = nextSync(schedule, { now, isDue: schedule.everyMinutes === 1 })
    return {
      ...(waits ? { nextAttemptAt: this.#nextAttemptAt(schedule) } : {}),
      schedule: { ...schedule, nextSyncAt },
    }
  }

  /** When the schedule loads what is staged, or tries a table whose rows wait. */
  #nextAttemptAt(schedule: SyncSchedule): number {
    const now = this.port.now()
    const { files, held } = this.#memory
    const from = this.#history.nextAttemptAt(now)
    const isDue = files.hasStaged({ until: this.#turns.until(schedule, now), now })
    const next = nextSync(schedule, { now, from, isDue })
    if (held.nextAt === undefined) return next
    const at = held.due(now).length > 0 ? now : held.nextAt
    const retry = nextSync(schedule, { now, from: Math.max(at, from ?? 0), isDue: true })
    return files.waiting().files === 0 ? retry : Math.min(next, retry)
  }

  #scheduleOf(warehouse: string): SyncSchedule {
    const target = this.#resolved.targets.get(warehouse)
    return scheduleOf(target?.kind === 'warehouse' ? target.route : {})
  }

  async #load(warehouse: string, { budgetMs = defaultBudgetMs, now = false, retry }: LoadOptions): Promise<LoadReport> {
    const start = this.port.now()
    const target = this.#resolved.targets.get(warehouse)
    if (target?.kind !== 'warehouse') return { ...nothing, error: `The config has no warehouse "${warehouse}"` }
    const { files, held, schema } = this.#memory
    const schedule = scheduleOf(target.route)
    const isAsked = now || retry !== undefined
    if (!isAsked && outsideWindow(schedule, start) > start) return nothing
    if (!isAsked) this.#turns.begin(schedule, start)
    const staged = now ? start : this.#turns.until(schedule, start)
    const until = retry === undefined && files.hasStaged({ until: staged, now: start }) ? staged : undefined
    const tables = held.due(start, wantedTables(isAsked, retry?.table))
    const nextAttemptAt = this.#history.nextAttemptAt(start)
    if (!isAsked && nextAttemptAt !== undefined && start < nextAttemptAt) {
      const time = new Date(nextAttemptAt).toISOString()
      return { ...nothing, error: `Waits until ${time}: ${this.#history.last()?.error ?? 'the last load failed'}` }
    }
    const hasDone = files.keys('loaded').length + held.keys('done').length > 0
    if (until === undefined && tables.length === 0 && !hasDone) return nothing
    const notes = new SyncNotes()
    const noted = (slice: SliceReport) => {
      notes.note(slice)
      this.#freshness.note(slice.tables, this.port.now())
    }
    const order = { target, until, tables, isAsked, deadline: start + budgetMs, noted }
    const place = { bindings: this.env, port: this.port, billed: this.#billed }
    const run = await runLoad(order, this.#memory, place)
    const isUnfinished =
      until !== undefined && run.report.error === undefined && files.hasStaged({ until, now: this.port.now() })
    const detail = notes.detail(schema.takeChanges(), {
      refused: Object.fromEntries(held.list().map(({ table, reason }) => [table, reason])),
      isUnfinished,
    })
    const how = { at: start, ms: this.port.now() - start, ...(isAsked ? { asked: true } : {}) }
    this.#note(warehouse, run, {
      ...how,
      detail: notes.isEmpty && !run.report.files && !run.report.erased ? undefined : detail,
    })
    return isUnfinished ? { ...run.report, isUnfinished } : run.report
  }

  /** Remembers a run, and logs when the warehouse begins to fail, fails for another lasting reason, and is back. */
  #note(
    warehouse: string,
    { report, failed, lasting }: Run,
    { detail, ...how }: Pick<PastLoad, 'at' | 'ms' | 'asked'> & { readonly detail: SyncDetail | undefined },
  ): void {
    const { error, ...done } = report
    const before = this.#history.failure()
    if (report.events === 0 && error === undefined && detail === undefined) return
    // What went well is no part of a failure that came after it: the wait begins anew.
    if (failed && report.events > 0) this.#history.note({ ...done, ...how, part: true }, false)
    this.#history.note({ ...report, ...how, ...(lasting ? { lasting } : {}) }, failed, detail)
    if (error === undefined) {
      const failedSeconds = before === undefined ? 0 : Math.round((how.at + how.ms - before.since) / 1000)
      if (before !== undefined) this.port.log('info', 'a warehouse is back', { warehouse, ...done, failedSeconds })
    } else if (before === undefined || (lasting && before.reason !== error)) {
      const nextAttemptAt = new Date(this.#nextAttemptAt(this.#scheduleOf(warehouse))).toISOString()
      this.port.log('error', 'a warehouse fails: what is staged for it waits', {
        warehouse,
        reason: error,
        nextAttemptAt,
      })
    }
  }
}

/** Which tables with waiting rows a person wants to be tried; undefined where nobody asked. */
function wantedTables(isAsked: boolean, table: string | undefined): 'all' | { readonly table: string } | undefined {
  if (table !== undefined) return { table }
  return isAsked ? 'all' : undefined
}
