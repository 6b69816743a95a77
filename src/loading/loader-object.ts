import { DurableObject } from 'cloudflare:workers'
import type {
  Bindings,
  LoaderRpc,
  LoaderStatus,
  LoadOptions,
  LoadReport,
  StagedAnswer,
  StagedFile,
  StagedPlaceQuery,
} from '../core/bindings.ts'
import type { MendedFile, Told, UnreadableFileStatus, UnreadableLines, UnreadableRange } from '../core/unreadable.ts'
import { Database } from '../storage/database.ts'
import { RecentKeys } from '../storage/recent-keys.ts'
import { reasonOf } from '../core/errors.ts'
import { type Port } from '../core/port.ts'
import { conditionOf, nextTurn } from './condition.ts'
import { EnginePool } from './engine-pool.ts'
import { KnownSchema } from './known-schema.ts'
import { isLasting } from './load-failure.ts'
import { LoadGroup } from './load-group.ts'
import { LoadPosition } from './load-position.ts'
import { LoadHistory, type PastLoad } from './load-history.ts'
import { UnreadableFile } from './staged-events.ts'
import { StagedFiles } from './staged-files.ts'
import { told } from './told.ts'
import { UnreadableFiles } from './unreadable-files.ts'
import { createBill } from '../core/billed.ts'
import { realPort } from '../platform/real-port.ts'
import type { Target, ResolvedConfig } from '../core/resolved-config.ts'

const defaultBudgetMs = 25_000
const nothing: LoadReport = { files: 0, events: 0, rows: 0, discards: 0 }

type WarehouseTarget = Extract<Target, { readonly kind: 'warehouse' }>

/** What a run did, and how it failed. */
interface Run {
  readonly report: LoadReport
  /** True when the warehouse was the reason that it stopped. */
  readonly failed: boolean
  readonly lasting: boolean
}

/**
 * Loads what the lanes of one warehouse staged. The object's name is the warehouse's name in the config.
 *
 * Files are marked as loaded only after the warehouse has their rows, and deleted from R2 only after that; a crash anywhere
 * loads some of them again, which repeats no rows. Layout of the storage: see StagedFiles, KnownSchema and LoadHistory.
 */
export class LoaderObject extends DurableObject<Bindings> implements LoaderRpc {
  protected readonly port: Port = realPort
  readonly #resolved: ResolvedConfig
  readonly #billed = createBill()
  readonly #files: StagedFiles
  readonly #schema: KnownSchema
  readonly #position: LoadPosition
  readonly #history: LoadHistory
  readonly #unreadable: UnreadableFiles
  readonly #discarded: RecentKeys
  #running: Promise<LoadReport> | undefined

