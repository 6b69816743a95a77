import type { Bindings, LoadReport, StagedFile } from '../core/bindings.ts'
import type { NewDeadLetter } from '../core/dead-letter.ts'
import { type Envelope, unpack } from '../core/envelope.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import { splitFrames, unframe } from '../storage/frame.ts'
import type { Port } from '../core/port.ts'
import type { ColumnType, Engine, Load } from '../core/warehouse.ts'
import type { MapOptions } from '../warehouses/mapping/map-event.ts'
import type { KnownSchema } from './known-schema.ts'
import { deadLetterOf, type PendingRow, rowsOf } from './rows-of.ts'
import { type Discard, discardColumns, TableRows } from './table-rows.ts'
import { laneOf } from '../core/lanes.ts'
import type { Target } from '../core/resolved-config.ts'

/** Events whose rows are in memory at once; an object has 128 MB. */
const sliceEvents = 2_000
/** Events that are mapped before others get the processor. */
const turnEvents = 100
const lettersAtOnce = 200

/** A staging file whose bytes are not what a lane wrote, or are not there. */
export class UnreadableFile extends Error {
  readonly key: string

  constructor(key: string, cause: unknown) {
    super(`The staging file ${key} cannot be read: ${reasonOf(cause)}`, { cause })
    this.name = 'UnreadableFile'
    this.key = key
  }
}

/** What a load works with. */
export interface Loading {
  readonly target: Extract<Target, { readonly kind: 'warehouse' }>
  readonly engine: Engine
  readonly schema: KnownSchema
  readonly bindings: Bindings
  readonly port: Port
}

/**
 * Loads some staging files: reads, maps, groups by table, widens tables, fits values, loads.
 *
 * Everything in it may be done again after a crash: rows are merged by id, discards have the load id of their file. Dead
 * letters are stored last, when only marking the files can still fail.
 */
export class LoadGroup {
  readonly #loading: Loading
  readonly #options: MapOptions
  readonly #now: string
  readonly #discards: Discard[] = []
  readonly #letters: NewDeadLetter[] = []
  #tables = new Map<string, TableRows>()
  #inSlice = 0
  #slices = 0
  #events = 0
  #rows = 0

  constructor(loading: Loading) {
    const { target, engine, port } = loading
    this.#loading = loading
    this.#now = new Date(port.now()).toISOString()
    this.#options = {
      ...target.route.mapping,
      provider: engine.provider as MapOptions['provider'],
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
   * @throws {UnreadableFile} when a file is damaged or missing; what was loaded until then is loaded again later
   * @throws {SluicewayError} warehouse_failed, or whatever R2 and the lane throw
   */
  async run(files: readonly StagedFile[]): Promise<LoadReport> {
    for (const file of files) await this.#read(file.key)
    await this.#loadSlice(files[0]?.key ?? '')
    await this.#loadDiscards()
    const lane = { target: this.#loading.target.name, partition: 0 }
    for (let i = 0; i < this.#letters.length; i += lettersAtOnce)
      await laneOf(this.#loading.bindings, lane).addDeadLetters(lane, this.#letters.slice(i, i + lettersAtOnce))
    return { files: files.length, events: this.#events, rows: this.#rows, discards: this.#discards.length }
  }

  async #read(key: string): Promise<void> {
    const object = await this.#loading.bindings.BUCKET.get(key)
    if (object === null) throw new UnreadableFile(key, 'it is not there')
    const bytes = new Uint8Array(await object.arrayBuffer())
    let sinceTurn = 0
    for (const frame of readOrThrow(key, () => [...splitFrames(bytes)])) {
      for (const envelope of readOrThrow(key, () => unpack(unframe(frame)))) {
        if (!envelope.header.to.includes(this.#loading.target.name)) continue
        this.#map(envelope, key)
        if (this.#inSlice >= sliceEvents) await this.#loadSlice(key)
        if (++sinceTurn % turnEvents === 0) await nextTurn()
      }
    }
  }

  #map(envelope: Envelope, file: string): void {
    this.#events++
    this.#inSlice++
    const { privacy } = this.#loading.target.route
    const rows = rowsOf(envelope, { ...this.#options, sourceId: envelope.header.source, file, privacy })
    if ('stage' in rows) return void this.#letters.push(rows)
    for (const pending of rows) {
      const { table } = pending.row
      let rowsOfTable = this.#tables.get(table)
      if (rowsOfTable === undefined) this.#tables.set(table, (rowsOfTable = new TableRows(table, this.#now)))
      rowsOfTable.add(pending)
    }
  }

  async #loadSlice(key: string): Promise<void> {
    const tables = this.#tables
    this.#tables = new Map()
    this.#inSlice = 0
    const id = `${key}/${this.#slices++}`
    const { engine, schema } = this.#loading
    for (const rows of tables.values()) {
      const { table, merge } = rows
      const { wanted } = rows
      const columns = await schema.evolve(table, { wanted, engine })
      const fitted = rows.fit(columns)
      this.#discards.push(...fitted.discards)
      for (const { envelope } of fitted.refused)
        this.#letters.push(
          deadLetterOf(envelope, new SluicewayError('mapping_failed', `The id does not fit into the table "${table}"`)),
        )
      const used = Object.keys(wanted).flatMap((name): [string, ColumnType][] =>
        columns[name] === undefined ? [] : [[name, columns[name]]],
      )
      await this.#loadAll({ id, table, columns: Object.fromEntries(used), rows: fitted.rows, merge }, fitted.pending)
    }
  }

  /** Loads rows; where a value is in the way, halves them until the row is found, which becomes a dead letter. */
  async #loadAll(load: Load, pending: readonly PendingRow[]): Promise<void> {
    try {
      await this.#loading.engine.load(load)
      this.#rows += load.rows.length
    } catch (thrown) {
      if (!(thrown instanceof SluicewayError) || thrown.details['rows'] !== true) throw thrown
      const only = pending[0]
      if (pending.length === 1 && only !== undefined)
        return void this.#letters.push(deadLetterOf(only.envelope, thrown))
      const middle = pending.length >> 1
      for (const [from, to] of [
        [0, middle],
        [middle, pending.length],
      ] as const)
        await this.#loadAll(
          { ...load, id: `${load.id}/${from}`, rows: load.rows.slice(from, to) },
          pending.slice(from, to),
        )
    }
  }

  async #loadDiscards(): Promise<void> {
    if (this.#discards.length === 0) return
    const { engine, schema } = this.#loading
    const table = 'rudder_discards'
    await schema.evolve(table, { wanted: discardColumns, engine })
    for (const [file, discards] of Map.groupBy(this.#discards, (discard) => discard.file)) {
      const rows = discards.map(({ row }) => row)
      await engine.load({ id: file, table, columns: discardColumns, rows, merge: 'append' })
    }
  }
}

function readOrThrow<T>(key: string, read: () => T): T {
  try {
    return read()
  } catch (thrown) {
    throw new UnreadableFile(key, thrown)
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))
