import type { Billed } from './billed.ts'
import type { Chunk } from './inbox.ts'

/** Bytes as a topic keeps them: text where they are UTF-8, else base64 in a list of one. */
export type TopicBytes = string | null | readonly [base64: string]

/** A record as a topic keeps it: its time (null: when it was appended), key, value and headers. */
export type TopicRecord = readonly [
  timestamp: number | null,
  key: TopicBytes,
  value: TopicBytes,
  headers: readonly (readonly [name: string, value: TopicBytes])[],
]

/** A topic beside `events`, with everything decided. */
export interface Topic {
  readonly name: string
  readonly partitions: number
  /** Milliseconds that records stay readable. */
  readonly retentionMs: number
  /** Bytes, compressed, that one partition keeps at most; the oldest hours go first. Left out: no bound. */
  readonly retentionBytes?: number
}

/** What can be read by offset: a partition of a topic, or of the log itself. */
export interface OffsetReader {
  /** Chunks from the one that holds `from` on, at most about `bytes` (at least one if there is any), and the head. */
  readonly read: (from: number, bytes: number) => Promise<{ chunks: Chunk[]; head: number }>
  /** Waits until there is something at `from`, at most `ms` milliseconds; gives the head. */
  readonly wait: (from: number, ms: number) => Promise<number>
  /**
   * The offset of the first record that was appended at `time` (milliseconds since the epoch) or later; the head when there is
   * none. 0 gives the oldest offset that is left, and Infinity the head.
   */
  readonly offsetAt: (time: number) => Promise<number>
}

/** How a partition of a topic is doing. */
export interface TopicStatus {
  readonly topic: string
  readonly partition: number
  /** The oldest offset that is left. */
  readonly first: number
  /** The offset that the next record gets. */
  readonly head: number
  /** Bytes of the object's database. */
  readonly bytes: number
  readonly billed: Billed
}

/** The times that producers gave to records. */
export interface RecordTimes {
  /** The latest one, in milliseconds since the epoch. */
  readonly newest: number
  /** True where other records beside them have the time of their append. */
  readonly isMixed: boolean
}

/** Calls that the `Topic` object answers; see topics/topic-object.ts. */
export interface TopicRpc extends OffsetReader {
  /**
   * Resolves once durable. `lines` is `count` records (see `TopicRecord`), each as JSON that ends in a newline; `times` is left
   * out where no producer gave a time.
   *
   * @returns the offset of the first one, and when they were appended
   */
  readonly append: (lines: string, count: number, times?: RecordTimes) => Promise<{ offset: number; at: number }>
  /** Enforces retention; called by the sweep. */
  readonly sweep: () => Promise<TopicStatus>
  readonly status: () => Promise<TopicStatus>
  /** Forgets all records; offsets go on. */
  readonly clear: () => Promise<void>
}

/** Where something stands in a partition. */
export interface TopicPosition {
  readonly topic: string
  readonly partition: number
  /** The offset of the next record; null where the group has none yet. */
  readonly next: number | null
}

/** One call of a consumer for records. */
export interface GroupPoll {
  readonly instance: string
  /** Topics with their numbers of partitions. */
  readonly topics: Readonly<Record<string, number>>
  /** True: what was handed out is committed by later calls, and when the instance ends. */
  readonly autoCommit: boolean
  /** Milliseconds between two such commits. */
  readonly commitMs: number
  /** Milliseconds without a call after which the instance is out of the group. */
  readonly sessionMs: number
  /** Milliseconds that the call may take: the session begins after them. */
  readonly waitMs: number
}

/** Why a group takes no call: too many groups, too many instances, or no instance of this name in it. */
export type GroupProblem = 'groups' | 'instances' | 'no-instance'

/** What a group hands to a consumer that has called. */
export interface GroupLease {
  /** An answer with an older lease than the instance's last one is void. */
  readonly lease: number
  /** Counts the changes of who reads what. */
  readonly generation: number
  readonly positions: readonly TopicPosition[]
}

