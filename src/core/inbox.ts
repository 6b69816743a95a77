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
  /** The offset from which on the stream need not keep anything for this lane; left out where there is no such offset. */
  readonly until?: number
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
