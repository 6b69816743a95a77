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
  readonly first: number
  readonly head: number
  /** Bytes of the object's database. */
  readonly bytes: number
  readonly billed: Billed
}

/** Calls that the `Topic` object answers; see topics/topic-object.ts. */
export interface TopicRpc extends OffsetReader {
  /**
   * Resolves once durable. `lines` is `count` records (see `TopicRecord`), each as JSON that ends in a newline.
   *
   * @returns the offset of the first one, and when they were appended
   */
  readonly append: (lines: string, count: number) => Promise<{ offset: number; at: number }>
  /** Enforces retention; called by the sweep. */
  readonly sweep: () => Promise<TopicStatus>
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
}

/** A consumer of a group, and what it reads. */
export interface GroupInstance {
  readonly name: string
  readonly assigned: readonly { readonly topic: string; readonly partition: number }[]
}

/** Calls that the `Group` object answers; see topics/group-object.ts. One for each group. */
export interface GroupRpc {
  /** Joins or stays, and says from where to read. An answer with an older `lease` than the instance's last one is void. */
  readonly poll: (poll: GroupPoll) => Promise<{ lease: number; positions: TopicPosition[] }>
  /**
   * Notes what is being handed out. False when the instance has polled again or lost a partition meanwhile: then nothing may be
   * handed out.
   */
  readonly advance: (instance: string, lease: number, positions: readonly TopicPosition[]) => Promise<boolean>
  /**
   * Commits positions, or all that was handed out to the instance. Positions of partitions that another instance reads are
   * refused: all or none are taken.
   */
  readonly commit: (instance: string, positions?: readonly TopicPosition[]) => Promise<{ refused: TopicPosition[] }>
  readonly committed: (partitions: readonly { topic: string; partition: number }[]) => Promise<TopicPosition[]>
  /** Takes an instance out of the group; false when there is none of this name. */
  readonly remove: (instance: string) => Promise<boolean>
  readonly instances: () => Promise<GroupInstance[]>
}

/** Calls that the `Catalog` object answers; see topics/catalog-object.ts. The only one is named `all`. */
export interface CatalogRpc {
  /** Notes a group; repeating it is harmless. Durable when it resolves. */
  readonly addGroup: (name: string) => Promise<void>
  /** In order of their names. */
  readonly groups: () => Promise<string[]>
  /** Notes a topic that is not in the config, unless it is known. Gives its number of partitions; null when there are too many topics. */
  readonly addTopic: (name: string, partitions: number) => Promise<number | null>
  /** Topics that were added, with their numbers of partitions. */
  readonly topics: () => Promise<Record<string, number>>
}