  constructor(ctx: DurableObjectState, env: Bindings, resolved: ResolvedConfig) {
    super(ctx, env)
    const db = new Database(ctx.storage.sql, this.#billed)
    this.#resolved = resolved
    this.#files = new StagedFiles(db)
    this.#schema = new KnownSchema(db)
    this.#position = new LoadPosition(db)
    this.#history = new LoadHistory(db)
    this.#unreadable = new UnreadableFiles(this.#files, env.BUCKET)
    this.#discarded = new RecentKeys(db, 'discarded')
  }

  async register(_warehouse: string, file: StagedFile): Promise<void> {
    this.#billed.calls++
    this.#files.register(file, this.port.now())
  }

  async load(warehouse: string, options: LoadOptions = {}): Promise<LoadReport> {
    this.#billed.calls++
    const isAsked = options.now === true
    if (isAsked && this.#running !== undefined) {
      // It may have begun before what made it fail was put right.
      const report = await this.#running
      if (report.error === undefined) return report
    }
    return (this.#running ??= this.#load(warehouse, options.budgetMs ?? defaultBudgetMs, isAsked).finally(() => {
      this.#running = undefined
    }))
  }

  async status(warehouse: string): Promise<LoaderStatus> {
    this.#billed.calls++
    const now = this.port.now()
    const { files, events, since } = this.#files.waiting()
    const lastLoad = this.#history.last()
    const failure = this.#history.failure()
    const staged = {
      stagedFiles: files,
      oldestSeconds: since === undefined ? 0 : Math.max(0, Math.round((now - since) / 1000)),
      stuckFiles: this.#files.keys('stuck'),
      ...(failure === undefined ? {} : { failure }),
    }
    return {
      warehouse,
      ...conditionOf({ ...staged, now, everyMinutes: this.#everyMinutesOf(warehouse) }),
      ...staged,
      stagedEvents: events,
      ...(lastLoad === undefined ? {} : { lastLoad }),
      ...(files === 0 ? {} : { nextAttemptAt: this.#nextAttemptAt(warehouse) }),
      tables: this.#schema.all(),
      billed: this.#billed,
    }
  }

  async waitsFor(warehouse: string, event: StagedPlaceQuery): Promise<StagedAnswer> {
    this.#billed.calls++
    const state = this.#files.stateOf(event)
    if (state === undefined) return { waits: false }
    if (state === 'stuck') return { waits: true, reason: 'its staging file could not be read and was set aside' }
    const reason = this.#history.failure()?.reason
    const nextAttemptAt = this.#nextAttemptAt(warehouse)
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
      const { key, events, loadedEvents } = gone
      this.port.log('warn', 'a staging file is discarded', { warehouse, key, events, loadedEvents })
      return gone
    })
  }

  #nextAttemptAt(warehouse: string): number {
    return nextTurn(this.port.now(), this.#history.nextAttemptAt(), this.#everyMinutesOf(warehouse))
  }

  #everyMinutesOf(warehouse: string): number {
    const target = this.#resolved.targets.get(warehouse)
    return (target?.kind === 'warehouse' ? target.route.everyMinutes : undefined) ?? 1
  }

  async #load(warehouse: string, budgetMs: number, isAsked: boolean): Promise<LoadReport> {
    const start = this.port.now()
    const target = this.#resolved.targets.get(warehouse)
    if (target?.kind !== 'warehouse') return { ...nothing, error: `The config has no warehouse "${warehouse}"` }
    const nextAttemptAt = this.#history.nextAttemptAt()
    if (!isAsked && nextAttemptAt !== undefined && start < nextAttemptAt) {
      const until = new Date(nextAttemptAt).toISOString()
      return { ...nothing, error: `Waits until ${until}: ${this.#history.last()?.error ?? 'the last load failed'}` }
    }
    const run = await this.#loadGroups(target, start + budgetMs)
    this.#note(warehouse, run, { at: start, ms: this.port.now() - start, ...(isAsked ? { asked: true } : {}) })
    return run.report
  }

  /** Remembers a run, and logs when the warehouse begins to fail, fails for another lasting reason, and is back. */
  #note(warehouse: string, { report, failed, lasting }: Run, how: Pick<PastLoad, 'at' | 'ms' | 'asked'>): void {
    const { error, ...done } = report
    const before = this.#history.failure()
    if (report.events === 0 && report.files === 0 && error === undefined) return
    // What went well is no part of a failure that came after it: the wait begins anew.
    if (failed && report.events > 0) this.#history.note({ ...done, ...how }, false)
    this.#history.note({ ...report, ...how, ...(lasting ? { lasting } : {}) }, failed)
    if (error === undefined) {
      const failedSeconds = before === undefined ? 0 : Math.round((how.at + how.ms - before.since) / 1000)
      if (before !== undefined) this.port.log('info', 'a warehouse is back', { warehouse, ...done, failedSeconds })
    } else if (before === undefined || (lasting && before.reason !== error)) {
      const nextAttemptAt = new Date(this.#nextAttemptAt(warehouse)).toISOString()
      this.port.log('error', 'a warehouse fails: what is staged for it waits', {
        warehouse,
        reason: error,
        nextAttemptAt,
      })
    }
  }

  async #loadGroups(target: WarehouseTarget, deadline: number): Promise<Run> {
    const unreadable = new Map<string, string>()
    let report = nothing
    const engines = new EnginePool(target.route.use, { ...this.env })
    try {
      await this.#deleteLoaded()
      for (;;) {
        const files = this.#files.next(new Set(unreadable.keys()))
        if (files.length === 0 || this.port.now() >= deadline) break
        const group = this.#groupOf(target, engines, deadline)
        let isDone = true
        try {
          isDone = await group.run(files)
        } catch (thrown) {
          if (!(thrown instanceof UnreadableFile)) throw thrown
          const done = this.#position.doneOf(thrown.key)
          this.#files.unreadable(thrown.key, { reason: thrown.message, done, now: this.port.now() })
          unreadable.set(thrown.key, thrown.message)
        } finally {
          report = addReports(report, group.report)
        }
        await this.#deleteLoaded()
        if (!isDone) break
      }
    } catch (thrown) {
      return { report: { ...report, error: reasonOf(thrown) }, failed: true, lasting: isLasting(thrown) }
    } finally {
      this.#billed.d1RowsWritten += engines.rowsWritten
      await engines.close()
    }
    const [error] = unreadable.values()
    return { report: error === undefined ? report : { ...report, error }, failed: false, lasting: false }
  }

  #groupOf(target: WarehouseTarget, engines: EnginePool, deadline: number): LoadGroup {
    const loaded = ({ key }: StagedFile) => {
      this.#billed.r2Reads++
      this.#files.mark([key], 'loaded', this.port.now())
    }
    const own = { schema: this.#schema, position: this.#position, discarded: this.#discarded }
    return new LoadGroup({ ...own, target, engines, bindings: this.env, port: this.port, loaded, deadline })
  }

  async #deleteLoaded(): Promise<void> {
    const keys = this.#files.keys('loaded')
    if (keys.length > 0) {
      await this.env.BUCKET.delete(keys)
      this.#files.mark(keys, 'gone', this.port.now())
    }
    this.#files.prune(this.port.now())
  }
}

const addReports = (a: LoadReport, b: LoadReport): LoadReport => ({
  files: a.files + b.files,
  events: a.events + b.events,
  rows: a.rows + b.rows,
  discards: a.discards + b.discards,
})
