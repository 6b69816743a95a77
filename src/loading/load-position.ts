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
}

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

  /** Sets the end of the slice whose discards or held rows are written next; undefined when none was written after all. */
  fixEnd(end: StagedPlace | undefined): void {
    this.#write({ ...this.#stored, end })
  }

  /** All before the place is in the warehouse. */
  move(done: StagedPlace): void {
    const most = Math.min(mostSliceEvents, this.most * 2)
    this.#write({ done, most: most === mostSliceEvents ? undefined : most })
  }

  /** A slice of so many events was too much for one invocation. */
  shrink(events: number): void {
    this.#write({ done: this.#stored.done, most: Math.max(1, Math.min(this.most, events) >> 1) })
  }

  #write(stored: Stored): void {
    this.#stored = stored
    this.#db.run('INSERT OR REPLACE INTO position (id, place) VALUES (?, ?)', this.#id, JSON.stringify(stored))
  }
}
