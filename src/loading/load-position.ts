import type { Database } from '../storage/database.ts'

/** A place between two events of a staging file. */
export interface StagedPlace {
  readonly key: string
  /** Events of the file before it, those of other targets among them. */
  readonly events: number
}

/** Events of a slice, unless it proved to be too much for one invocation. */
export const mostSliceEvents = 5_000

/** Where a slice ends that must be the same when it is repeated. */
export interface SliceEnd extends StagedPlace {
  /** The number up to which the slice heeds erasures. */
  readonly erasures: number
}

/** A slice, as it ends. */
interface EndedSlice {
  readonly end: StagedPlace | undefined
  readonly erasures: number
}

interface Stored {
  readonly done?: StagedPlace | undefined
  /** Of slices one after the other. */
  readonly ends?: readonly SliceEnd[] | undefined
  readonly most?: number | undefined
  /** Slices that are merged together, where it is not the most that may be. */
  readonly gather?: number | undefined
  /** The first of `ends` are of slices that are merged together. */
  readonly together?: Together | undefined
  /** How often `ends` were kept though the slices were at the limits of an invocation. */
  readonly kept?: number | undefined
}

/** Slices whose merge has begun. */
interface Together {
  readonly slices: number
  /** How often it has failed. */
  readonly failures: number
  /** Whether nothing but the merge needs their ends. */
  readonly isFree: boolean
}

/** Slices that are merged together, where the warehouse gathers them and none of them was refused. */
export const mostGathered = 128
const mostKept = 10

/**
 * Table `position`: how far into a staging file the rows are in the warehouse, so that the next run goes on there.
 *
 * It also holds how many events a slice may have, how many slices are merged together, and where the slices end whose discards and
 * held rows are being written: a repeat of one must have the same ones.
 */
export class LoadPosition {
  readonly #db: Database
  readonly #id: number
  #stored: Stored

  /** `id` is 0 for staging files, or the number of a file of held rows. */
  constructor(db: Database, id = 0) {
    this.#db = db
    this.#id = id
    db.run('CREATE TABLE IF NOT EXISTS position (id INTEGER PRIMARY KEY, place TEXT)')
    const row = db.first<{ readonly place: string }>('SELECT place FROM position WHERE id = ?', id)
    this.#stored = row === undefined ? {} : readStored(JSON.parse(row.place) as Stored & OlderEnd)
  }

  /** Events of a file that are in the warehouse. */
  doneOf(key: string): number {
    return this.#stored.done?.key === key ? this.#stored.done.events : 0
  }

  /** The place before which all is in the warehouse. */
  get done(): StagedPlace | undefined {
    return this.#stored.done
  }

  get most(): number {
    return this.#stored.most ?? mostSliceEvents
  }

  /** Where the next slices must end. */
  get ends(): readonly SliceEnd[] {
    return this.#stored.ends ?? []
  }

  /** Whether discards or held rows of the next slice may be written; ends that a merge alone needs may be given up. */
  get isRepeat(): boolean {
    return this.ends.length > 0 && this.#stored.together?.isFree !== true
  }

  /** Sets what slices are whose discards or held rows are written next: those that come next, in their order. */
  fixEnds(slices: readonly EndedSlice[]): void {
    const { together } = this.#stored
    const fixed = together === undefined ? undefined : { ...together, isFree: false }
    this.#write({ ...this.#stored, ends: this.#endsOf(slices), together: fixed })
  }

  #endsOf(slices: readonly EndedSlice[]): readonly SliceEnd[] {
    const ends = slices.flatMap(({ end, erasures }) => (end === undefined ? [] : [{ ...end, erasures }]))
    const last = ends.at(-1)
    const known = this.ends.findIndex((end) => isSame(end, last))
    return known === -1 ? ends : [...ends, ...this.ends.slice(known + 1)]
  }

  /** All before the place is in the warehouse. */
  move(done: StagedPlace): void {
    const most = Math.min(mostSliceEvents, this.most * 2)
    const { ends = [], gather, together } = this.#stored
    const rest = isSame(ends[0], done) ? ends.slice(1) : []
    const slices = Math.min((together?.slices ?? 0) - 1, rest.length)
    this.#write({
      done,
      most: most === mostSliceEvents ? undefined : most,
      gather,
      together: together !== undefined && slices > 0 ? { ...together, slices } : undefined,
      ends: rest.length > 0 ? rest : undefined,
    })
  }

  /** Slices that are merged together, at most; with one, each is loaded by itself. */
  get gather(): number {
    return this.#stored.gather ?? mostGathered
  }

  /** How many of the next slices must be merged together, as an earlier run has begun with it; undefined where it is free. */
  get together(): number | undefined {
    return this.#stored.together?.slices
  }

  /** The merge of slices begins: a repeat must merge the same ones. */
  beginMerge(slices: readonly EndedSlice[]): void {
    if (this.together === slices.length) return
    const together = { slices: slices.length, failures: 0, isFree: this.ends.length === 0 }
    this.#write({ ...this.#stored, ends: this.#endsOf(slices), together })
  }

  /** The merge of slices failed, some of whose tables may have their rows: the same ones are tried again, and in the end fewer. */
  failMerge(slices: number): void {
    const { together } = this.#stored
    if (together?.slices !== slices || together.failures >= mostKept) return this.gatherFewer(slices)
    this.#write({ ...this.#stored, together: { ...together, failures: together.failures + 1 } })
  }

  /** Slices were refused that were to be merged together. */
  gatherFewer(slices: number): void {
    const gather = Math.max(1, Math.min(this.gather, slices) >> 1)
    const { together, ends } = this.#stored
    this.#write({ ...this.#stored, gather, together: undefined, ends: together?.isFree === true ? undefined : ends })
  }

  /** What was merged together, or loaded by itself, was taken. */
  gatherMore(): void {
    if (this.#stored.gather === undefined) return
    const gather = this.gather * 2
    this.#write({ ...this.#stored, gather: gather < mostGathered ? gather : undefined })
  }

  /**
   * A slice of so many events was too much for one invocation; it may end elsewhere. One that is repeated keeps its end, as only the
   * same slice can know which of its discards are written, until that was too often: it may be too much for ever.
   */
  shrink(events: number, isRepeat: boolean): void {
    const { kept = 0, ...stored } = this.#stored
    if (isRepeat && kept < mostKept) return this.#write({ ...stored, kept: kept + 1 })
    const most = Math.max(1, Math.min(this.most, events) >> 1)
    this.#write({ done: stored.done, most, gather: stored.gather })
  }

  #write(stored: Stored): void {
    this.#stored = stored
    this.#db.run('INSERT OR REPLACE INTO position (id, place) VALUES (?, ?)', this.#id, JSON.stringify(stored))
  }
}

/** What an earlier version has stored. */
interface OlderEnd {
  readonly end?: StagedPlace
  readonly erasures?: number
}

const readStored = ({ end, erasures = 0, ...stored }: Stored & OlderEnd): Stored =>
  end === undefined ? stored : { ...stored, ends: [{ ...end, erasures }] }

const isSame = (one: StagedPlace | undefined, two: StagedPlace | undefined): boolean =>
  one?.key === two?.key && one?.events === two?.events
