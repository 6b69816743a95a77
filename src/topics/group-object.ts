import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../core/bindings.ts'
import type { GroupLease, GroupPoll, GroupProblem, GroupRpc, GroupStatus, TopicPosition } from '../core/topic.ts'
import { Arrivals } from '../storage/arrivals.ts'
import { Database } from '../storage/database.ts'
import { type Assigned, assignPartitions } from './assign-partitions.ts'
import { GroupStore, type MemberRow, type PositionRow } from './group-store.ts'

/** Instances of one group; each call looks at all of them. */
const mostInstances = 1_000
/** Milliseconds that the next call of an instance waits for the news that the answer before it went out. */
const arrivalMs = 2_000
/** Milliseconds after which it is written that an answer went out, unless the next one is there by then. */
const restMs = 100

/**
 * A consumer group: who is in it, who reads which partition, and up to where each partition was handed out and committed.
 *
 * Everything is stored (see GroupStore), so that a group whose consumers come once in a while keeps its place. A partition goes
 * to another instance once the one that read it has called again, or is gone: no key is worked on by two at once. An instance
 * that is gone for its session time-out is out of the group; what was handed out to it is committed then if it commits by
 * itself, and handed out again if it does not. An answer that did not go out whole is taken back: it is handed out again, and
 * nobody commits it.
 */
