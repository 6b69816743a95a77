import type { Database } from '../storage/database.ts'
import type { TopicPosition } from '../core/topic.ts'

/** An instance of a group. */
export interface MemberRow {
  readonly instance: string
  /** JSON: topics with their numbers of partitions. */
  readonly topics: string
  /** 1: commits by itself. */
  readonly auto: number
  readonly commitMs: number
  readonly sessionMs: number
  /** When its last call ends at the latest. */
  readonly seen: number
  /** When it committed last. */
  readonly committed: number
  readonly lease: number
}

/** How a group stands in a partition. */
export interface PositionRow {
  readonly topic: string
  readonly partition: number
  /** The instance that it was handed out to last; empty: none. */
  readonly instance: string
  /** The offset after what was handed out; null when nothing was. */
  readonly next: number | null
  /** The committed offset; null when there is none. */
  readonly committed: number | null
  /** Where the group began; null when it began at a committed offset. */
  readonly began: number | null
}

/** An answer of which it is not known whether it went out whole. */
export interface AnswerRow {
  readonly instance: string
  readonly lease: number
  /** JSON: the positions that were before it, as TopicPosition. */
  readonly before: string
}

/** Milliseconds by which a stored call of an instance may be older than its last one: a row for each call costs a commit. */
const seenMs = 1_000

/** The tables of a group: `members`, `positions`, `answers`, `counts`; and what of them is not written yet. */
export class GroupStore {
  readonly #db: Database
  /** Members whose rows are older, by instance. */
  readonly #called = new Map<string, MemberRow>()
  /** Instances whose answer is still in its row, but went out whole. */
  readonly #arrived = new Set<string>()

  constructor(db: Database) {
    this.#db = db
    db.run(
      'CREATE TABLE IF NOT EXISTS members (instance TEXT PRIMARY KEY, topics TEXT NOT NULL, auto INTEGER NOT NULL, commitMs INTEGER NOT NULL, sessionMs INTEGER NOT NULL, seen INTEGER NOT NULL, committed INTEGER NOT NULL, lease INTEGER NOT NULL) WITHOUT ROWID',
    )
    db.run(
      'CREATE TABLE IF NOT EXISTS positions (topic TEXT NOT NULL, partition INTEGER NOT NULL, instance TEXT NOT NULL, next INTEGER, committed INTEGER, began INTEGER, PRIMARY KEY (topic, partition)) WITHOUT ROWID',
    )
    db.run(
      'CREATE TABLE IF NOT EXISTS answers (instance TEXT PRIMARY KEY, lease INTEGER NOT NULL, before TEXT NOT NULL) WITHOUT ROWID',
    )
    db.run('CREATE TABLE IF NOT EXISTS counts (topic TEXT PRIMARY KEY, partitions INTEGER NOT NULL) WITHOUT ROWID')
  }

  /** True when nothing was ever stored. */
  get isEmpty(): boolean {
    return this.members().length === 0 && this.#db.first('SELECT topic FROM positions LIMIT 1') === undefined
  }

  members(): MemberRow[] {
    const rows = this.#db.all<MemberRow>('SELECT * FROM members ORDER BY instance')
    return rows.map((row) => this.#called.get(row.instance) ?? row)
  }

  /** Notes a call of an instance. One that follows another soon, and changes nothing else, is kept in memory alone. */
  putMember(member: MemberRow): void {
    const { instance } = member
    const row = this.#db.first<MemberRow>('SELECT * FROM members WHERE instance = ?', instance)
    if (row !== undefined && isCalledSoon(row, member)) {
      this.#called.set(instance, member)
      return
    }
    this.#called.delete(instance)
    this.#db.run(
      'INSERT OR REPLACE INTO members (instance, topics, auto, commitMs, sessionMs, seen, committed, lease) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      instance,
      member.topics,
      member.auto,
      member.commitMs,
      member.sessionMs,
      member.seen,
      member.committed,
      member.lease,
    )
  }

  deleteMember(instance: string): void {
    this.#called.delete(instance)
    this.#db.run('DELETE FROM members WHERE instance = ?', instance)
  }

  positions(): PositionRow[] {
    return this.#db.all<PositionRow>('SELECT * FROM positions ORDER BY topic, partition')
  }

  position(topic: string, partition: number): PositionRow | undefined {
    return this.#db.first<PositionRow>('SELECT * FROM positions WHERE topic = ? AND partition = ?', topic, partition)
  }

