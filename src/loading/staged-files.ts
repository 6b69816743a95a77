import type { StagedFile, StagedPlaceQuery } from '../core/bindings.ts'
import type { Database } from '../storage/database.ts'

/** `staged` → `loaded` (its object is to be deleted) → `gone`; or `stuck`: it was given up, its object is kept. */
type State = 'staged' | 'loaded' | 'gone' | 'stuck'

/** A load takes files up to these; a larger file is loaded by itself. */
const groupBytes = 8_000_000
const groupEvents = 20_000
const mostFiles = 500
const mostFailures = 5
/** How long a file that is gone is remembered, so that a lane which registers it again does no harm. */
const rememberMs = 6 * 3_600_000

/** Table `files`: which staging files there are, and what became of them. */
export class StagedFiles {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
    db.run(
      `CREATE TABLE IF NOT EXISTS files (key TEXT PRIMARY KEY, partition INTEGER, events INTEGER, bytes INTEGER,
       state TEXT, at INTEGER, changed_at INTEGER, failures INTEGER, replayed TEXT) WITHOUT ROWID`,
    )
    const columns = db.all<{ readonly name: string }>('PRAGMA table_info(files)')
    if (!columns.some(({ name }) => name === 'replayed')) db.run('ALTER TABLE files ADD COLUMN replayed TEXT')
  }

  /** Notes a file. One that was loaded before is only deleted again: the lane wrote it twice. */
  register(file: StagedFile, now: number): void {
    this.#db.run(
      `INSERT INTO files (key, partition, events, bytes, state, at, changed_at, failures, replayed)
       VALUES (?, ?, ?, ?, 'staged', ?, ?, 0, ?)
       ON CONFLICT (key) DO UPDATE SET state = 'loaded' WHERE state = 'gone'`,
      file.key,
      file.partition,
      file.events,
      file.bytes,
      now,
      now,
      file.replayed === undefined ? null : nameOf(file.replayed),
    )
  }

  /** The next files to load together, oldest first; a file that could not be read before comes last and alone. */
  next(except: ReadonlySet<string>): StagedFile[] {
    const files = this.#db
      .all<StagedFile & { readonly failures: number }>(
        `SELECT key, partition, events, bytes, failures FROM files WHERE state = 'staged'
         ORDER BY failures, at, key LIMIT ${mostFiles}`,
      )
      .filter(({ key }) => !except.has(key))
    const group: StagedFile[] = []
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

  /** Counts a failure to read a file; after the fifth it is stuck. */
  unreadable(key: string, now: number): void {
    this.#db.run(
      `UPDATE files SET failures = failures + 1, changed_at = ?,
       state = CASE WHEN failures + 1 >= ${mostFailures} THEN 'stuck' ELSE state END WHERE key = ?`,
      now,
      key,
    )
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

  waiting(): { readonly files: number; readonly events: number; readonly since: number | undefined } {
    const row = this.#db.first<{ readonly files: number; readonly events: number; readonly since: number | null }>(
      `SELECT count(*) AS files, coalesce(sum(events), 0) AS events, min(at) AS since FROM files WHERE state = 'staged'`,
    )
    return { files: row?.files ?? 0, events: row?.events ?? 0, since: row?.since ?? undefined }
  }
}

/** How a file names the one event of a replayed letter. */
const nameOf = ({ source, id }: { readonly source: string; readonly id: string }): string =>
  JSON.stringify([source, id])
