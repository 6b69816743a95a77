import type { Packed } from './envelope.ts'

/** Some rows of a stream: `count` events from `offset` on, as compressed frames (see frame.ts). */
export interface Chunk {
  readonly offset: number
  /** Events. */
  readonly count: number
  /** Milliseconds since the epoch at which the chunk became durable. */
  readonly at: number
  readonly data: Uint8Array
}

/** What a readable stream tells a lane: what is new, with the bytes when the lane is believed to want them. */
export interface Offer {
  readonly chunks: readonly Chunk[]
  /** The offset after the last event of the partition. */
  readonly head: number
}

/** A lane's answer to an offer. */
export interface Ack {
  /** The offset of the first event that the lane has not taken. */
  readonly next: number
  /** Below it, every event has its final verdict or a row of its own: the stream need not keep it for this lane. */
  readonly committed: number
  /** The lane will not take more for so long, or until it reads by itself. */
  readonly afterSeconds?: number
}

/** Names a lane: its target's name in the config, and the partition. */
export interface LaneRef {
  readonly target: string
  readonly partition: number
}

/** What a stream hands over to. A lane implements it; tests script it. */
export interface Inbox {
  /** From a stream that can be read again. May be repeated, may skip ahead; the lane reads what it missed. */
  readonly offer: (ref: LaneRef, offer: Offer) => Promise<Ack>
  /** From a stream that only pushes: resolves once the lane has stored all envelopes of `text` (see `pack`). */
  readonly push: (ref: LaneRef, text: string) => Promise<void>
}

/** The durable transport between the edge and the lanes, as `src/config.ts` holds it. */
export interface Stream {
  readonly name: 'log' | 'queues'
  /** Partitions; growing the number changes which partition a key goes to. */
  readonly partitions: number
  readonly problems: readonly string[]
  /** The most that one `append` takes; `envelopeBytes` is the most that one event may have with its header, in UTF-8. */
  readonly limits: { readonly events: number; readonly bytes: number; readonly envelopeBytes?: number }
  /** The most that one event's JSON may have, in bytes. */
  readonly eventBytesLimit: number
  /** True when lanes read by offset, false when batches are pushed to them. */
  readonly readable: boolean
  readonly settings: Readonly<Record<string, number>>
  /** Says which partition takes events of a key, where each of several can be away alone; left out where none can. */
  readonly partitionOf?: (key: string) => number
  /**
   * Resolves once all events are durable; rejects with `stream_unavailable` if any may not be, and with `stream_limit`
   * above `limits`. May run in parallel. A repeat is harmless: the same source and messageId within the dedup window are
   * dropped by the log, or by the lane's inbox.
   *
   * `since` (milliseconds since the epoch) widens the dedup window back to it, for what was spilled then.
   *
   * @returns how many were new and how many were duplicates (0 where the stream cannot know)
   */
  readonly append: (
    batch: readonly Packed[],
    bindings: Readonly<Record<string, unknown>>,
    options?: { readonly since?: number },
  ) => Promise<Appended>
}

/** What an append did. */
export interface Appended {
  readonly accepted: number
  readonly duplicates: number
}
