import { committedOffsets } from './offsets.ts'
import type { Brokers } from './brokers.ts'
import type { TopicPartitionOffset } from './dialect.ts'
import { BridgeError, brokerError, rootMessage } from './errors.ts'
import type { Fetcher } from './fetcher.ts'
import { GroupMember, type MemberOptions } from './group-member.ts'
import type { BridgeLog } from './log.ts'

interface GroupsOptions {
  readonly brokers: Brokers
  readonly fetcher: Fetcher
  readonly log: BridgeLog
  /** Instances at the same time. */
  readonly most: number
}

/** Instances of one group, as `GET /consumers` lists them. */
export interface GroupListing {
  readonly name: string
  readonly instances: readonly {
    readonly name: string
    readonly topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[]
  }[]
}

const nameOf = ({ group, instance }: Pick<MemberOptions, 'group' | 'instance'>) => `${group}/${instance}`

/** Keeps the instances of consumer groups that callers use, and closes those that nobody uses. */
export class Groups {
  readonly #options: GroupsOptions
  readonly #members = new Map<string, GroupMember>()
  readonly #timer: NodeJS.Timeout

  constructor(options: GroupsOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#tick(), 500)
  }

  /**
   * Finds an instance, or makes it.
   *
   * @param options which one; the rest counts only for a new one
   * @returns the instance
   * @throws BridgeError 429 when there are too many
   */
  member(options: MemberOptions): GroupMember {
    const known = this.#members.get(nameOf(options))
    if (known !== undefined) return known
    if (this.#members.size >= this.#options.most)
      throw new BridgeError(
        429,
        `The bridge keeps ${this.#options.most} consumer instances at most; delete one that is not used`,
      )
    const { brokers, fetcher, log } = this.#options
    const member = new GroupMember(options, { brokers, fetcher, log, broken: (one) => this.#remove(one) })
    this.#members.set(nameOf(options), member)
    return member
  }

  /**
   * Commits offsets for a group, by its instance where the bridge has it.
   *
   * @param of the group and the instance
   * @param offsets each the next to be read; undefined for all that the instance was given
   * @throws BridgeError 404 when there is no such instance and no offsets; 409 when other instances use the group; 503
   */
  async commit(
    of: Pick<MemberOptions, 'group' | 'instance'>,
    offsets: readonly TopicPartitionOffset[] | undefined,
  ): Promise<void> {
    const member = this.#members.get(nameOf(of))
    if (member !== undefined) return member.commit(offsets)
    if (offsets === undefined)
      throw new BridgeError(
        404,
        `The group "${of.group}" has no instance "${of.instance}" here; name the offsets to commit`,
      )
    const topics = [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, all]) => ({
      name,
      partitionOffsets: all.map(({ partition, offset }) => ({ partition, offset: BigInt(offset) })),
    }))
    try {
      await this.#options.brokers.admin.alterConsumerGroupOffsets({ groupId: of.group, topics })
    } catch (thrown) {
      if (/UNKNOWN_MEMBER_ID|not aware of this member|not the current member/i.test(rootMessage(thrown)))
        throw new BridgeError(409, `The group "${of.group}" is used by other instances; commit as one of them`)
      throw brokerError(thrown, `committing for the group "${of.group}"`)
    }
  }

  /**
   * Closes an instance: it commits what was delivered if it does so by itself, and leaves its group.
   *
   * @param of the group and the instance
   * @throws BridgeError 404 when there is none
   */
  async delete(of: Pick<MemberOptions, 'group' | 'instance'>): Promise<void> {
    const member = this.#members.get(nameOf(of))
    if (member === undefined)
      throw new BridgeError(404, `The group "${of.group}" has no instance "${of.instance}" here`)
    this.#members.delete(nameOf(of))
    await member.close()
  }

  /** The instances that there are, by group. */
  list(): GroupListing[] {
    return [...Map.groupBy(this.#members.values(), ({ options }) => options.group)].map(([name, members]) => ({
      name,
      instances: members.map((member) => ({ name: member.options.instance, topics: member.assignments })),
    }))
  }

  /** What a group has committed. */
  readonly committed = (group: string, partitions: Parameters<typeof committedOffsets>[2]) =>
    committedOffsets(this.#options.brokers, group, partitions)

  /** Closes all instances. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    const members = [...this.#members.values()]
    this.#members.clear()
    await Promise.allSettled(members.map((member) => member.close()))
  }

  #tick(): void {
    const now = Date.now()
    for (const member of this.#members.values()) {
      if (!member.isBusy && now - member.lastUsed > member.options.idleMs) {
        const { group, instance } = member.options
        this.#options.log('info', 'a consumer that nobody used was closed', { group, instance })
        this.#remove(member)
      } else void member.tick()
    }
  }

  #remove(member: GroupMember): void {
    if (this.#members.get(nameOf(member.options)) === member) this.#members.delete(nameOf(member.options))
    void member.close()
  }
}
