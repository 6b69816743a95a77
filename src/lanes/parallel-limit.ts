import type { SentRequest } from './deliver.ts'

/** A destination that answers sooner, in milliseconds, is served as fast as a lane can with its own connections. */
const slowMs = 50
/** Answers that must be slow one after the other before there are more requests at once: one does not tell how slow. */
const slowAnswers = 12
/** How much of the newest answer goes into the smoothed time of answers. */
const newest = 0.1
/** Answers that take so many times as long as usual say that the destination has more than it can do at once. */
const strained = 3
/** What is usual is measured again after so many milliseconds. */
const usualMs = 30_000
/** Of the requests of about a second, so many must fail that there are fewer at once: single events fail by themselves. */
const failedShare = 0.1
const leastFailed = 3
const windowMs = 1_000
/** Milliseconds without a request after which the lane begins anew with its own connections. */
const idleMs = 60_000

/** What came of one delivery. */
interface Ended {
  readonly now: number
  readonly sent: readonly SentRequest[]
  /** True when as many were under way as there may be. */
  readonly wasFull: boolean
}

/**
 * How many requests a lane has under way at once: as many as it has connections of its own, and more by need where answers take
 * their time. Each answer that came while all were in use adds one, which doubles them in the time of an answer; failures halve
 * them. In memory only.
 */
export class ParallelLimit {
  readonly #own: number
  readonly #most: number
  #limit: number
  /** Smoothed milliseconds of an answer. */
  #ms = 0
  /** Answers since they are slow. */
  #slow = 0
  #usual = 0
  #usualAt = 0
  #windowAt = 0
  #ended = 0
  #failed = 0
  #endedAt = 0

  /**
   * @param own requests that the lane sends by itself
   * @param most requests with those that other invocations send
   */
  constructor(own: number, most: number) {
    this.#own = own
    this.#most = Math.max(own, most)
    this.#limit = own
  }

  /** Requests that may be under way at a time, in milliseconds since the epoch. */
  at(now: number): number {
    if (this.#limit > this.#own && now - this.#endedAt > idleMs) this.reset()
    return this.#limit
  }

  /** Notes a delivery that ended, and so much of it as says how many the destination takes at once. */
  note({ now, sent, wasFull }: Ended): void {
    if (this.#most === this.#own) return
    const last = sent.at(-1)
    if (last === undefined) return
    this.#endedAt = now
    if (now - this.#windowAt >= windowMs) {
      this.#windowAt = now
      this.#ended = 0
      this.#failed = 0
    }
    this.#ended++
    if (last.verdict === 'retry' || last.verdict === 'pause') this.#fail()
    else this.#succeed(last.ms, now, wasFull)
  }

  /** Begins anew with the lane's own connections. */
  reset(): void {
    this.#limit = this.#own
    this.#ms = 0
    this.#slow = 0
  }

  #fail(): void {
    this.#failed++
    if (this.#failed < Math.max(leastFailed, failedShare * this.#ended)) return
    this.#limit = Math.max(this.#own, this.#limit >> 1)
    this.#failed = 0
  }

  #succeed(ms: number, now: number, wasFull: boolean): void {
    this.#ms = this.#ms === 0 ? ms : this.#ms + newest * (ms - this.#ms)
    if (this.#ms < slowMs) {
      this.#limit = this.#own
      this.#slow = 0
      return
    }
    this.#slow++
    // What is usual is what it takes with the lane's own connections, once that is known.
    const isKnown = this.#slow > slowAnswers
    if (!isKnown || now - this.#usualAt >= usualMs) {
      this.#usual = this.#ms
      this.#usualAt = now
    }
    if (isKnown && wasFull && this.#limit < this.#most && this.#ms <= strained * this.#usual) this.#limit++
  }
}
