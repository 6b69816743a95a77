import type { StagedFile, StagedPlaceQuery } from '../core/bindings.ts'
import type { Database } from '../storage/database.ts'
import type { FilesSetAside, SetAsideFile } from './unreadable-files.ts'

/** `staged` → `loaded` (its object is to be deleted) → `gone`; or `stuck`: it was given up, its object is kept. */
type State = 'staged' | 'loaded' | 'gone' | 'stuck'

/** A file that waits. */
export interface WaitingFile extends StagedFile {
  /** Its first events, which were in the warehouse when it could not be read any further. */
  readonly done: number
}

/** Milliseconds since the epoch. */
interface StagedTimes {
  readonly until: number
  readonly now: number
}

/** A load takes files up to these; a larger file is loaded by itself. */
const groupBytes = 40_000_000
const groupEvents = 100_000
const mostFiles = 500
const mostFailures = 5
/** What was staged while a run computes may be that much later than the clock of the run. */
const aheadMs = 60_000
/** How long a file that is gone is remembered, so that a lane which registers it again does no harm. */
const rememberMs = 6 * 3_600_000

/** Table `files`: which staging files there are, and what became of them. */
export class StagedFiles implements FilesSetAside {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
    db.run(
      `CREATE TABLE IF NOT EXISTS files (key TEXT PRIMARY KEY, partition INTEGER, events INTEGER, bytes INTEGER,
       state TEXT, at INTEGER, changed_at INTEGER, failures INTEGER, replayed TEXT, done INTEGER, reason TEXT) WITHOUT ROWID`,
    )
    const columns = db.all<{ readonly name: string }>('PRAGMA table_info(files)')
    for (const added of ['replayed TEXT', 'done INTEGER', 'reason TEXT'])
      if (!columns.some(({ name }) => added.startsWith(`${name} `))) db.run(`ALTER TABLE files ADD COLUMN ${added}`)
  }

  /** Notes a file, or how long it is now where the lane wrote it twice; one that was loaded before is only deleted again. */
  register(file: StagedFile, now: number): void {
    this.#db.run(
      `INSERT INTO files (key, partition, events, bytes, state, at, changed_at, failures, replayed)
       VALUES (?, ?, ?, ?, 'staged', ?, ?, 0, ?)
       ON CONFLICT (key) DO UPDATE SET state = CASE state WHEN 'gone' THEN 'loaded' ELSE state END, bytes = excluded.bytes
       WHERE state IN ('gone', 'staged')`,
      file.key,
      file.partition,
      file.events,
      file.bytes,
      now,
      now,
      file.replayed === undefined ? null : nameOf(file.replayed),
    )
  }

  /**
   * The next files to load together, oldest first; a file that could not be read before comes last and alone.
   *
   * @param except keys of files to leave out
   * @param times see `hasStaged`
   */
  next(except: ReadonlySet<string>, { until, now }: StagedTimes): WaitingFile[] {
    const files = this.#db
      .all<WaitingFile & { readonly failures: number }>(
        `SELECT key, partition, events, bytes, failures, coalesce(done, 0) AS done FROM files WHERE state = 'staged' AND (at <= ? OR at > ?)
         ORDER BY failures, at, key LIMIT ${mostFiles}`,
        until,
        now + aheadMs,
      )
      .filter(({ key }) => !except.has(key))
    const group: WaitingFile[] = []
    let bytes = 0
    let events = 0
    for (const { failures, ...file } of files) {
      if (failures > 0 && group.length > 0) break
      bytes += file.bytes
      events += file.events
      if (group.length > 0 && (bytes > groupBytes || events > groupEvents)) break
      group.push(file)
      if (failures > 0) break
    }
    return group
  }

  /**
   * Counts a failure to read a file; after the fifth it is stuck. `done` of its events are in the warehouse.
   *
   * @returns whether it is stuck now
   */
  unreadable(key: string, why: { readonly reason: string; readonly done: number; readonly now: number }): boolean {
    this.#db.run(
      `UPDATE files SET failures = failures + 1, changed_at = ?, reason = ?, done = max(coalesce(done, 0), ?),
       state = CASE WHEN failures + 1 >= ${mostFailures} THEN 'stuck' ELSE state END WHERE key = ?`,
      why.now,
      why.reason,
      why.done,
      key,
    )
    return this.#db.first(`SELECT 1 FROM files WHERE key = ? AND state = 'stuck'`, key) !== undefined
  }

  /** At most 1,000. */
  setAside(): readonly SetAsideFile[] {
    return this.#db.all<SetAsideFile>(
      `SELECT key, partition, events, bytes, at, changed_at AS changedAt, coalesce(done, 0) AS done, reason
       FROM files WHERE state = 'stuck' ORDER BY at, key LIMIT 1000`,
    )
  }

  /** A file that is stuck has other bytes. */
  mend(key: string, { ids, bytes }: { readonly ids: readonly string[]; readonly bytes: number }): void {
    this.#db.run(`UPDATE files SET events = ?, bytes = ? WHERE key = ? AND state = 'stuck'`, ids.length, bytes, key)
  }

  /** A file that is stuck waits again, as if nobody had tried it. */
  reload(key: string, now: number): void {
    this.#db.run(
      `UPDATE files SET state = 'staged', failures = 0, changed_at = ? WHERE key = ? AND state = 'stuck'`,
      now,
      key,
    )
  }

  /** A file that is stuck is given up: its object is deleted with those that are loaded. */
  discard(key: string, now: number): void {
    this.mark([key], 'loaded', now)
  }

  mark(keys: readonly string[], state: State, now: number): void {
    for (const key of keys) this.#db.run('UPDATE files SET state = ?, changed_at = ? WHERE key = ?', state, now, key)
  }

  /** Keys of a state, at most as many as R2 deletes at once. */
  keys(state: State): string[] {
    return this.#db
      .all<{ readonly key: string }>('SELECT key FROM files WHERE state = ? ORDER BY key LIMIT 1000', state)
      .map(({ key }) => key)
  }

  /** Forgets files that are gone for long. */
  prune(now: number): void {
    this.#db.run(`DELETE FROM files WHERE state = 'gone' AND changed_at < ?`, now - rememberMs)
  }

  /**
   * The state of the file that holds an event and is not loaded; keys end with their first and next offset. Where the offset is
   * not known, it is that of a replayed letter of the partition.
   */
  stateOf({ partition, offset = -1, ...event }: StagedPlaceQuery): 'staged' | 'stuck' | undefined {
    const files = this.#db.all<{ readonly key: string; readonly state: 'staged' | 'stuck'; readonly mine: number }>(
      `SELECT key, state, replayed IS NOT NULL AS mine FROM files
       WHERE state IN ('staged', 'stuck') AND (replayed = ?1 OR replayed IS NULL)
       AND (partition = ?2 OR (?3 >= 0 AND replayed IS NOT NULL))`,
      nameOf(event),
      partition,
      offset,
    )
    return files.find(({ key, mine }) => {
      const [, first, next] = /(\d+)-(\d+)$/.exec(key) ?? []
      return mine === 1 || (first !== undefined && Number(first) <= offset && offset < Number(next))
    })?.state
  }

  /** Whether files wait that were staged until a time, or, by a clock that was ahead, a minute and more from now. */
  hasStaged({ until, now }: StagedTimes): boolean {
    const sql = `SELECT 1 FROM files WHERE state = 'staged' AND (at <= ? OR at > ?) LIMIT 1`
    return this.#db.first(sql, until, now + aheadMs) !== undefined
  }

  /** What waits; `done` is how far into a file the rows are in the warehouse. */
  waiting(done?: { readonly key: string; readonly events: number }): {
    readonly files: number
    readonly events: number
    readonly since: number | undefined
  } {
    const row = this.#db.first<{ readonly files: number; readonly events: number; readonly since: number | null }>(
      `SELECT count(*) AS files, min(at) AS since,
         coalesce(sum(max(0, events - max(coalesce(done, 0), CASE key WHEN ? THEN ? ELSE 0 END))), 0) AS events
       FROM files WHERE state = 'staged'`,
      done?.key ?? '',
      done?.events ?? 0,
    )
    return { files: row?.files ?? 0, events: row?.events ?? 0, since: row?.since ?? undefined }
  }
}

/** How a file names the one event of a replayed letter. */
const nameOf = ({ source, id }: { readonly source: string; readonly id: string }): string =>
  JSON.stringify([source, id])
