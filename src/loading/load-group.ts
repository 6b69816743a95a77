import type { Bindings, LoadReport, StagedFile } from '../core/bindings.ts'
import type { NewDeadLetter } from '../core/dead-letter.ts'
import type { Port } from '../core/port.ts'
import { laneOf } from '../core/lanes.ts'
import type { Target } from '../core/resolved-config.ts'
import type { MapOptions } from '../warehouses/mapping/map-event.ts'
import { moreColumn } from '../warehouses/mapping/more-column.ts'
import { ownName } from '../warehouses/mapping/providers.ts'
import { RPC_BYTES } from '../platform/limits.ts'
import type { EnginePool } from './engine-pool.ts'
import type { RecentKeys } from '../storage/recent-keys.ts'
import type { KnownSchema } from './known-schema.ts'
import { scopeOf } from './load-failure.ts'
import type { LoadPosition, StagedPlace } from './load-position.ts'
import { rowsOf } from './rows-of.ts'
import { Slice } from './slice.ts'
import { loadSlice } from './load-slice.ts'
import { readStaged, stagedEvents } from './staged-events.ts'
import type { WaitingFile } from './staged-files.ts'

/** Events that are mapped before others get the processor. */
const turnEvents = 100
/** UTF-16 units of the letters of one call: a unit has at most three bytes as UTF-8, and a letter more than its event. */
const letterUnits = RPC_BYTES / 8

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
  /** Called when a file's rows are in the warehouse. */
  readonly loaded: (file: StagedFile) => void
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
 * After each slice the position moves, so that a run that ends goes on there. Everything in a slice may be done again after a
 * crash: rows are merged by id, discards have a load id. Dead letters are stored last, when only moving the position can fail.
 */
export class LoadGroup {
  readonly #loading: Loading
  /** Undefined until the first event. */
  #options: MapOptions | undefined
  /** The same by the name of the source. */
  readonly #optionsOf = new Map<string, MapOptions>()
  readonly #now: string
  #slice: Slice
  #underWay: SliceUnderWay | undefined
  /** Where the next slice must end, when that is known. */
  #end: StagedPlace | undefined
  #slices = 0
  /** What is in the warehouse so far, also when the run fails. */
  report: LoadReport = { files: 0, events: 0, rows: 0, discards: 0 }

  constructor(loading: Loading) {
    this.#loading = loading
    this.#now = new Date(loading.port.now()).toISOString()
    this.#slice = this.#newSlice()
    this.#end = loading.position.end
  }

