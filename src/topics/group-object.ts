import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../core/bindings.ts'
import type { GroupInstance, GroupPoll, GroupRpc, TopicPosition } from '../core/topic.ts'
import { Database } from '../storage/database.ts'
import { assignPartitions, type Membership } from './assign-partitions.ts'

interface MemberRow {
  instance: string
  topics: string
  auto: number
  commitMs: number
  sessionMs: number
  seen: number
  committed: number
  lease: number
}

interface PositionRow {
  topic: string
  partition: number
  /** The last instance that it was handed out to. */
  instance: string
  /** The offset after what was handed out; null when nothing was. */
  next: number | null
  /** The committed offset; null when there is none. */
  committed: number | null
}

/**
 * A consumer group: who is in it, who reads which partition, and up to where each partition was handed out and committed.
 *
 * Everything is stored (tables `members`, `positions`), so that a group whose consumers come once in a while keeps its place. An instance that is gone for its session time-out is out of the group; what was handed out
 * to it is committed then if it commits by itself.
 */
export class GroupObject extends DurableObject<Bindings> implements GroupRpc {
  readonly #db: Database

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env)
    this.#db = new Database(ctx.storage.sql)
    this.#db.run(
      'CREATE TABLE IF NOT EXISTS members (instance TEXT PRIMARY KEY, topics TEXT NOT NULL, auto INTEGER NOT NULL, commitMs INTEGER NOT NULL, sessionMs INTEGER NOT NULL, seen INTEGER NOT NULL, committed INTEGER NOT NULL, lease INTEGER NOT NULL) WITHOUT ROWID',
    )
    this.#db.run(
      'CREATE TABLE IF NOT EXISTS positions (topic TEXT NOT NULL, partition INTEGER NOT NULL, instance TEXT NOT NULL, next INTEGER, committed INTEGER, PRIMARY KEY (topic, partition)) WITHOUT ROWID',
    )
  }

  async poll({ instance, topics, autoCommit, commitMs, sessionMs }: GroupPoll): Promise<{
    lease: number
    positions: TopicPosition[]
  }> {
    const now = Date.now()
    const before = this.#members()
    if (before.length === 0) await this.#registerOnce()
    for (const member of before)
      if (member.instance !== instance && member.seen + member.sessionMs < now) this.#removeMember(member)
    const known = before.find((member) => member.instance === instance)
    const isDue = known !== undefined && known.auto === 1 && known.committed + known.commitMs <= now
    if (isDue) this.#commitAll(instance)
    const lease = (known?.lease ?? 0) + 1
    this.#db.run(
      'INSERT OR REPLACE INTO members (instance, topics, auto, commitMs, sessionMs, seen, committed, lease) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      instance,
      JSON.stringify(topics),
      autoCommit ? 1 : 0,
      commitMs,
      sessionMs,
      now,
      isDue || known === undefined ? now : known.committed,
      lease,
    )
    const mine = this.#assign().get(instance) ?? []
    return {
      lease,
      positions: mine.map(({ topic, partition }) => ({
        topic,
        partition,
        next: this.#nextFor(instance, topic, partition),
      })),
    }
  }

  async advance(instance: string, lease: number, positions: readonly TopicPosition[]): Promise<boolean> {
    const member = this.#members().find((one) => one.instance === instance)
    if (member?.lease !== lease) return false
    const mine = this.#assign().get(instance) ?? []
    const owns = (at: TopicPosition) => mine.some((one) => one.topic === at.topic && one.partition === at.partition)
    if (!positions.every(owns)) return false
    for (const { topic, partition, next } of positions)
      this.#db.run(
        'INSERT INTO positions (topic, partition, instance, next) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET instance = excluded.instance, next = excluded.next',
        topic,
        partition,
        instance,
        next,
      )
    return true
  }

  async commit(instance: string, positions?: readonly TopicPosition[]): Promise<{ refused: TopicPosition[] }> {
    if (positions === undefined) {
      this.#commitAll(instance)
      return { refused: [] }
    }
    const owners = this.#assign()
    const isOthers = ({ topic, partition }: TopicPosition) =>
      [...owners].some(
        ([owner, parts]) =>
          owner !== instance && parts.some((one) => one.topic === topic && one.partition === partition),
      )
    const refused = positions.filter(isOthers)
    if (refused.length > 0) return { refused }
    await this.#registerOnce()
    for (const { topic, partition, next } of positions)
      this.#db.run(
        'INSERT INTO positions (topic, partition, instance, committed) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET committed = excluded.committed',
        topic,
        partition,
        instance,
        next,
      )
    return { refused: [] }
  }

  async committed(partitions: readonly { topic: string; partition: number }[]): Promise<TopicPosition[]> {
    return partitions.map(({ topic, partition }) => ({
      topic,
      partition,
      next: this.#position(topic, partition)?.committed ?? null,
    }))
  }

  async remove(instance: string): Promise<boolean> {
    const member = this.#members().find((one) => one.instance === instance)
    if (member !== undefined) this.#removeMember(member)
    return member !== undefined
  }

  async instances(): Promise<GroupInstance[]> {
    const now = Date.now()
    for (const member of this.#members()) if (member.seen + member.sessionMs < now) this.#removeMember(member)
    return [...this.#assign()].map(([name, assigned]) => ({ name, assigned: [...assigned] }))
  }

  /** Before the first row of a group is written, the catalog knows its name. */
  async #registerOnce(): Promise<void> {
    if (this.#db.first('SELECT topic FROM positions LIMIT 1') !== undefined) return
    await this.env.CATALOG.getByName('all').addGroup(this.ctx.id.name ?? '')
  }

  #members(): MemberRow[] {
    return this.#db.all<MemberRow>('SELECT * FROM members ORDER BY instance')
  }

  #position(topic: string, partition: number): PositionRow | undefined {
    return this.#db.first<PositionRow>('SELECT * FROM positions WHERE topic = ? AND partition = ?', topic, partition)
  }

  /** Where an instance reads on: behind what it was handed, or where the one before it, which reads no more, has left off. */
  #nextFor(instance: string, topic: string, partition: number): number | null {
    const row = this.#position(topic, partition)
    if (row === undefined || row.next === null) return row?.committed ?? null
    if (row.instance === instance) return row.next
    const before = this.#members().find((member) => member.instance === row.instance)
    return before?.auto === 1 ? row.next : row.committed
  }

  /** Who reads which partition now. A partition stays with the one who read it last, as far as that is fair. */
  #assign(): Map<string, { topic: string; partition: number }[]> {
    const members: Membership[] = this.#members().map(({ instance, topics }) => ({
      instance,
      topics: JSON.parse(topics) as Record<string, number>,
    }))
    const last = new Map(
      this.#db
        .all<PositionRow>('SELECT * FROM positions')
        .map(({ topic, partition, instance }) => [`${partition}:${topic}`, instance]),
    )
    return assignPartitions(members, last)
  }

  #commitAll(instance: string): void {
    this.#db.run(
      'UPDATE positions SET committed = next WHERE instance = ? AND next IS NOT NULL AND committed IS NOT next',
      instance,
    )
    this.#db.run('UPDATE members SET committed = ? WHERE instance = ?', Date.now(), instance)
  }

  #removeMember({ instance, auto }: MemberRow): void {
    if (auto === 1) this.#commitAll(instance)
    // Whoever reads on begins at what is committed.
    this.#db.run('UPDATE positions SET next = NULL WHERE instance = ? AND next IS NOT NULL', instance)
    this.#db.run('DELETE FROM members WHERE instance = ?', instance)
  }
}
