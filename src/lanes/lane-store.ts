import type { Attempt } from '../core/dead-letter.ts'
import { countsOfStep, type TransformCounts, type TransformStep, TransformSums } from '../core/transform-counts.ts'
import { DecidedChunks } from './decided-chunks.ts'
import { DecisionStore } from './decision-store.ts'
import { DroppedEvents } from './dropped-events.ts'
import { WaitingRows } from './waiting-rows.ts'
import type { Database } from '../storage/database.ts'
import { frame, unframe } from '../storage/frame.ts'

/** A table of checkpoints spans one day. */
const dayMs = 86_400_000
/** Checkpoints, with the attempts in them, are kept so long. */
const keepDays = 8

/** Attempts of one request: which offsets it carried (first, last), and its outcome. */
export interface RequestRecord extends Attempt {
  readonly from: number
  readonly to: number
  /** Set when the request carried only these offsets of the range. */
  readonly only?: readonly number[]
}

/** Counters since the lane was made, by name (`done`, `skip: <reason>`, `filtered`, `retry`, `dead`, …). */
export type Counters = Record<string, number>

/** Counters have at most so many names; reasons from outside must not grow the state without bound. */
const counterNames = 200

/** Offsets from here on belong to replayed dead letters: they come after everything of the stream. */
export const replayBase = 2 ** 52

/** How a request rests in a checkpoint. */
type Stored = [
  from: number,
  to: number,
  at: number,
  status: number,
  ms: number,
  reason: string | null,
  only: readonly number[] | null,
]

/**
 * What a lane stores. Layout version 1:
 *
 * - `checkpoint_<day>`: one row per checkpoint (at most one a second): the cursor, the counters, and the requests since the
 *   checkpoint before (a frame of JSON, with the lowest and highest offset that they carried), so that a healthy event costs
 *   no row of its own and can still be traced. The newest row is the state.
 * - `waiting`: see WaitingRows.
 * - `decided`: see DecisionStore and DecidedChunks.
 * - `meta`: `circuit` (why and until when the lane waits, see Circuit), `held` and `drain` (who stopped it, or wants it empty, see
 *   Hold), `replays` (how many letters were replayed), `kind` (of the target), `orphaned` (see OrphanKeeper), `stretches` (see
 *   Stretches), `layout` (of the edge's lane, see LayoutRecord), `dropped_<n>` (see DroppedEvents), `transforms` (JSON of
 *   TransformCounts).
 */
export class LaneStore {
  readonly #db: Database
  #day: number
  readonly counters: Counters
  readonly dropped: DroppedEvents
  readonly waiting: WaitingRows
  readonly decisions: DecisionStore
  readonly decidedChunks: DecidedChunks
  readonly #transforms: TransformSums
  #transformsDirty = false
  cursor: number
  /** Milliseconds since the epoch of the newest checkpoint. */
  changedAt: number | undefined
  #requests: RequestRecord[] = []
  #dirty = false

  constructor(db: Database, now: number) {
    this.#db = db
    this.dropped = new DroppedEvents(db)
    this.waiting = new WaitingRows(db)
    db.run('CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID')
    this.#day = Math.floor(now / dayMs)
    const newest = this.#days().at(-1)
    const state =
      newest === undefined
        ? undefined
        : db.first<{ cursor: number; at: number; counters: string }>(
            `SELECT cursor, at, counters FROM checkpoint_${newest} ORDER BY id DESC LIMIT 1`,
          )
    this.cursor = state?.cursor ?? 0
    this.changedAt = state?.at
    this.counters = state === undefined ? {} : (JSON.parse(state.counters) as Counters)
    if (newest !== undefined) this.#day = newest
    this.decisions = new DecisionStore(db, this.cursor)
    this.decidedChunks = new DecidedChunks(db, this.cursor)
    this.#transforms = new TransformSums(JSON.parse(this.get('transforms') ?? '[]') as TransformCounts[])
  }

  count(name: string, by = 1): void {
    if (!(name in this.counters) && Object.keys(this.counters).length >= counterNames) name = 'other'
    this.counters[name] = (this.counters[name] ?? 0) + by
    this.#dirty = true
  }

  /** What each transform did since the lane was made. */
  get transforms(): readonly TransformCounts[] {
    return this.#transforms.all()
  }

  /** Adds what transforms did to their counts. */
  countTransforms(counts: readonly TransformCounts[]): void {
    if (counts.length === 0) return
    this.#transforms.add(counts)
    this.#transformsDirty = true
    this.#dirty = true
  }

  /** Counts what the target's own transforms did in one run. */
  countSteps(steps: readonly TransformStep[]): void {
    this.countTransforms(steps.map((step) => countsOfStep(step)))
  }

  record(request: RequestRecord): void {
    this.#requests.push(request)
    this.#dirty = true
  }