  /** How events become rows, which is the same in all namespaces. */
  async #mapOptions(source: string): Promise<MapOptions> {
    const { target, engines, port } = this.#loading
    const { provider, kept, rowColumns } = engines.traits ?? (await engines.of(engines.namespaceOf(source)))
    const { mapping } = target.route
    return {
      ...mapping,
      provider: provider as MapOptions['provider'],
      kept,
      maxColumns: mapping?.maxColumns ?? rowColumns,
      overflow: ownName(moreColumn, provider),
      sourceType: 'sluiceway',
      destinationId: target.name,
      destinationType: target.route.use.name.toUpperCase(),
      now: () => this.#now,
      uuid: port.uuid,
    }
  }

  /**
   * Loads the files.
   *
   * @returns false when it stopped before their end, because the time or the calls of this invocation are used up
   * @throws {UnreadableFile} when a file is damaged or missing
   * @throws {SluicewayError} warehouse_failed, or whatever R2 and the lane throw
   */
  async run(files: readonly WaitingFile[]): Promise<boolean> {
    try {
      return await this.#loadFiles(files)
    } catch (thrown) {
      if (scopeOf(thrown) !== 'invocation') throw thrown
      const { position } = this.#loading
      if (this.#slices > 0) return false
      // The whole invocation was not enough for it, and nothing is smaller than one event.
      if (position.most === 1) throw thrown
      position.shrink((this.#underWay?.slice ?? this.#slice).events)
      return false
    }
  }

  async #loadFiles(files: readonly WaitingFile[]): Promise<boolean> {
    const { bindings } = this.#loading
    const read = (file: StagedFile) => {
      const bytes = readStaged(file, bindings.BUCKET)
      // Whoever comes to this file is told.
      bytes.catch(() => {})
      return bytes
    }
    try {
      let next = files[0] === undefined ? undefined : read(files[0])
      for (const [i, file] of files.entries()) {
        const bytes = (await next) as Uint8Array
        const after = files[i + 1]
        next = after === undefined ? undefined : read(after)
        if (!(await this.#loadFile(file, bytes))) return false
      }
      await this.#sendSlice()
      return true
    } finally {
      // What the warehouse says of the slice that it has comes before what there is to say of the files.
      await this.#underWay?.ended
    }
  }

  async #loadFile(file: WaitingFile, bytes: Uint8Array): Promise<boolean> {
    const { position, target, port, deadline } = this.#loading
    for (const staged of stagedEvents(file.key, bytes, doneOf(file, position))) {
      if (this.#slice.isFull(position.most, this.#end)) {
        await this.#sendSlice()
        if (port.now() >= deadline) return false
      }
      this.#slice.pass(staged)
      const { to, source } = staged.envelope.header
      if (to.includes(target.name)) this.#map(staged, (this.#options ??= await this.#mapOptions(source)))
      if (this.#slice.read % turnEvents === 0) await nextTurn()
    }
    this.#slice.files.push(file)
    return true
  }

  #map(staged: Parameters<Slice['add']>[0], common: MapOptions): void {
    const { envelope, key } = staged
    const { engines, target } = this.#loading
    const { source } = envelope.header
    let mapping = this.#optionsOf.get(source)
    if (mapping === undefined) this.#optionsOf.set(source, (mapping = { ...common, sourceId: source }))
    const rows = rowsOf(envelope, { mapping, file: key, privacy: target.route.privacy })
    this.#slice.add(staged, engines.namespaceOf(source), rows)
  }

  /** Hands the slice to the engine, once that has done the one before; it begins anew. */
  async #sendSlice(): Promise<void> {
    await this.#underWay?.ended
    const slice = this.#slice
    const ended = this.#loadSlice(slice)
    ended.catch(() => {})
    this.#underWay = { slice, ended }
    this.#end = undefined
    this.#slice = this.#newSlice()
  }

  async #loadSlice(slice: Slice): Promise<void> {
    const { position, bindings, target, loaded } = this.#loading
    const { rows, discards } = await loadSlice(slice, this.#loading)
    const lane = { target: target.name, partition: 0 }
    for (const letters of callsOf(slice.letters)) await laneOf(bindings, lane).addDeadLetters(lane, letters, true)
    for (const file of slice.files) loaded(file)
    if (slice.end !== undefined) position.move(slice.end)
    const { report } = this
    this.report = {
      files: report.files + slice.files.length,
      events: report.events + slice.events,
      rows: report.rows + rows,
      discards: report.discards + discards,
    }
    this.#slices++
  }

  #newSlice(): Slice {
    return new Slice(this.#now, () => this.#loading.engines.traits ?? {})
  }
}

/** Events of a file that are in the warehouse. */
const doneOf = (file: WaitingFile, position: LoadPosition): number => Math.max(file.done, position.doneOf(file.key))

/** Cuts letters into what one call carries. */
function* callsOf(letters: readonly NewDeadLetter[]): Generator<readonly NewDeadLetter[]> {
  let call: NewDeadLetter[] = []
  let units = 0
  for (const letter of letters) {
    const length = letter.event.length + letter.reason.length + 1_000
    if (call.length > 0 && units + length > letterUnits) {
      yield call
      call = []
      units = 0
    }
    call.push(letter)
    units += length
  }
  if (call.length > 0) yield call
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))
