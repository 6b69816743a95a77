import { BridgeError } from './errors.ts'
import type { OutgoingRecord, Outcome } from './outcome.ts'

/** A record that waits for its outcome. */
export interface Entry {
  readonly record: OutgoingRecord
  readonly bytes: number
  /** Milliseconds. */
  readonly deadline: number
  readonly settle: (outcome: Outcome) => void
}

/** Whom the brokers know the producer as, and the next sequence number of each partition. */
export interface Identity {
  readonly id: bigint
  readonly epoch: number
  readonly sequences: Map<string, number>
}

/** Records of one partition that are written together or not at all. */
export interface Batch {
  readonly entries: readonly Entry[]
  readonly identity: Identity
  readonly sequence: number
  /** Tries of which nobody knows whether they were written. */
  doubts: number
  inFlight: boolean
  /** True once its callers were told that nobody knows. */
  isAbandoned: boolean
}

/** Bytes of a batch, below the 1 MiB that brokers take unless they are told otherwise. */
const batchBytes = 900_000
/** Records of a batch. */
const batchRecords = 10_000

/** One partition: the batch that is being written, and what waits behind it. One batch at a time keeps the order. */
export class PartitionQueue {
  readonly key: string
  readonly topic: string
  readonly partition: number
  batch: Batch | undefined
  /** Milliseconds before which nothing is sent. */
  notBefore = 0
  #waiting: Entry[] = []
  /** Records of the next batch at most; smaller after one was refused as a whole. */
  #most = batchRecords

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
    this.key = `${topic}:${partition}`
  }

  get isEmpty(): boolean {
    return this.batch === undefined && this.#waiting.length === 0
  }

  push(entry: Entry): void {
    this.#waiting.push(entry)
  }

  /** Whether there is something to send now. */
  isDue(now: number): boolean {
    if (this.notBefore > now || this.batch?.inFlight === true) return false
    return this.batch !== undefined || this.#waiting.length > 0
  }

  /**
   * Gives the batch to send: the one that is tried again, else a new one of what waits.
   *
   * @param identity of the producer, for a new one
   * @returns the batch; there is one, because the queue is due
   */
  next(identity: Identity): Batch {
    if (this.batch !== undefined) return this.batch
    let count = 0
    let bytes = 0
    for (const entry of this.#waiting) {
      if (count > 0 && (count >= this.#most || bytes + entry.bytes > batchBytes)) break
      count++
      bytes += entry.bytes
    }
    const entries = this.#waiting.splice(0, count)
    this.#most = batchRecords
    this.batch = {
      entries,
      identity,
      sequence: identity.sequences.get(this.key) ?? 0,
      doubts: 0,
      inFlight: false,
      isAbandoned: false,
    }
    return this.batch
  }

  /** Puts what was not written back to the front, to be sent in batches of at most so many records. */
  putBack(most = batchRecords): void {
    if (this.batch === undefined) return
    this.#waiting.unshift(...this.batch.entries)
    this.#most = Math.max(1, most)
    this.batch = undefined
  }

  /** Ends everything with one outcome: what waits was never sent. */
  fail(errorOf: (isInDoubt: boolean) => BridgeError): void {
    const { batch } = this
    const waiting = this.#waiting.splice(0)
    if (batch !== undefined && !batch.inFlight) {
      this.batch = undefined
      if (!batch.isAbandoned) settle(batch.entries, errorOf(batch.doubts > 0))
    }
    settle(waiting, errorOf(false))
  }

  /**
   * Tells callers whose time is over.
   *
   * @param now milliseconds
   * @returns whether a batch was given up of which nobody knows whether it was written
   */
  expire(now: number): boolean {
    const late = this.#waiting.findIndex(({ deadline }) => deadline > now)
    settle(this.#waiting.splice(0, late === -1 ? this.#waiting.length : late), notWritten())
    const { batch } = this
    if (batch === undefined || batch.isAbandoned || (batch.entries[0]?.deadline ?? 0) > now) return false
    const isInDoubt = batch.inFlight || batch.doubts > 0
    batch.isAbandoned = true
    settle(batch.entries, isInDoubt ? inDoubt() : notWritten())
    if (!batch.inFlight) this.batch = undefined
    return isInDoubt
  }
}

/** Gives all records the same outcome. */
export function settle(entries: readonly Entry[], outcome: BridgeError): void {
  for (const entry of entries) entry.settle(outcome)
}

const notWritten = () => new BridgeError(503, 'The brokers could not be reached in time; the record was not written')

const inDoubt = () =>
  new BridgeError(504, 'The brokers did not answer in time; the record may have been written or not', {
    retry: 'unknown',
  })
