import type { RequestRate } from '../core/config.ts'
import { CONNECTIONS_PER_INVOCATION } from '../platform/limits.ts'

/** The share of its rate at which a lane goes on after a 429 … */
const slower = 0.5
/** … and by how much it grows each second without another one. */
const fasterEachSecond = 1.1
/** 429s of requests that were under way together count once. */
const slowMs = 1_000
/** Without a rate in the config, a lane is free again at so many times the rate at which it was told to go slower. */
const freeAt = 4
/** Requests a second to which a lane is slowed at least. */
const leastRate = 0.1
/** Of the requests of the last two seconds, 429 must be the answer to so many that the rate is to blame: some receivers answer it at random. */
const refusedShare = 0.1
/** … and to so many of them at least: of few requests, one is more than a tenth. */
const leastRefused = 3
/** Seconds' worth of requests that may go at once after a pause; at least one request. */
const burstSeconds = 0.2

/**
 * How many requests a second a lane may send: what the config says, and less for a while after the destination answered 429 to a
 * tenth of them or more, and to three within two seconds. The rate then is half of what was sent, and grows by a tenth each
 * second. In memory only.
 */
export class Throttle {
  /** Requests a second; Infinity where the config says nothing. */
  readonly #most: number
  #rate: number
  #tokens = 1
  #at = 0
  #slowedAt = -Infinity
  #slowedFrom = Infinity
  /** Requests of the second that began then, and of the one before. */
  #secondAt = 0
  #sent = 0
  #sentBefore = 0
  #refused = 0
  #refusedBefore = 0

  /** @param most requests a second of this lane */
  constructor(most: number) {
    this.#most = most
    this.#rate = most
  }

  /** True while requests may be sent as fast as they are answered. */
  get isFree(): boolean {
    return this.#rate === Infinity
  }

  /** Requests a second just now. */
  get rate(): number {
    return this.#rate
  }

  /** When the next request may be sent, milliseconds since the epoch; `now` or before when at once. */
  readyAt(now: number): number {
    if (this.isFree) return now
    this.#refill(now)
    return this.#tokens >= 1 ? now : now + Math.ceil(((1 - this.#tokens) / this.#rate) * 1000)
  }

  /** Notes requests that are sent; those that go beyond what was there are waited for afterwards. */
  spend(requests: number, now: number): void {
    this.#turn(now)
    this.#sent += requests
    if (this.isFree) return
    this.#refill(now)
    this.#tokens -= requests
  }

  /** Notes that a request was answered with 429; returns true when that changes the rate. */
  slow(now: number): boolean {
    this.#turn(now)
    this.#refused++
    const refused = this.#refused + this.#refusedBefore
    const isRate = refused >= Math.max(leastRefused, refusedShare * (this.#sent + this.#sentBefore))
    if (!isRate || now - this.#slowedAt < slowMs) return false
    this.#slowedAt = now
    this.#refill(now)
    this.#slowedFrom = Math.min(this.#rate, Math.max(1, this.#sent, this.#sentBefore))
    this.#rate = Math.max(leastRate, this.#slowedFrom * slower)
    this.#tokens = Math.min(this.#tokens, 0)
    return true
  }

  /** Forgets what the destination asked for: a person says so. */
  reset(): void {
    this.#rate = this.#most
    this.#slowedFrom = Infinity
    this.#tokens = 1
  }

  /** Begins another second where one is over. */
  #turn(now: number): void {
    const ms = now - this.#secondAt
    if (ms < 1_000) return
    this.#sentBefore = ms < 2_000 ? this.#sent : 0
    this.#refusedBefore = ms < 2_000 ? this.#refused : 0
    this.#sent = 0
    this.#refused = 0
    this.#secondAt = now
  }

  #refill(now: number): void {
    const seconds = Math.max(0, now - this.#at) / 1000
    this.#at = now
    if (this.isFree) return
    this.#tokens = Math.min(Math.max(1, this.#rate * burstSeconds), this.#tokens + seconds * this.#rate)
    if (this.#rate >= this.#most || now - this.#slowedAt < slowMs) return
    this.#rate = Math.min(this.#most, this.#rate * fasterEachSecond ** seconds)
    if (this.#most === Infinity && this.#rate >= this.#slowedFrom * freeAt) this.reset()
  }
}

/** Requests that a destination has under way at once at most, over all of its lanes, where the config does not say. */
const defaultParallel = 300

/** The share of one of so many lanes in what the config allows a destination. */
export const shareOf = (rate: RequestRate | undefined, lanes: number): { perSecond: number; parallel: number } => ({
  perSecond: (rate?.requestsPerSecond ?? Infinity) / lanes,
  parallel:
    rate?.parallel === undefined
      ? Math.max(CONNECTIONS_PER_INVOCATION, Math.floor(defaultParallel / lanes))
      : Math.max(1, Math.floor(rate.parallel / lanes)),
})
