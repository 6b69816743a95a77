import type { StagedFile } from '../core/bindings.ts'
import type { Engine } from '../core/warehouse.ts'
import type { Envelope } from '../core/envelope.ts'
import type { NewDeadLetter } from '../core/dead-letter.ts'
import { mostSliceEvents, type StagedPlace } from './load-position.ts'
import { type PendingRow, deadLetterOf } from './rows-of.ts'
import { TableRows } from './table-rows.ts'
import type { StagedEvent } from './staged-events.ts'

/**
 * UTF-16 units of event text of one slice. An object has 128 MB; a unit can be two bytes, and the text, rows of two tables and
 * what is sent are there at the same time, for the slice that the warehouse has and for the next one.
 */
export const mostSliceUnits = 3_000_000
/** Tables of a slice: each may be created and loaded in one invocation (see D1_QUERIES_PER_INVOCATION). */
const mostTables = 200

/** How much a slice takes. */
export interface SliceSize {
  readonly events: number
  /** UTF-16 units of event text. */
  readonly units: number
}

/** What of a slice is for one namespace. */
export class SlicePart {
  readonly namespace: string
  readonly tables = new Map<string, TableRows>()
  readonly #slice: Slice

  constructor(namespace: string, slice: Slice) {
    this.namespace = namespace
    this.#slice = slice
  }

  /** Rows of a table, of which there are none yet. */
  rowsFor(table: string): TableRows {
    return this.#slice.rowsFor(table)
  }

  bury(pending: PendingRow, thrown: unknown): void {
    this.#slice.bury(pending, thrown)
  }

  get sliceId(): string {
    return this.#slice.id
  }

  /** Another one in each namespace of a slice; that of the slice where it has but one. */
  get id(): string {
    return this.#slice.parts.length > 1 ? `${this.#slice.id}@${this.namespace}` : this.#slice.id
  }
}

/** Some events that are loaded together, and how far they reach. */
export class Slice {
  readonly #parts = new Map<string, SlicePart>()
  /** Files whose last event is in it. */
  readonly files: StagedFile[] = []
  readonly #letters = new Map<Envelope, NewDeadLetter>()
  readonly #now: string
  readonly #traits: () => Pick<Engine, 'widerType' | 'keepsTimes'>
  #units = 0
  #tables = 0
  // No event is held here, as its text keeps that of its whole frame.
  #first: StagedPlace | undefined
  #last: StagedPlace | undefined
  /** Events that are for this warehouse. */
  events = 0
  /** Events that were read, those of other targets among them. */
  read = 0

  /** Events of erased users, which are left out. */
  erased = 0
  /** The number up to which erasures are heeded. */
  readonly erasures: number

  /** `now` becomes the `uuid_ts` of the rows; `traits` are those of the engine. */
  constructor(now: string, traits: () => Pick<Engine, 'widerType' | 'keepsTimes'> = () => ({}), erasures = 0) {
    this.erasures = erasures
    this.#now = now
    this.#traits = traits
  }

  /** Rows of a table, of which there are none yet. */
  rowsFor(table: string): TableRows {
    return new TableRows(table, this.#now, this.#traits())
  }

  /** Counts an event as read. */
  pass({ key, events }: StagedEvent): void {
    this.read++
    this.#last = { key, events }
    this.#first ??= this.#last
  }

  /** What is for each namespace, in the order in which they came. */
  get parts(): readonly SlicePart[] {
    return [...this.#parts.values()]
  }

  /** Takes the rows of an event for the namespace of its source, or the dead letter that it is. */
  add(staged: StagedEvent, namespace: string, rows: readonly PendingRow[] | NewDeadLetter): void {
    this.events++
    this.#units += staged.envelope.text.length
    if ('stage' in rows) return void this.#letters.set(staged.envelope, rows)
    for (const pending of rows) this.#tableOf(namespace, pending.row.table).add(pending)
  }

  #tableOf(namespace: string, table: string): TableRows {
    let part = this.#parts.get(namespace)
    if (part === undefined) this.#parts.set(namespace, (part = new SlicePart(namespace, this)))
    const known = part.tables.get(table)
    if (known !== undefined) return known
    const rows = this.rowsFor(table)
    part.tables.set(table, rows)
    this.#tables++
    return rows
  }

  /** Whether some of its rows have a column. */
  hasColumn(namespace: string, table: string, column: string): boolean {
    return this.#parts.get(namespace)?.tables.get(table)?.has(column) === true
  }

  /** Makes a dead letter of an event, once however many of its rows are refused. */
  bury(pending: PendingRow, thrown: unknown): void {
    if (!this.#letters.has(pending.envelope))
      this.#letters.set(pending.envelope, deadLetterOf(pending.envelope, thrown))
  }

  get letters(): readonly NewDeadLetter[] {
    return [...this.#letters.values()]
  }

  /** Stays the same when the slice is loaded again; one that begins or ends elsewhere, or leaves others out, has another. */
  get id(): string {
    if (this.#first === undefined) return ''
    const { key, events } = this.#first
    return `${key}/${events - 1}+${this.read}${this.erased === 0 ? '' : `-${this.erased}`}`
  }

  get end(): StagedPlace | undefined {
    return this.#last
  }

  /** UTF-16 units of the text of its events that become dead letters. */
  get letterUnits(): number {
    return [...this.#letters.keys()].reduce((sum, { text }) => sum + text.length, 0)
  }

  /** Forgets the rows, which are written; what the slice is, and its dead letters, stay. */
  release(): void {
    for (const { tables } of this.#parts.values()) tables.clear()
  }

  /** Whether it takes no more; `end` is where it must end, when that is known. */
  isFull({ events: most, units }: SliceSize, end: StagedPlace | undefined): boolean {
    if (end !== undefined && this.#last?.key === end.key && this.#last.events === end.events) return true
    // A slice whose end is known was within the limits, unless a file is gone that was part of it.
    const times = end === undefined ? 1 : 2
    const isLong = this.events >= (end === undefined ? most : 2 * mostSliceEvents)
    return isLong || this.#units >= times * units || this.#tables >= times * mostTables
  }
}
