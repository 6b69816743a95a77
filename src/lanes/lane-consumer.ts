import type { LaneError, LaneState } from '../core/bindings.ts'
import type { Chunk } from '../core/inbox.ts'

/**
 * What a lane does with the chunks of its stream: send them (destination) or stage them (warehouse).
 *
 * The lane's object alone calls `pump`, whenever something has changed; a consumer starts nothing by itself, but reports each
 * change (see LaneObject).
 */
export interface LaneConsumer {
  /** The offset of the first event not taken yet. */
  readonly position: number
  /** Below it, every event has its final verdict or a row of its own. */
  readonly committed: number
  /** True while something of it is under way, the end of which is a change. */
  readonly isBusy: boolean
  /** False while enough is in memory, or the destination is down. */
  readonly hasCapacity: boolean
  /**
   * Takes a chunk that holds the offset `position`; events below it are passed over. It may take the first part only: then
   * `hasCapacity` is false, and the chunk is to be given again.
   */
  readonly take: (chunk: Chunk) => void
  /** Starts whatever may be started now. */
  readonly pump: () => void
  /** When `pump` has something to do next, in milliseconds since the epoch; undefined when only new events matter. */
  readonly due: () => number | undefined
  readonly state: LaneState
  /** Why it waits; undefined while it does not. */
  readonly reason: string | undefined
  /** Since when nothing has succeeded, in milliseconds since the epoch; undefined while all is well. */
  readonly since: number | undefined
  /** Why what waits has failed last; undefined when nothing waits. */
  readonly lastError: LaneError | undefined
  /** Milliseconds since the epoch at which the oldest undelivered event became durable; undefined when there is none. */
  readonly oldest: number | undefined
  /** Ends every wait: what is due later is due now. The caller pumps. */
  readonly resume: () => void
}
