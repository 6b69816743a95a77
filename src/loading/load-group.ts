import { cutLetters } from '../core/cut-letters.ts'
import type { Bindings, LoadReport, StagedFile } from '../core/bindings.ts'
import type { Billed } from '../core/billed.ts'
import type { Port } from '../core/port.ts'
import { laneOf } from '../core/lanes.ts'
import type { Target } from '../core/resolved-config.ts'
import type { EnginePool } from './engine-pool.ts'
import type { Erasures } from './erasures.ts'
import type { RecentKeys } from '../storage/recent-keys.ts'
import type { HeldFile, HeldRows } from './held-rows.ts'
import { EventMapper } from './event-mapper.ts'
import { Gather, GatherRefused } from './gather.ts'
import type { KnownSchema } from './known-schema.ts'
import { scopeOf } from './load-failure.ts'
import type { LoadPosition, SliceEnd } from './load-position.ts'
import { addReports, nothing } from '../core/load-reports.ts'
import { readAhead } from './read-ahead.ts'
import { loadSlice, settleSlices, type SliceOutcome } from './load-slice.ts'
import { mostSliceUnits, Slice, type SliceSize } from './slice.ts'
import { type StagedEvent, stagedEvents, UnreadableFile } from './staged-events.ts'
import type { WaitingFile } from './staged-files.ts'

/** Events that are mapped before others get the processor. */
const turnEvents = 100

/** UTF-16 units and events of a slice that is merged with others: what waits for the merge needs memory, too. */
const gathered: SliceSize = { events: 2_500, units: mostSliceUnits >> 1 }

/**
 * How the load of some files ended: all of it is `done`; it `stopped`, because the time or the calls of this invocation are used
 * up; or less is to be merged together, and it begins `again` where the position is.
 */
export type GroupEnd = 'done' | 'stopped' | 'again'

/** What a slice did. */
export interface SliceReport extends SliceOutcome {
  readonly deadLetters: number
}

/** What a load works with. */
export interface Loading {
  readonly target: Extract<Target, { readonly kind: 'warehouse' }>
  readonly engines: EnginePool
  readonly schema: KnownSchema
  readonly position: LoadPosition
  /** Discards that are in the warehouse already. */
  readonly discarded: RecentKeys
  readonly bindings: Bindings
  readonly port: Port
  readonly held: HeldRows
  readonly erasures: Erasures
  /** The file of held rows that is loaded, where it is one: of its events, the rows for its table alone. */
  readonly from?: HeldFile | undefined
  readonly billed: Billed
  /** Called when a file's rows are in the warehouse, or wait for their table. */
  readonly loaded: (file: StagedFile) => void
  /** Called with what a slice did, in its commit. */
  readonly noted: (slice: SliceReport) => void
  /** Milliseconds since the epoch after which no slice is begun. */
  readonly deadline: number
}

/** A slice that the engine has, and how that ends. */
interface SliceUnderWay {
  readonly slice: Slice
  readonly ended: Promise<void>
}

/**
 * Loads some staging files, slice by slice: reads, maps, groups by table, widens tables, fits values, loads. While the engine has
 * one slice, the next one is read and mapped; the engine never has two.
 *
 * After each slice, or after the merge of those that are gathered, the position moves, so that a run that ends goes on there. Everything in a slice may be done again after a
 * crash: rows are merged by id, discards have a load id. Dead letters are stored last, when only moving the position can fail.
 */
export class LoadGroup {
  readonly #loading: Loading
  readonly #mapper: EventMapper
  readonly #now: string
  #slice: Slice
  #size: SliceSize = gathered
  #underWay: SliceUnderWay | undefined
  /** What is written and not merged. */
  #gather: Gather | undefined
  /** Where the next slices must end, as far as that is known. */
  readonly #ends: SliceEnd[]
  /** Whether an earlier run may have written discards or held rows of the first slice. */
  readonly #isRepeat: boolean
  #slices = 0
  /** What is in the warehouse so far, also when the run fails. */
  report: LoadReport = nothing