  /** Notes that the event at `place` was skipped; neighbors with the same reason share a record. */
  recordSkip(place: number, at: number, reason: string): void {
    const last = this.#requests.at(-1)
    const joins = last?.status === 0 && last.reason === `skip: ${reason}` && last.to + 1 === place
    if (joins) this.#requests[this.#requests.length - 1] = { ...last, to: place }
    else this.record({ from: place, to: place, at, status: 0, ms: 0, reason: `skip: ${reason}` })
  }

  /** Stores cursor, counters and requests as one row, if there is anything new. */
  checkpoint(cursor: number, now: number): void {
    if (!this.#dirty && cursor === this.cursor) return
    this.dropped.save()
    if (this.#transformsDirty) this.set('transforms', JSON.stringify(this.#transforms.all()))
    this.#transformsDirty = false
    const day = Math.max(Math.floor(now / dayMs), this.#day)
    if (day !== this.#day || !this.#days().includes(day)) {
      this.#db.run(
        `CREATE TABLE IF NOT EXISTS checkpoint_${day} (id INTEGER PRIMARY KEY, cursor INTEGER NOT NULL, at INTEGER NOT NULL,
         low INTEGER, high INTEGER, counters TEXT NOT NULL, requests BLOB)`,
      )
      this.#day = day
    }
    const some = this.#requests.length > 0
    this.#db.run(
      `INSERT INTO checkpoint_${day} (cursor, at, low, high, counters, requests) VALUES (?, ?, ?, ?, ?, ?)`,
      cursor,
      now,
      some ? this.#requests.reduce((low, { from }) => Math.min(low, from), Infinity) : null,
      some ? this.#requests.reduce((high, { to }) => Math.max(high, to), -Infinity) : null,
      JSON.stringify(this.counters),
      some ? frame(JSON.stringify(this.#requests.map(toStored))) : null,
    )
    this.cursor = cursor
    this.changedAt = now
    this.#requests = []
    this.#dirty = false
    for (const old of this.#days()) if (old < day - keepDays) this.#db.run(`DROP TABLE checkpoint_${old}`)
  }

  /** The attempts that carried the event at `offset`, oldest first. Reads the checkpoints of all days. */
  attemptsOf(offset: number): Attempt[] {
    const carried = (request: RequestRecord) =>
      request.from <= offset && offset <= request.to && (request.only === undefined || request.only.includes(offset))
    const stored = this.#days().flatMap((day) =>
      this.#db
        .all<{ requests: ArrayBuffer }>(
          `SELECT requests FROM checkpoint_${day} WHERE low <= ? AND high >= ? ORDER BY id`,
          offset,
          offset,
        )
        .flatMap(({ requests }) => (JSON.parse(unframe(new Uint8Array(requests))) as Stored[]).map(fromStored)),
    )
    const attempts = [...stored, ...this.#requests]
      .filter(carried)
      .map(({ at, status, ms, reason }) => ({ at, status, ms, ...(reason === undefined ? {} : { reason }) }))
    // An attempt of an event that had a row is recorded twice: with its request, and when the row went.
    const distinct = new Map(attempts.map((attempt) => [`${attempt.at} ${attempt.status}`, attempt]))
    return [...distinct.values()].toSorted((a, b) => a.at - b.at)
  }

  /** Forgets all waiting events; returns how many there were. */
  dropWaiting(): number {
    const dropped = this.waiting.count
    this.waiting.clear()
    this.decisions.clear()
    return dropped
  }

  get(name: string): string | undefined {
    return this.#db.first<{ value: string }>('SELECT value FROM meta WHERE name = ?', name)?.value
  }

  /** The values of all names that begin so. */
  named(prefix: string): string[] {
    return this.#db
      .all<{ value: string }>('SELECT value FROM meta WHERE name >= ? AND name < ?', prefix, `${prefix}\uffff`)
      .map(({ value }) => value)
  }

  set(name: string, value: string | undefined): void {
    if (value === undefined) this.#db.run('DELETE FROM meta WHERE name = ?', name)
    else this.#db.run('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)', name, value)
  }

  #days(): number[] {
    return this.#db
      .all<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'checkpoint_[0-9]*'")
      .map(({ name }) => Number(name.slice('checkpoint_'.length)))
      .toSorted((a, b) => a - b)
  }
}

const toStored = ({ from, to, at, status, ms, reason, only }: RequestRecord): Stored => [
  from,
  to,
  at,
  status,
  ms,
  reason ?? null,
  only ?? null,
]

const fromStored = ([from, to, at, status, ms, reason, only]: Stored): RequestRecord => ({
  from,
  to,
  at,
  status,
  ms,
  ...(reason === null ? {} : { reason }),
  ...(only === null ? {} : { only }),
})
