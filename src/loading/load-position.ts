import type { Database } from '../storage/database.ts'

/** A place between two events of a staging file. */
export interface StagedPlace {
  readonly key: string
  /** Events of the file before it, those of other targets among them. */
  readonly events: number
}

/** Events of a slice, unless it proved to be too much for one invocation. */
export const mostSliceEvents = 5_000

interface Stored {
  readonly done?: StagedPlace | undefined
  readonly end?: StagedPlace | undefined
  readonly most?: number | undefined
  /** How often `end` was kept though the slice was at the limits of an invocation. */
  readonly kept?: number | undefined
  /** Discards that were written of what comes after `done`. */
  readonly discards?: number | undefined
}

const mostKept = 10

/**
 * Table `position`: how far into a staging file the rows are in the warehouse, so that the next run goes on there.
 *
 * It also holds how many events a slice may have, and where the slice ends whose discards and held rows are being written: a repeat
 * of it must have the same ones.
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
    this.#stored = row === undefined ? {} : (JSON.parse(row.place) as Stored)
  }

  /** Events of a file that are in the warehouse. */
  doneOf(key: string): number {
    return this.#stored.done?.key === key ? this.#stored.done.events : 0
  }

  get most(): number {
    return this.#stored.most ?? mostSliceEvents
  }

  get end(): StagedPlace | undefined {
    return this.#stored.end
  }

  /** Sets the end of the slice whose discards or held rows are written next. */
  fixEnd(end: StagedPlace | undefined): void {
    this.#write({ ...this.#stored, end })
  }

  /** Discards that were written of what is not in the warehouse as a whole. */
  get discards(): number {
    return this.#stored.discards ?? 0
  }

  /** Counts discards that are in the warehouse. */
  countDiscards(written: number): void {
    this.#write({ ...this.#stored, discards: this.discards + written })
  }

  /** All before the place is in the warehouse. */
  move(done: StagedPlace): void {
    const most = Math.min(mostSliceEvents, this.most * 2)
    this.#write({ done, most: most === mostSliceEvents ? undefined : most })
  }

  /**
   * Keeps the end of a slice that was too much for one invocation: which of its discards an earlier attempt wrote only a repeat of
   * the same slice can know.
   *
   * @returns false once that was done too often: it was not too much before, and so may be too much for ever
   */
  keepEnd(): boolean {
    const kept = (this.#stored.kept ?? 0) + 1
    if (kept > mostKept) return false
    this.#write({ ...this.#stored, kept })
    return true
  }

  /** A slice of so many events was too much for one invocation; it may end elsewhere. */
  shrink(events: number): void {
    const { done, discards } = this.#stored
    this.#write({ done, discards, most: Math.max(1, Math.min(this.most, events) >> 1) })
  }

  #write(stored: Stored): void {
    this.#stored = stored
    this.#db.run('INSERT OR REPLACE INTO position (id, place) VALUES (?, ?)', this.#id, JSON.stringify(stored))
  }
}