  constructor(loading: Loading) {
    this.#loading = loading
    this.#now = new Date(loading.port.now()).toISOString()
    this.#ends = [...loading.position.ends]
    this.#isRepeat = loading.position.isRepeat
    this.#slice = this.#newSlice()
    this.#measure()
    this.#mapper = new EventMapper(
      loading,
      this.#now,
      (...column) => this.#slice.hasColumn(...column) || this.#underWay?.slice.hasColumn(...column) === true,
    )
  }

  /**
   * Loads the files.
   *
   * @throws {UnreadableFile} when a file is damaged or missing
   * @throws {SluicewayError} warehouse_failed, or whatever R2 and the lane throw
   */
  async run(files: readonly WaitingFile[]): Promise<GroupEnd> {
    const { position } = this.#loading
    try {
      return (await this.#loadFiles(files)) ? 'done' : 'stopped'
    } catch (thrown) {
      if (thrown instanceof GatherRefused) {
        position.gatherFewer(thrown.slices)
        return 'again'
      }
      const gatheredSlices = this.#gather?.slices.length ?? 0
      if (gatheredSlices > 1) this.#failGather(gatheredSlices, scopeOf(thrown) === 'invocation')
      if (scopeOf(thrown) !== 'invocation') throw thrown
      if (this.#slices > 0 || gatheredSlices > 1) return 'stopped'
      // The whole invocation was not enough for it, and nothing is smaller than one event.
      if (position.most === 1) throw thrown
      position.shrink((this.#underWay?.slice ?? this.#slice).events, this.#isRepeat)
      return 'stopped'
    } finally {
      await this.#gather?.drop()
    }
  }

  /** What is merged otherwise the next time is there twice where rows of one id stay rows of their own. */
  #failGather(slices: number, isLimit: boolean): void {
    const { engines, position } = this.#loading
    if (engines.traits?.keepsTimes === true && !isLimit) position.failMerge(slices)
    // A merge that is too long for the warehouse fails as one that is down does.
    else position.gatherFewer(slices)
  }

  async #loadFiles(files: readonly WaitingFile[]): Promise<boolean> {
    try {
      let isDone = true
      for await (const { file, bytes } of readAhead(files, this.#loading.bindings.BUCKET))
        if (!(isDone = await this.#loadFile(file, bytes))) break
      if (isDone) await this.#sendSlice()
      await this.#settle()
      return isDone
    } catch (thrown) {
      // What the warehouse says of what it has comes before what there is to say of the files.
      if (thrown instanceof UnreadableFile) await this.#settle()
      throw thrown
    } finally {
      await this.#underWay?.ended
    }
  }

  /** Waits for what the warehouse has, and merges what is written. */
  async #settle(): Promise<void> {
    await this.#underWay?.ended
    await this.#merge()
  }

  async #loadFile(file: WaitingFile, bytes: Uint8Array): Promise<boolean> {
    const { position, target, port, deadline, erasures } = this.#loading
    for (const staged of stagedEvents(file, bytes, doneOf(file, position))) {
      if (this.#slice.isFull(this.#size, this.#ends[0])) {
        await this.#sendSlice()
        if (port.now() >= deadline && !this.#isBehind) return false
      }
      this.#slice.pass(staged)
      const { to, source } = staged.envelope.header
      if (to.includes(target.name)) {
        if (erasures.has(staged.envelope, this.#slice.erasures)) this.#slice.erased++
        else {
          if (!this.#mapper.isReady) await this.#open(source)
          this.#add(this.#lasting(staged))
        }
      }
      if (this.#slice.read % turnEvents === 0) await nextTurn()
    }
    this.#slice.files.push(file)
    return true
  }

  /** Whether less is gathered than an earlier run has begun to merge, in time. */
  get #isBehind(): boolean {
    return this.#isGathering && (this.#gather?.slices.length ?? 0) < (this.#loading.position.together ?? 0)
  }

  async #open(source: string): Promise<void> {
    await this.#mapper.prepare(source)
    // An engine is open now, which may gather.
    this.#measure()
  }

  /** Whether slices are merged together. */
  get #isGathering(): boolean {
    const { engines, from, position } = this.#loading
    return engines.traits?.gather !== undefined && from === undefined && position.gather > 1
  }

  /** Looks how large the next slice may be. */
  #measure(): void {
    const { most } = this.#loading.position
    this.#size = this.#isGathering
      ? { ...gathered, events: Math.min(most, gathered.events) }
      : { events: most, units: mostSliceUnits }
  }

  /** What is gathered outlives the frame that it was cut from. */
  #lasting(staged: StagedEvent): StagedEvent {
    return this.#isGathering ? { ...staged, envelope: staged.envelope.detach() } : staged
  }

  #add(staged: StagedEvent): void {
    const { namespace, rows } = this.#mapper.map(staged)
    this.#slice.add(staged, namespace, rows)
  }

  /** Hands the slice to the engine, once that has done the one before; it begins anew. */
  async #sendSlice(): Promise<void> {
    await this.#underWay?.ended
    const slice = this.#slice
    const ended = this.#isGathering ? this.#gatherSlice(slice) : this.#loadSlice(slice)
    ended.catch(() => {})
    this.#underWay = { slice, ended }
    this.#ends.shift()
    this.#slice = this.#newSlice()
    this.#measure()
  }

  async #loadSlice(slice: Slice): Promise<void> {
    await this.#merge()
    await loadSlice(slice, this.#loading, (outcome) => this.#commit(slice, outcome))
    this.#loading.position.gatherMore()
  }

  /** Writes a slice, to be merged with others. */
  async #gatherSlice(slice: Slice): Promise<void> {
    if (!(await this.#gathered.take(slice))) {
      await this.#merge()
      await this.#gathered.take(slice)
    }
    if (this.#gathered.isFull) await this.#merge()
  }

  get #gathered(): Gather {
    return (this.#gather ??= new Gather(this.#loading, this.#newSlice()))
  }

  async #merge(): Promise<void> {
    const gather = this.#gather
    if (gather === undefined) return
    await gather.merge()
    await settleSlices(gather.slices, this.#loading, ({ slice }, outcome) => this.#commit(slice, outcome))
    this.#gather = undefined
    this.#loading.position.gatherMore()
    await gather.drop()
  }

  async #commit(slice: Slice, outcome: SliceOutcome): Promise<void> {
    const { position, bindings, target, loaded, noted, held, from, port } = this.#loading
    const lane = { target: target.name, partition: 0 }
    for (const letters of cutLetters(slice.letters)) await laneOf(bindings, lane).addDeadLetters(lane, letters, true)
    // What follows is one commit of the storage.
    if (slice.end !== undefined) {
      for (const { table, failure } of held.commit(slice.id, from, port.now())) {
        const what = { warehouse: target.name, table, reason: failure.reason }
        port.log('error', 'a table of a warehouse refuses rows; they wait', what)
      }
      position.move(slice.end)
    }
    for (const file of slice.files) loaded(file)
    noted({ ...outcome, deadLetters: slice.letters.length })
    const rows = [...outcome.tables.values()].reduce((sum, table) => sum + table.rows, 0)
    const { discards } = outcome
    const { erased } = slice
    this.report = addReports(this.report, { files: slice.files.length, events: slice.events, rows, discards, erased })
    this.#slices++
  }

  #newSlice(): Slice {
    const { engines, erasures } = this.#loading
    return new Slice(this.#now, () => engines.traits ?? {}, this.#ends[0]?.erasures ?? erasures.newest)
  }
}

/** Events of a file that are in the warehouse. */
const doneOf = (file: WaitingFile, position: LoadPosition): number => Math.max(file.done, position.doneOf(file.key))

const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))
