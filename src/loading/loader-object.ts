import { DurableObject } from 'cloudflare:workers'
import type { Bindings, LoaderRpc, LoaderStatus, LoadReport, StagedFile } from '../core/bindings.ts'
import { Database } from '../storage/database.ts'
import { reasonOf } from '../core/errors.ts'
import { type Port } from '../core/port.ts'
import type { Engine } from '../core/warehouse.ts'
import { KnownSchema } from './known-schema.ts'
import { LoadGroup, UnreadableFile } from './load-group.ts'
import { LoadHistory } from './load-history.ts'
import { StagedFiles } from './staged-files.ts'
import { createBill } from '../core/billed.ts'
import { realPort } from '../platform/real-port.ts'
import type { Target, ResolvedConfig } from '../core/resolved-config.ts'

const defaultBudgetMs = 25_000
const nothing: LoadReport = { files: 0, events: 0, rows: 0, discards: 0 }

type WarehouseTarget = Extract<Target, { readonly kind: 'warehouse' }>

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
  readonly #history: LoadHistory
  #running: Promise<LoadReport> | undefined

  constructor(ctx: DurableObjectState, env: Bindings, resolved: ResolvedConfig) {
    super(ctx, env)
    const db = new Database(ctx.storage.sql, this.#billed)
    this.#resolved = resolved
    this.#files = new StagedFiles(db)
    this.#schema = new KnownSchema(db)
    this.#history = new LoadHistory(db)
  }

  async register(_warehouse: string, file: StagedFile): Promise<void> {
    this.#billed.calls++
    this.#files.register(file, this.port.now())
  }

  async load(warehouse: string, options: { readonly budgetMs?: number } = {}): Promise<LoadReport> {
    this.#billed.calls++
    return (this.#running ??= this.#load(warehouse, options.budgetMs ?? defaultBudgetMs).finally(() => {
      this.#running = undefined
    }))
  }

  async status(warehouse: string): Promise<LoaderStatus> {
    this.#billed.calls++
    const { files, events, since } = this.#files.waiting()
    const lastLoad = this.#history.last()
    const nextAttemptAt = this.#history.nextAttemptAt()
    return {
      warehouse,
      stagedFiles: files,
      stagedEvents: events,
      oldestSeconds: since === undefined ? 0 : Math.max(0, Math.round((this.port.now() - since) / 1000)),
      stuckFiles: this.#files.keys('stuck'),
      ...(lastLoad === undefined ? {} : { lastLoad }),
      ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
      tables: this.#schema.all(),
      billed: this.#billed,
    }
  }

  async waitsFor(
    _warehouse: string,
    { partition, offset }: { readonly partition: number; readonly offset: number },
  ): Promise<{ readonly waits: boolean; readonly reason?: string }> {
    this.#billed.calls++
    const waits = this.#files.waitsFor(partition, offset)
    const reason = waits ? this.#history.last()?.error : undefined
    return { waits, ...(reason === undefined ? {} : { reason }) }
  }

  async #load(warehouse: string, budgetMs: number): Promise<LoadReport> {
    const start = this.port.now()
    const target = this.#resolved.targets.get(warehouse)
    if (target?.kind !== 'warehouse') return { ...nothing, error: `The config has no warehouse "${warehouse}"` }
    const nextAttemptAt = this.#history.nextAttemptAt()
    if (nextAttemptAt !== undefined && start < nextAttemptAt) {
      const until = new Date(nextAttemptAt).toISOString()
      return { ...nothing, error: `Waits until ${until}: ${this.#history.last()?.error ?? 'the last load failed'}` }
    }
    const { report, failed } = await this.#loadGroups(target, start + budgetMs)
    if (report.files > 0 || report.error !== undefined)
      this.#history.note({ ...report, at: start, ms: this.port.now() - start }, failed)
    if (report.error !== undefined) this.port.log('error', 'a load failed', { warehouse, reason: report.error })
    return report
  }

  async #loadGroups(target: WarehouseTarget, deadline: number): Promise<{ report: LoadReport; failed: boolean }> {
    const unreadable = new Map<string, string>()
    let report = nothing
    let engine: Engine | undefined
    try {
      await this.#deleteLoaded()
      for (;;) {
        const files = this.#files.next(new Set(unreadable.keys()))
        if (files.length === 0 || this.port.now() >= deadline) break
        engine ??= target.route.use.open({ ...this.env })
        const { schema, bindings, port } = { schema: this.#schema, bindings: this.env, port: this.port }
        const group = await new LoadGroup({ target, engine, schema, bindings, port })
          .run(files)
          .catch((thrown: unknown) => {
            if (!(thrown instanceof UnreadableFile)) throw thrown
            this.#files.unreadable(thrown.key, this.port.now())
            unreadable.set(thrown.key, thrown.message)
            return undefined
          })
        if (group === undefined) continue
        this.#billed.r2Reads += files.length
        this.#files.mark(
          files.map(({ key }) => key),
          'loaded',
          this.port.now(),
        )
        report = addReports(report, group)
        await this.#deleteLoaded()
      }
    } catch (thrown) {
      // The tables may be others than the ones that were known.
      this.#schema.forget()
      return { report: { ...report, error: reasonOf(thrown) }, failed: true }
    } finally {
      this.#billed.d1RowsWritten += engine?.rowsWritten ?? 0
      await engine?.close().catch(() => {})
    }
    const [error] = unreadable.values()
    return { report: error === undefined ? report : { ...report, error }, failed: false }
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
