import type { ReadableLog } from '../core/stream.ts'
import type { Topic } from '../core/topic.ts'
import type { Database } from '../storage/database.ts'

/** How long, and how much, a partition of a topic keeps. */
export type Retention = Pick<Topic, 'retentionMs' | 'retentionBytes'>

/** Of a topic of which no config has ever said it. */
const usual: Retention = { retentionMs: 7 * 86_400_000 }

interface RetentionRow {
  readonly retentionMs: number
  readonly retentionBytes: number | null
  /** 1 where the config named the topic; 0 where it was made by naming it. */
  readonly named: number
}

/**
 * Says what a partition keeps: as the config says, or as the last config said that had the topic. So a topic that is taken out,
 * or misspelt, keeps its records for their time. Table `topic_retention`.
 *
 * @param db of the partition
 * @param topic its name
 * @param log what the config says; undefined where its stream is another
 */
export function keptRetention(
  db: Database,
  topic: string,
  log: Pick<ReadableLog, 'topics' | 'newTopics'> | undefined,
): Retention {
  db.run(
    'CREATE TABLE IF NOT EXISTS topic_retention (id INTEGER PRIMARY KEY, retentionMs INTEGER NOT NULL, retentionBytes INTEGER, named INTEGER NOT NULL)',
  )
  const row = db.first<RetentionRow>('SELECT retentionMs, retentionBytes, named FROM topic_retention WHERE id = 0')
  const named = log?.topics.get(topic)
  const configured = named ?? (row?.named === 1 ? undefined : log?.newTopics)
  if (configured === undefined)
    return row === undefined
      ? usual
      : {
          retentionMs: row.retentionMs,
          ...(row.retentionBytes === null ? {} : { retentionBytes: row.retentionBytes }),
        }
  const { retentionMs, retentionBytes = null } = configured
  const isNamed = named === undefined ? 0 : 1
  if (row?.retentionMs !== retentionMs || row.retentionBytes !== retentionBytes || row.named !== isNamed)
    db.run(
      'INSERT OR REPLACE INTO topic_retention (id, retentionMs, retentionBytes, named) VALUES (0, ?, ?, ?)',
      retentionMs,
      retentionBytes,
      isNamed,
    )
  return configured
}