/** A consumer of a group, and what it reads. */
export interface GroupInstance {
  readonly name: string
  readonly assigned: readonly { readonly topic: string; readonly partition: number }[]
}

/** How a group stands in a partition. */
export interface GroupOffset {
  readonly topic: string
  readonly partition: number
  /** The committed offset; null when there is none. */
  readonly committed: number | null
  /** The offset after what was handed out; null when nothing is under way. */
  readonly next: number | null
}

/** How a group is doing. */
export interface GroupStatus {
  readonly instances: readonly GroupInstance[]
  readonly offsets: readonly GroupOffset[]
}

/** Calls that the `Group` object answers; see topics/group-object.ts. One for each group. */
export interface GroupRpc {
  /** Joins or stays, and says from where to read. */
  readonly poll: (poll: GroupPoll) => Promise<GroupLease | { readonly problem: GroupProblem }>
  /** Waits until who reads what is no longer as in `generation`, at most `ms` milliseconds. */
  readonly wait: (generation: number, ms: number) => Promise<number>
  /**
   * Notes what is being handed out; `began` is where a partition begins that had no offset. False when the instance has polled
   * again or lost a partition meanwhile: then nothing may be handed out.
   *
   * @param isAnswer there are records in it: until `arrived` is told of the lease, they may never have reached the consumer
   */
  readonly advance: (
    instance: string,
    lease: number,
    positions: readonly (TopicPosition & { readonly began?: number })[],
    isAnswer: boolean,
  ) => Promise<boolean>
  /** Notes whether the answer of a lease went out whole. What did not is handed out again. */
  readonly arrived: (instance: string, lease: number, isWhole: boolean) => Promise<void>
  /**
   * Commits positions, or all that was handed out to the instance. Positions of partitions that another instance reads are
   * refused: all or none are taken.
   */
  readonly commit: (
    instance: string,
    positions?: readonly TopicPosition[],
  ) => Promise<{ readonly refused: readonly TopicPosition[] } | { readonly problem: GroupProblem }>
  readonly committed: (partitions: readonly { topic: string; partition: number }[]) => Promise<TopicPosition[]>
  /** Takes an instance out of the group; false when there is none of this name. */
  readonly remove: (instance: string) => Promise<boolean>
  readonly status: () => Promise<GroupStatus>
  /** Sets committed offsets, where no instance is in the group; false where one is. */
  readonly reset: (positions: readonly TopicPosition[]) => Promise<boolean>
  /** Forgets everything, where no instance is in the group; false where one is. */
  readonly clear: () => Promise<boolean>
}

/** A topic as the catalog knows it. */
export interface CatalogTopic {
  readonly name: string
  /** Partitions of a topic that was made by naming it; 0 of one that only a config had. */
  readonly made: number
  /** Partitions from this number on never held a record, or hold none any more. */
  readonly held: number
}

/** Calls that the `Catalog` object answers; see topics/catalog-object.ts. The only one is named `all`. */
export interface CatalogRpc {
  /** Notes a group; repeating it is harmless. Durable when it resolves. False when there are too many. */
  readonly addGroup: (name: string) => Promise<boolean>
  readonly removeGroup: (name: string) => Promise<void>
  /** In order of their names. */
  readonly groups: () => Promise<string[]>
  /** Makes a topic that is not in the config, unless it is there. Gives its number of partitions; null when there are too many topics. */
  readonly addTopic: (name: string, partitions: number) => Promise<number | null>
  /** Notes that partitions below `held` may hold records. Durable when it resolves. */
  readonly holdTopic: (name: string, held: number) => Promise<void>
  /** Notes that partitions from `held` on hold nothing any more. One that was not made is forgotten with its last record. */
  readonly releaseTopic: (name: string, held: number) => Promise<void>
  /** Forgets that a topic was made. */
  readonly removeTopic: (name: string) => Promise<void>
  /** In order of their names. */
  readonly topics: () => Promise<CatalogTopic[]>
}
