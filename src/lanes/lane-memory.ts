import { ISOLATE_BYTES } from '../platform/limits.ts'

/**
 * How much of the memory of an isolate the events take that its lanes hold, in bytes. All objects of a Worker may share one
 * isolate: lanes, the partitions of the log, and the edge.
 * https://developers.cloudflare.com/durable-objects/reference/in-memory-state/ (stored copy, read 2026-11-29)
 *
 * - A lane holds 17 MB of events at most, and one frame: what it takes, it takes by the frame, which has the text of one append.
 * - A lane has a part of that in hand which is yet to be sent: 2 MB, or what four requests of its destination carry.
 * - All lanes of an isolate hold 34 MB. One that holds less than its share of half of that takes more all the same, so that a
 *   lane which waits for its destination starves no other.
 * - What a lane has read and not unpacked stays compressed: see ReadAhead.
 *
 * An event counts from when it is unpacked until it has its verdict or a row: its text and its header as they are in memory.
 * What is made of it for a request lives as long as the request, and is about as large as the event again.
 */
const laneBytes = ISOLATE_BYTES / 8
const isolateBytes = ISOLATE_BYTES / 4
const leastInHand = ISOLATE_BYTES / 64
const requestsInHand = 4

/** Bytes of an event in memory beside its text and that of its header: objects, and what the lane notes. */
const objectBytes = 900

/** The text that a frame of events was unpacked to. */
export interface FrameText {
  /** Bytes of a UTF-16 code unit of it in memory: one where all of it is ASCII, two elsewhere. */
  readonly unitBytes: number
  /** UTF-16 code units of an event's header, on average. */
  readonly headerUnits: number
}

/**
 * Says what an event takes in memory.
 *
 * @param text the event's JSON
 * @param frame that it was unpacked from
 * @returns bytes
 */
export const bytesInMemory = (text: string, { unitBytes, headerUnits }: FrameText): number =>
  objectBytes + Math.ceil(unitBytes * (text.length + headerUnits))

/**
 * Bytes of events that a lane has in hand at most.
 *
 * @param requestUnits UTF-16 code units of events that one request of its destination carries
 */
export const bytesInHand = (requestUnits: number): number =>
  Math.min(laneBytes, Math.max(leastInHand, requestsInHand * requestUnits))

/** What a lane holds. */
interface Holder {
  /** Of memory. */
  readonly bytes: number
}

/** Shares the memory of an isolate among its lanes. */
export class LaneMemory {
  // An object that the platform evicts says nothing: what it held goes when it is collected.
  readonly #holders = new Set<WeakRef<Holder>>()

  /** Has the memory count what a lane holds, as long as there is the lane. */
  register(holder: Holder): void {
    this.#holders.add(new WeakRef(holder))
  }

  /** True while a lane may hold more than it does. */
  hasRoom(holder: Holder): boolean {
    if (holder.bytes === 0) return true
    if (holder.bytes >= laneBytes) return false
    let sum = 0
    let count = 0
    for (const reference of this.#holders) {
      const bytes = reference.deref()?.bytes
      if (bytes === undefined) this.#holders.delete(reference)
      else if (bytes > 0) {
        sum += bytes
        count++
      }
    }
    return sum < isolateBytes || holder.bytes < isolateBytes / 2 / count
  }
}

/** Of this isolate. */
export const laneMemory = new LaneMemory()