export class GroupObject extends DurableObject<Bindings> implements GroupRpc {
  readonly #store: GroupStore
  readonly #changes = new Arrivals(() => this.#generation)
  /** Counts the changes of who reads what; a restart ends all waits anyway. */
  #generation = 0
  readonly #answers = new Arrivals(() => this.#arrived)
  /** Counts the answers of which it was told whether they went out. */
  #arrived = 0
  /** Leases only grow, also those of an instance that was out of the group in between. */
  #lastLease = 0
  #isListed = false
  /** Whether a timer will write which answers went out. */
  #isResting = false

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env)
    this.#store = new GroupStore(new Database(ctx.storage.sql))
  }

  async poll(poll: GroupPoll): Promise<GroupLease | { readonly problem: GroupProblem }> {
    // Whatever is awaited is awaited here: from the next line on, nothing comes in between.
    const { instance, topics } = poll
    if (!(await this.#isInCatalog())) return { problem: 'groups' }
    await this.#answerOut(instance)
    this.#takeBack(instance)
    const now = Date.now()
    this.#expire(now)
    const members = this.#store.members()
    const known = members.find((member) => member.instance === instance)
    if (known === undefined && members.length >= mostInstances) return { problem: 'instances' }
    const isDue = known !== undefined && known.auto === 1 && known.committed + known.commitMs <= now
    if (isDue) this.#store.commitAll(instance)
    const member: MemberRow = {
      instance,
      topics: JSON.stringify(topics),
      auto: poll.autoCommit ? 1 : 0,
      commitMs: poll.commitMs,
      sessionMs: poll.sessionMs,
      seen: now + poll.waitMs,
      committed: isDue || known === undefined ? now : known.committed,
      lease: Math.max(now, (known?.lease ?? 0) + 1, this.#lastLease + 1),
    }
    this.#lastLease = member.lease
    this.#store.putMember(member)
    for (const [topic, partitions] of Object.entries(topics)) this.#store.growTo(topic, partitions)
    let hasChanged = known?.topics !== member.topics
    const mine = this.#assign().get(instance) ?? []
    const keys = new Set(mine.map(keyOf))
    for (const row of this.#store.positions()) {
      if (row.instance !== instance || keys.has(keyOf(row))) continue
      // This call says that the records of the call before are worked on.
      if (poll.autoCommit && row.next !== null) this.#store.commit(row)
      this.#store.release(row)
      hasChanged = true
    }
    if (hasChanged) this.#change()
    return { lease: member.lease, generation: this.#generation, positions: this.#positionsOf(instance, mine) }
  }

  async wait(generation: number, ms: number): Promise<number> {
    return this.#changes.wait(generation, ms)
  }

  async advance(
    instance: string,
    lease: number,
    positions: readonly (TopicPosition & { readonly began?: number })[],
    isAnswer: boolean,
  ): Promise<boolean> {
    if (this.#member(instance)?.lease !== lease) return false
    const mine = new Set(this.#assign().get(instance)?.map(keyOf))
    if (!positions.every((position) => mine.has(keyOf(position)) && this.#isFree(instance, position))) return false
    const before = positions.map(({ topic, partition }) => {
      const row = this.#store.position(topic, partition)
      return { topic, partition, next: row?.next ?? row?.committed ?? row?.began ?? null }
    })
    for (const position of positions) this.#store.handOut(instance, position)
    if (isAnswer) this.#store.putAnswer({ instance, lease, before: JSON.stringify(before) })
    return true
  }

  async arrived(instance: string, lease: number, isWhole: boolean): Promise<void> {
    if (this.#store.answer(instance)?.lease !== lease) return
    if (isWhole) this.#settle(instance)
    else this.#takeBack(instance)
    this.#arrived++
    this.#answers.notify()
  }

  async commit(
    instance: string,
    positions?: readonly TopicPosition[],
  ): Promise<{ readonly refused: readonly TopicPosition[] } | { readonly problem: GroupProblem }> {
    if (positions === undefined) {
      await this.#answerOut(instance)
      if (this.#member(instance) === undefined) return { problem: 'no-instance' }
      this.#takeBack(instance)
      this.#store.commitAll(instance)
      return { refused: [] }
    }
    if (!(await this.#isInCatalog())) return { problem: 'groups' }
    const refused = positions.filter((position) => !this.#isFree(instance, position))
    if (refused.length === 0) for (const position of positions) this.#store.commit(position)
    return { refused }
  }

  async committed(partitions: readonly { topic: string; partition: number }[]): Promise<TopicPosition[]> {
    return partitions.map(({ topic, partition }) => ({
      topic,
      partition,
      next: this.#store.position(topic, partition)?.committed ?? null,
    }))
  }

  async remove(instance: string): Promise<boolean> {
    await this.#answerOut(instance)
    const member = this.#member(instance)
    if (member !== undefined) this.#remove(member)
    return member !== undefined
  }

  async status(): Promise<GroupStatus> {
    this.#expire(Date.now())
    return {
      instances: [...this.#assign()].map(([name, assigned]) => ({ name, assigned: [...assigned] })),
      offsets: this.#store
        .positions()
        .map(({ topic, partition, committed, next }) => ({ topic, partition, committed, next })),
    }
  }

  async reset(positions: readonly TopicPosition[]): Promise<boolean> {
    if (!(await this.#isInCatalog())) return false
    this.#expire(Date.now())
    if (this.#store.members().length > 0) return false
    for (const position of positions) this.#store.commit(position)
    return true
  }

  async clear(): Promise<boolean> {
    this.#expire(Date.now())
    if (this.#store.members().length > 0) return false
    this.#isListed = false
    this.#store.clear()
    await this.env.CATALOG.getByName('all').removeGroup(this.ctx.id.name ?? '')
    return true
  }

  /** Before the first row of a group is written, the catalog knows its name. */
  async #isInCatalog(): Promise<boolean> {
    this.#isListed ||= !this.#store.isEmpty
    this.#isListed ||= await this.env.CATALOG.getByName('all').addGroup(this.ctx.id.name ?? '')
    return this.#isListed
  }

  #member(instance: string): MemberRow | undefined {
    return this.#store.members().find((member) => member.instance === instance)
  }

  /** Whether no other instance of the group works on what it was handed of a partition. */
  #isFree(instance: string, { topic, partition }: Assigned): boolean {
    return isFreeFor(instance, this.#store.position(topic, partition))
  }

  /** Where an instance reads on: behind what it was handed, else at what is committed, else where the group began. */
  #positionsOf(instance: string, mine: readonly Assigned[]): TopicPosition[] {
    const rows = new Map(this.#store.positions().map((row) => [keyOf(row), row]))
    return mine.flatMap(({ topic, partition }) => {
      const row = rows.get(keyOf({ topic, partition }))
      if (!isFreeFor(instance, row)) return []
      return [{ topic, partition, next: row?.next ?? row?.committed ?? row?.began ?? null }]
    })
  }

  /** Who reads which partition now. A partition stays with the one who read it last, as far as that is fair. */
  #assign(): Map<string, Assigned[]> {
    const members = this.#store.members().map(({ instance, topics }) => ({
      instance,
      topics: JSON.parse(topics) as Record<string, number>,
    }))
    const last = this.#store.positions().map((row) => [keyOf(row), row.instance] as const)
    return assignPartitions(members, new Map(last))
  }

  #expire(now: number): void {
    for (const member of this.#store.members()) if (member.seen + member.sessionMs < now) this.#remove(member)
  }

  /** Waits until it is known whether the last answer to an instance went out; after a restart nobody may tell any more. */
  async #answerOut(instance: string): Promise<void> {
    const until = Date.now() + arrivalMs
    while (this.#store.answer(instance) !== undefined && Date.now() < until)
      await this.#answers.wait(this.#arrived, until - Date.now())
  }

  /** What an instance was handed in an answer that did not go out is where it was. */
  #takeBack(instance: string): void {
    const answer = this.#store.answer(instance)
    if (answer === undefined) return
    for (const position of JSON.parse(answer.before) as TopicPosition[]) this.#store.takeBack(instance, position)
    this.#store.deleteAnswer(instance)
  }

  /** A consumer that goes on at once writes over the answer: deleting each would be a commit more. */
  #settle(instance: string): void {
    this.#store.putArrived(instance)
    if (this.#isResting) return
    this.#isResting = true
    setTimeout(() => {
      this.#isResting = false
      this.#store.deleteArrived()
    }, restMs)
  }

  #remove({ instance, auto }: MemberRow): void {
    this.#takeBack(instance)
    if (auto === 1) this.#store.commitAll(instance)
    this.#store.releaseAll(instance)
    this.#store.deleteMember(instance)
    this.#change()
  }

  #change(): void {
    this.#generation++
    this.#changes.notify()
  }
}

const keyOf = ({ topic, partition }: Assigned): string => `${partition}:${topic}`

const isFreeFor = (instance: string, row: PositionRow | undefined): boolean =>
  row === undefined || row.next === null || row.instance === instance || row.instance === ''
