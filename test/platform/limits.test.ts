// Lanes, log, staging, loader, spill, sweep and jobs where the limits of the platform hold: none is reached, and where one is all the
// same, it says nothing of an event.
import { resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cpuSeconds } from '../../scripts/bench/cpu.ts'
import type { LaneStatus } from '../../src/core/bindings.ts'
import type { LimitReport } from '../support/limited-app.ts'
import { plainOrder } from '../support/sample-events.ts'
import { basic } from '../support/server.ts'
import { SwiftSink } from '../support/swift-sink.ts'
import { until } from '../support/until.ts'
import { loadEventOf, messageIdOf } from '../support/user-load.ts'
import { verifyDeliveries } from '../support/verify-deliveries.ts'
import { Workerd } from '../support/workerd.ts'

const users = 250
const writeKey = 'writeKeyOfTheLimits'
const adminToken = 'admin-token-of-the-limits'

let isUp = true
let refuses = true
let sink: SwiftSink
let far: SwiftSink
let server: Workerd

beforeAll(async () => {
  sink = await SwiftSink.open((ids) => {
    if (!isUp) return { status: 503 }
    return { status: refuses && ids.some(isRefused) ? 400 : 200 }
  })
  far = await SwiftSink.open(() => (isUp ? { status: 200, afterMs: 250 } : { status: 503 }))
  const classes = {
    LOG: 'Log',
    LANE: 'Lane',
    LOADER: 'Loader',
    SUPPRESSION: 'Suppression',
    RATE: 'RateLimiter',
    IDENTITY: 'Identity',
    TOPIC: 'Topic',
    GROUP: 'Group',
    CATALOG: 'Catalog',
    KAFKA: 'Kafka',
    POLLER: 'Poller',
  }
  server = await Workerd.start(
    { entryPoints: [resolve(import.meta.dirname, 'limits-worker.ts')] },
    {
      name: 'limits',
      durableObjects: Object.fromEntries(
        Object.entries(classes).map(([name, className]) => [name, { className, useSQLite: true }]),
      ),
      r2Buckets: ['BUCKET'],
      d1Databases: ['DB'],
      queueProducers: { EVENTS: 'events' },
      bindings: { SINK: sink.url, FAR: far.url, WRITE_KEY: writeKey, ADMIN_TOKEN: adminToken },
    },
  )
})
afterAll(async () => {
  await server?.stop()
  await sink?.close()
  await far?.close()
})

/** One of a hundred is refused while `refuses` says so. */
function isRefused(messageId: string): boolean {
  const { user, number } = loadEventOf(messageId)
  return (user + number) % 100 === 0
}

const told = async <T>(call: string): Promise<T> => (await server.fetch(`/test/${call}`)).json() as Promise<T>

async function admin<T>(path: string, body?: object): Promise<T> {
  const answer = await server.fetch(`/admin${path}`, {
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  })
  if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return answer.json() as Promise<T>
}

const lane = async (target = 'hook') =>
  (await admin<{ lanes: LaneStatus[] }>('/lanes')).lanes.find((one) => one.target === target) as LaneStatus

const acceptedAt = new Map<string, number>()
let newest = 0

/** Sends so many events of each user, a request for each round. */
async function send(perUser: number): Promise<void> {
  for (const end = newest + perUser; newest < end;) {
    newest++
    const batch = Array.from({ length: users }, (_, user) =>
      plainOrder(messageIdOf({ user, number: newest }), { userId: `user-${user}` }),
    )
    const answer = await server.fetch('/v1/batch', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: basic(writeKey) },
      body: JSON.stringify({ batch }),
    })
    expect(await answer.json()).toEqual({ success: true, accepted: users })
    for (const { messageId } of batch) acceptedAt.set(messageId, 0)
  }
}

/**
 * Runs the schedule until something holds. A lane that waits for a limit of the platform to be another invocation's has waited long
 * enough the next time; nothing is under way then, for which time would run out.
 */
const passUntil = (what: string, look: () => boolean | Promise<boolean>) =>
  until(
    what,
    async () => {
      const reasons = [(await lane()).reason, (await lane('far')).reason]
      if (reasons.some((reason) => reason?.startsWith('platform'))) await told('ahead/400000')
      await told('minute')
      return look()
    },
    { everyMs: 300, seconds: 120 },
  )

