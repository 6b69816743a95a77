import { setTimeout as sleep } from 'node:timers/promises'
import { clock } from '../../scripts/bench/clock.ts'
import { Server } from './server.ts'
import { type SwiftAnswer, SwiftSink } from './swift-sink.ts'
import { until } from './until.ts'
import { loadEventOf, UserLoad } from './user-load.ts'
import { type Verified, verifyDeliveries } from './verify-deliveries.ts'

interface TortureOptions {
  readonly events: number
  readonly users: number
  /** Events a second that clients begin to send at most. */
  readonly rate: number
  /** Milliseconds between the end of a restart and the next kill. */
  readonly killEveryMs: number
  /** Seconds for which a destination is down. For its lane they are an hour; 0 leaves it up. */
  readonly hourSeconds: number
  /** True for the healthy destination without the others. */
  readonly isAlone?: boolean
}

const troubled = ['slow', 'flapping', 'down', 'choosy'] as const
/** Destinations of torture.config.ts, by what is wrong with them. */
type Name = 'healthy' | (typeof troubled)[number]

/** What came of a run, by destination. */
export interface Tortured {
  readonly verified: Readonly<Partial<Record<Name, Verified>>>
  /** When each event was answered with 200, in milliseconds of `clock`. */
  readonly acceptedAt: ReadonlyMap<string, number>
  /** messageIds of those that one destination refuses. */
  readonly refused: readonly string[]
  readonly kills: number
  /** Seconds until all events were accepted, and until all were delivered or dead letters. */
  readonly seconds: { readonly load: number; readonly all: number }
  /** Requests of clients that were not answered with 200. */
  readonly failures: number
  /** When the destination that is down is back, in milliseconds of `clock`. */
  readonly upAgainAt: number
  /** Seconds, on the clock of its lane, that an event had waited for it while it was down. */
  readonly downSeconds: number
}

/** One event of a hundred is refused for good. */
export function isRefused(messageId: string): boolean {
  const { user, number } = loadEventOf(messageId)
  return (user + number) % 100 === 0
}

/** Events that are accepted and not at the healthy destination, at most. */
const mostAhead = 300
const slowMs = 200
/** Milliseconds that it works, and that it fails. */
const flaps = { up: 3_000, down: 1_500 }

/**
 * Sends events of many users to a Sluiceway with destinations that fail in all the ways in which they do, kills it every few
 * seconds, and waits until each event is delivered or a dead letter, for two minutes at most.
 *
 * @param options how much, and how bad
 * @returns what became of each event at each destination, by what these saw
 */
export async function torture(options: TortureOptions): Promise<Tortured> {
  const { hourSeconds, isAlone = false } = options
  const start = clock()
  const upAgainAt = start + hourSeconds * 1_000
  const answers: Record<Name, (ids: readonly string[]) => SwiftAnswer> = {
    healthy: () => ({ status: 200 }),
    slow: () => ({ status: 200, afterMs: slowMs }),
    // It fails in turns: with an answer, and without one.
    flapping: () => {
      const turn = (clock() - start) / (flaps.up + flaps.down)
      const isUp = turn % 1 < flaps.up / (flaps.up + flaps.down)
      return { status: isUp ? 200 : Math.floor(turn) % 2 === 0 ? 503 : 0 }
    },
    down: () => ({ status: clock() < upAgainAt ? 503 : 200 }),
    choosy: (ids) => ({ status: ids.some(isRefused) ? 400 : 200 }),
  }
  const names: readonly Name[] = isAlone ? ['healthy'] : ['healthy', ...troubled]
  const sinks = new Map<Name, SwiftSink>()
  let server: Server | undefined
  try {
    for (const name of names) sinks.set(name, await SwiftSink.open(answers[name]))
    const urls = [...sinks].map(([name, { url }]) => [name.toUpperCase(), url])
    server = await Server.start({
      config: 'torture.config.ts',
      vars: {
        ...(Object.fromEntries(urls) as Record<string, string>),
        ...(isAlone ? { ALONE: '1' } : {}),
        ...(hourSeconds > 0 ? { HOUR_FROM: `${Date.now()}`, HOUR_SECONDS: `${hourSeconds}` } : {}),
      },
    })
    return await run(server, sinks, { ...options, start, upAgainAt })
  } finally {
    await server?.stop()
    for (const sink of sinks.values()) await sink.close()
  }
}

interface Running extends TortureOptions {
  readonly start: number
  readonly upAgainAt: number
}

async function run(server: Server, sinks: ReadonlyMap<Name, SwiftSink>, options: Running): Promise<Tortured> {
  const { events, users, rate, killEveryMs, start, upAgainAt } = options
  const { url, writeKey } = server
  const healthy = sinks.get('healthy') as SwiftSink
  const mayGoOn = () => load.acceptedAt.size - healthy.taken.size < mostAhead
  const load = new UserLoad({ url, writeKey, users, events, rate, connections: 64, mayGoOn })
  const over = new AbortController()
  const killedAt: number[] = []
  const killing = (async () => {
    for (;;) {
      await sleep(killEveryMs, undefined, { signal: over.signal }).catch(() => {})
      if (over.signal.aborted) return
      killedAt.push(clock())
      // Every fourth time the start script dies with it, and another one opens what they left behind.
      await (killedAt.length % 4 === 0 ? server.killAll() : server.killWorkerd())
    }
  })()
  let downSeconds = 0
  const watching = (async () => {
    for (; clock() < upAgainAt; await sleep(1_000)) {
      // It may be killed just now.
      const lane = await server.lane('down').catch(() => undefined)
      if (lane?.state === 'down') downSeconds = Math.max(downSeconds, lane.oldestSeconds)
    }
  })()
  try {
    await load.run()
    const loaded = clock()
    await watching
    const refused = [...load.acceptedAt.keys()].filter(isRefused)
    const isDone = () =>
      [...sinks].every(
        ([name, { taken }]) => taken.size >= load.acceptedAt.size - (name === 'choosy' ? refused.length : 0),
      )
    await until('every event is delivered or dead', isDone, { seconds: 120, everyMs: 100 }).catch(() => undefined)
    const all = clock()
    over.abort()
    await killing
    const letters = await server.deadLetters()
    const verified = [...sinks].map(([name, { requests }]) => {
      const dead = letters.filter(({ target }) => target === name).map(({ messageId }) => messageId)
      return [name, verifyDeliveries({ acceptedAt: load.acceptedAt, killedAt }, { requests, dead })]
    })
    return {
      verified: Object.fromEntries(verified) as Tortured['verified'],
      acceptedAt: load.acceptedAt,
      refused,
      kills: killedAt.length,
      failures: load.failures,
      seconds: { load: (loaded - start) / 1_000, all: (all - start) / 1_000 },
      upAgainAt,
      downSeconds,
    }
  } finally {
    over.abort()
    await killing
  }
}
