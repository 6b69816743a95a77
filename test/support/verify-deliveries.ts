import { Latencies } from '../../scripts/bench/latencies.ts'
import { fixed, table, whole } from '../../scripts/bench/table.ts'
import type { SwiftRequest } from './swift-sink.ts'
import { loadEventOf } from './user-load.ts'

/** A request that a process sent before it was killed may be read so long after. */
const onItsWayMs = 250

/** What is known of one destination of a run. */
interface Delivered {
  readonly requests: readonly SwiftRequest[]
  /** messageIds of its dead letters. */
  readonly dead: readonly string[]
}

interface Accepted {
  /** When each messageId was answered with 200, in milliseconds of `clock`. */
  readonly acceptedAt: ReadonlyMap<string, number>
  /** When a process was killed, in milliseconds of `clock`. */
  readonly killedAt: readonly number[]
}

/** What became of the accepted events at one destination. */
export interface Verified {
  /** messageIds that were neither taken with 2xx nor are dead letters. */
  readonly lost: readonly string[]
  /** messageIds that were taken more than once. */
  readonly repeated: readonly string[]
  /** Those of them that were taken twice with no kill between: nothing had asked for a retry. */
  readonly repeatedForNothing: readonly string[]
  /** Keys whose events came first in another order than they were sent in. */
  readonly disorderedArrivals: readonly string[]
  /** The same for the first time that each event was taken with 2xx. */
  readonly disorderedTaken: readonly string[]
  readonly dead: readonly string[]
  /** Milliseconds from the 200 of the client to the first 2xx of the destination, by messageId. */
  readonly delayMs: ReadonlyMap<string, number>
  readonly requests: number
  /** Requests that were answered with something else than 2xx, or not at all. */
  readonly failed: number
}

/**
 * Says what became of events at a destination, by what the destination saw. It knows every event that was accepted.
 *
 * @param accepted events that were answered with 200, and when processes were killed
 * @param delivered what the destination saw, and which dead letters there are
 */
export function verifyDeliveries({ acceptedAt, killedAt }: Accepted, { requests, dead }: Delivered): Verified {
  const arrivals = new Set<string>()
  const firstTaken = new Map<string, number>()
  const lastTaken = new Map<string, number>()
  const repeated = new Set<string>()
  const repeatedForNothing = new Set<string>()
  for (const { at, ids, status } of requests)
    for (const id of ids) {
      arrivals.add(id)
      if (status < 200 || status > 299) continue
      const before = lastTaken.get(id)
      lastTaken.set(id, at)
      if (before === undefined) {
        firstTaken.set(id, at)
        continue
      }
      repeated.add(id)
      if (!killedAt.some((kill) => before < kill + onItsWayMs && kill < at)) repeatedForNothing.add(id)
    }
  const given = new Set(dead)
  return {
    lost: [...acceptedAt.keys()].filter((id) => !firstTaken.has(id) && !given.has(id)),
    repeated: [...repeated],
    repeatedForNothing: [...repeatedForNothing],
    disorderedArrivals: disordered(arrivals),
    disorderedTaken: disordered(firstTaken.keys()),
    dead: [...given],
    // The destination may have it before the client has its answer.
    delayMs: new Map([...firstTaken].map(([id, at]) => [id, Math.max(0, at - (acceptedAt.get(id) ?? at))])),
    requests: requests.length,
    failed: requests.filter(({ status }) => status < 200 || status > 299).length,
  }
}

/** Users whose events are not in the order of their numbers. */
function disordered(ids: Iterable<string>): string[] {
  const newest = new Map<number, number>()
  const users = new Set<number>()
  for (const id of ids) {
    const { user, number } = loadEventOf(id)
    const before = newest.get(user) ?? 0
    if (number < before) users.add(user)
    newest.set(user, Math.max(before, number))
  }
  return [...users].map((user) => `user-${user}`)
}

/** A table of what became of the events at each destination, by its name. */
export function reportOf(verified: Readonly<Record<string, Verified>>): string {
  const head = ['', 'lost', 'dead', 'repeated', 'for nothing', 'disordered', 'requests', 'failed', 'p50 ms', 'p99 ms']
  const rows = Object.entries(verified).map(([name, one]) => {
    const delays = latenciesOf(one.delayMs.values())
    return [
      name,
      ...[
        one.lost.length,
        one.dead.length,
        one.repeated.length,
        one.repeatedForNothing.length,
        new Set([...one.disorderedArrivals, ...one.disorderedTaken]).size,
        one.requests,
        one.failed,
      ].map(whole),
      ...[0.5, 0.99].map((share) => fixed(delays.quantile(share))),
    ]
  })
  return table([head, ...rows])
}

/** Puts times, in milliseconds, in order. */
export function latenciesOf(times: Iterable<number>): Latencies {
  const latencies = new Latencies()
  for (const ms of times) latencies.add(ms)
  return latencies
}
