import type { LogTimes } from '../../core/stream.ts'
import type { Database } from '../../storage/database.ts'

/** Of a log that is not the stream of its deployment any more, and was never told how long it keeps what it has. */
const idle: LogTimes = { flushMs: 20, retentionMs: 365 * 86_400_000, dedupMs: 600_000 }

/** Rows of the table `log_floor`, whose row 0 is of Segments. */
const rows = { ms: 1, bytes: 2 } as const

/**
 * Keeps, in the table `log_floor`, how long a partition of the log keeps what it has: that holds also once the log is not the
 * stream any more.
 *
 * @param db of the partition; its Segments are open
 * @param times what the config asks for; undefined when the stream is another
 * @returns how the partition is to keep what it takes
 */
export function rememberTimes(db: Database, times: LogTimes | undefined): LogTimes {
  const stored = new Map(
    db
      .all<{ id: number; next: number }>('SELECT id, next FROM log_floor WHERE id > 0')
      .map(({ id, next }) => [id, next]),
  )
  const ms = stored.get(rows.ms)
  const bytes = stored.get(rows.bytes)
  if (times === undefined)
    return {
      ...idle,
      ...(ms === undefined ? {} : { retentionMs: ms }),
      ...(bytes === undefined ? {} : { retentionBytes: bytes }),
    }
  const keep = (id: number, before: number | undefined, asked: number | undefined) => {
    const value = asked === undefined ? undefined : Math.round(asked)
    if (value === before) return
    if (value === undefined) db.run('DELETE FROM log_floor WHERE id = ?', id)
    else db.run('INSERT OR REPLACE INTO log_floor (id, next) VALUES (?, ?)', id, value)
  }
  keep(rows.ms, ms, times.retentionMs)
  keep(rows.bytes, bytes, times.retentionBytes)
  return times
}