const refusedIds = () => [...acceptedAt.keys()].filter(isRefused)
const isLoaded = async () => {
  const { n, ids } = await told<{ n: number; ids: number }>('rows')
  expect(n).toBe(ids)
  return n === acceptedAt.size
}

test(
  '10,000 events that waited for a destination and for the log go to it, to a slow one and into tables without reaching a limit of an invocation',
  { timeout: 240_000 },
  async () => {
    isUp = false
    await send(32)
    await until('the lane is down', async () => (await lane()).state === 'down')
    await told('log/away')
    await send(8)
    await told('log/there')
    expect(await told('spilled')).toBeGreaterThan(0)
    isUp = true
    for (const target of ['hook', 'far']) await admin(`/lanes/${target}/0/resume`, {})
    const before = cpuSeconds(server.pid)
    await passUntil('all have arrived', () => sink.taken.size === acceptedAt.size - refusedIds().length)
    await passUntil('all are loaded', isLoaded)
    const cpu = cpuSeconds(server.pid) - before

    await passUntil('all have arrived at the slow one', () => far.taken.size === acceptedAt.size)

    const { lost, disorderedTaken, disorderedArrivals } = verifyDeliveries(
      { acceptedAt, killedAt: [] },
      { requests: sink.requests, dead: refusedIds() },
    )
    expect(lost).toEqual([])
    expect({ disorderedTaken, disorderedArrivals }).toEqual({ disorderedTaken: [], disorderedArrivals: [] })
    expect((await lane()).deadLetters).toBe(refusedIds().length)

    refuses = false
    await admin('/dead-letters/jobs', { action: 'replay', target: 'hook' })
    await passUntil('what was refused has arrived', () => sink.taken.size === acceptedAt.size)
    expect((await lane()).deadLetters).toBe(0)

    const report = await told<LimitReport>('report')
    console.log(JSON.stringify({ ...report, cpu }))
    expect(report.reached).toEqual({})
    expect(report.subrequests['RemoteSender.open']).toBeGreaterThan(1)
    // It has been near enough to say something: the drain took more than one invocation of the lane.
    expect(report.repeatedAlarms).toBeGreaterThanOrEqual(1)
    expect(Math.max(...Object.values(report.subrequests))).toBeLessThan(5_000)
    expect(report.waiting).toBeLessThanOrEqual(6)
    expect(report.rowBytes).toBeGreaterThan(10_000)
    expect(report.queries).toBeGreaterThan(0)
    // Thirty seconds of CPU for one invocation: of all together, those of other objects included, each has far less.
    expect(cpu / report.repeatedAlarms).toBeLessThan(15)
  },
)

test(
  'subrequests that are used up before a lane expects it are a retry of the lane: no event is dead, and all arrive in order',
  { timeout: 240_000 },
  async () => {
    // More than a schedule or a load makes; an invocation that sends for the lane would make as many as there are events.
    await told('subrequests/40')
    await send(2)
    await passUntil('all have arrived', () => sink.taken.size === acceptedAt.size && far.taken.size === acceptedAt.size)
    await told('subrequests/10000')
    await passUntil('all are loaded', isLoaded)
    const { reached } = await told<LimitReport>('report')
    expect(reached['Too many subrequests by single Worker invocation.']).toBeGreaterThanOrEqual(3)
    const { counters, deadLetters } = await lane()
    expect(deadLetters).toBe(0)
    expect((await lane('far')).deadLetters).toBe(0)
    expect(counters['done']).toBe(acceptedAt.size)
    const { lost, disorderedTaken } = verifyDeliveries(
      { acceptedAt, killedAt: [] },
      { requests: sink.requests, dead: [] },
    )
    expect(lost).toEqual([])
    // What was a dead letter, and replayed, has lost its place.
    expect(disorderedTaken.filter((user) => !refusedUsers().has(user))).toEqual([])
  },
)

test(
  'a minute of the schedule loads all that is staged, though a run of the loader has time for one slice',
  { timeout: 120_000 },
  async () => {
    const isAllStaged = async () => {
      const { warehouses } = await admin<{ warehouses: { stagedEvents: number }[] }>('/warehouses')
      return warehouses[0]?.stagedEvents === 12_500
    }
    await told('budget/1')
    await send(50)
    await until('all are staged', isAllStaged, { seconds: 60 })
    await told('minute')
    expect(await isLoaded()).toBe(true)
  },
)

const refusedUsers = () => new Set(refusedIds().map((id) => id.slice(0, id.lastIndexOf('-'))))
