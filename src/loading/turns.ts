import type { Database } from '../storage/database.ts'
import { lastTurn, type SyncSchedule } from './sync-schedule.ts'

// The schedule comes once a minute, a little early at times.
const slackMs = 2_000

/** The last turn that has begun, and until when a file must have been staged to belong to it; milliseconds since the epoch. */
interface Turn {
  readonly at: number
  readonly until: number
}

/**
 * Table `turns`: the turn that the loader is at. A turn loads what was staged before it began, however many runs that takes; one
 * that was missed, or fell into the exclude window, begins as soon as it may.
 */
export class Turns {
  readonly #db: Database
  #turn: Turn | undefined

  constructor(db: Database) {
    this.#db = db
    db.run('CREATE TABLE IF NOT EXISTS turns (id INTEGER PRIMARY KEY, at INTEGER, until INTEGER)')
    this.#turn = db.first<Turn & Record<string, unknown>>('SELECT at, until FROM turns WHERE id = 0')
  }

  /** Begins the turn whose time has come, if there is one. */
  begin(schedule: SyncSchedule, now: number): void {
    if (isEveryMinute(schedule)) return
    const at = lastTurn(schedule, now + slackMs)
    if (this.#turn === undefined) this.#write({ at: lastTurn(schedule, now - 60_000), until: 0 })
    // One that is more than a turn away was begun by a clock that was ahead.
    const isAhead = this.#turn !== undefined && this.#turn.at > now + schedule.everyMinutes * 60_000
    if (this.#turn !== undefined && (this.#turn.at < at || isAhead)) this.#write({ at, until: now })
  }

  /** Until when a file must have been staged to be loaded now. */
  until(schedule: SyncSchedule, now: number): number {
    return isEveryMinute(schedule) ? now : (this.#turn?.until ?? 0)
  }

  #write(turn: Turn): void {
    this.#turn = turn
    this.#db.run('INSERT OR REPLACE INTO turns (id, at, until) VALUES (0, ?, ?)', turn.at, turn.until)
  }
}

/** Every run is a turn. */
const isEveryMinute = ({ everyMinutes }: SyncSchedule): boolean => everyMinutes === 1