  /** Notes what is handed out to an instance. */
  handOut(instance: string, { topic, partition, next, began }: TopicPosition & { readonly began?: number }): void {
    this.#db.run(
      'INSERT INTO positions (topic, partition, instance, next, began) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET instance = excluded.instance, next = excluded.next, began = coalesce(excluded.began, began)',
      topic,
      partition,
      instance,
      next,
      began ?? null,
    )
  }

  answer(instance: string): AnswerRow | undefined {
    if (this.#arrived.has(instance)) return undefined
    return this.#db.first<AnswerRow>('SELECT * FROM answers WHERE instance = ?', instance)
  }

  putAnswer({ instance, lease, before }: AnswerRow): void {
    this.#arrived.delete(instance)
    this.#db.run('INSERT OR REPLACE INTO answers (instance, lease, before) VALUES (?, ?, ?)', instance, lease, before)
  }

  deleteAnswer(instance: string): void {
    this.#arrived.delete(instance)
    this.#db.run('DELETE FROM answers WHERE instance = ?', instance)
  }

  /** Notes that an answer went out whole: in memory, as the next answer takes its row. */
  putArrived(instance: string): void {
    this.#arrived.add(instance)
  }

  /** Deletes the answers that went out whole and that no other has followed. */
  deleteArrived(): void {
    for (const instance of this.#arrived) this.deleteAnswer(instance)
  }

  /** Takes back what was handed out to an instance, down to an earlier position, but not below what it has committed since. */
  takeBack(instance: string, { topic, partition, next }: TopicPosition): void {
    this.#db.run(
      'UPDATE positions SET next = CASE WHEN committed > ?1 THEN committed ELSE ?1 END WHERE topic = ?2 AND partition = ?3 AND instance = ?4 AND next IS NOT NULL',
      next,
      topic,
      partition,
      instance,
    )
  }

  commit({ topic, partition, next }: TopicPosition): void {
    this.#db.run(
      "INSERT INTO positions (topic, partition, instance, committed) VALUES (?, ?, '', ?) ON CONFLICT DO UPDATE SET committed = excluded.committed",
      topic,
      partition,
      next,
    )
  }

  /** Commits all that was handed out to an instance. */
  commitAll(instance: string): void {
    this.#db.run(
      'UPDATE positions SET committed = next WHERE instance = ? AND next IS NOT NULL AND committed IS NOT next',
      instance,
    )
  }

  /** Lets a partition go: whoever reads it next begins at what is committed. */
  release({ topic, partition }: PositionRow): void {
    this.#db.run("UPDATE positions SET instance = '', next = NULL WHERE topic = ? AND partition = ?", topic, partition)
  }

  /** Lets all partitions of an instance go; they stay its own when it comes back while nobody else reads them. */
  releaseAll(instance: string): void {
    this.#db.run('UPDATE positions SET next = NULL WHERE instance = ? AND next IS NOT NULL', instance)
  }

  /** Begins partitions that a topic has got since the group has read it at their first record. */
  growTo(topic: string, partitions: number): void {
    const known = this.#db.first<{ partitions: number }>('SELECT partitions FROM counts WHERE topic = ?', topic)
    if (known !== undefined && known.partitions >= partitions) return
    for (let partition = known?.partitions ?? partitions; partition < partitions; partition++)
      this.#db.run(
        "INSERT INTO positions (topic, partition, instance, began) VALUES (?, ?, '', 0) ON CONFLICT DO NOTHING",
        topic,
        partition,
      )
    this.#db.run('INSERT OR REPLACE INTO counts (topic, partitions) VALUES (?, ?)', topic, partitions)
  }

  clear(): void {
    this.#called.clear()
    this.#arrived.clear()
    for (const table of ['members', 'positions', 'answers', 'counts']) this.#db.run(`DELETE FROM ${table}`)
  }
}

/** Whether a row tells enough of an instance that has called again. */
const isCalledSoon = (row: MemberRow, { seen, lease, ...kept }: MemberRow): boolean =>
  lease > row.lease &&
  seen >= row.seen &&
  seen - row.seen < seenMs &&
  row.topics === kept.topics &&
  row.auto === kept.auto &&
  row.commitMs === kept.commitMs &&
  row.sessionMs === kept.sessionMs &&
  row.committed === kept.committed
