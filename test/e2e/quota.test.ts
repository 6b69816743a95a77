// A lane whose destination is down takes no more than its quota: the rest waits in R2, and comes back in order, whenever it is killed.
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LaneStatus } from '../../src/core/bindings.ts'
import type { Event } from '../../src/core/event.ts'
import type { Health } from '../../src/observe/health.ts'
import { Server } from '../support/server.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { storedKeys } from '../support/state-files.ts'
import { until } from '../support/until.ts'

const events = 50_000
const perRequest = 1_000
const customers = 10_000
const quotaBytes = 2_000_000

let sink: Sink
let server: Server
/** Numbers of the customers' events that were taken, in order of arrival; those that came before are repeats. */
const newest = new Map<string, number>()
let disordered = 0
let arrived = 0
let isDown = true

function answer(batch: readonly Event[]) {
  if (isDown) return { status: 503 }
  for (const { userId = '', properties } of batch) {
    const number = Number(properties?.['number'])
    const before = newest.get(userId) ?? -1
    if (number > before + 1) disordered++
    newest.set(userId, Math.max(before, number))
  }
  arrived += batch.length
  // Slow enough that a kill meets a lane which has some of it in memory, some in its inbox, and some in R2.
  return { status: 200, afterMs: 250 }
}

beforeAll(async () => {
  sink = await Sink.open({ keep: 'ids', answer })
  const vars = { SINK: sink.url, WEBHOOK_SECRET: sinkSecret, QUOTA: '1000' }
  server = await Server.start({ config: 'quota.config.ts', vars })
})
afterAll(async () => {
  await server?.stop()
  await sink?.close()
})

const untilLane = (what: string, enough: (lane: LaneStatus) => boolean, everyMs = 100) =>
  until(what, () => server.lane('sink').catch(() => undefined), {
    enough: (lane) => lane !== undefined && enough(lane),
    seconds: 60,
    everyMs,
  }) as Promise<LaneStatus>

test('50,000 events of a destination that is down are spilled down to its quota and come back in order, over kills in both', async () => {
  for (let first = 0; first < events; first += perRequest) {
    const batch = Array.from({ length: perRequest }, (_, i) => ({
      type: 'track',
      messageId: `order-${first + i}`,
      userId: `customer-${(first + i) % customers}`,
      event: 'Order Completed',
      // Bytes that do not compress.
      properties: { number: Math.floor((first + i) / customers), note: randomBytes(300).toString('base64') },
    }))
    const response = await server.post('/v1/batch', { batch })
    expect(await response.json()).toEqual({ success: true, accepted: perRequest })
  }
  // The local queue is in memory: what is in the lane is durable.
  const full = await untilLane('all wait in the lane', ({ depth }) => depth === events)
  expect(full.storage?.bytes).toBeGreaterThan(4 * quotaBytes)
  expect(full.storage).not.toHaveProperty('spilled')

  // The quota is lowered, so that the lane spills at once.
  await server.restart({ QUOTA: `${quotaBytes / 1_000_000}` })
  for (let kill = 1; kill <= 3; kill++) {
    await untilLane('some is in R2', ({ storage }) => (storage?.spilled?.objects ?? 0) >= kill, 1)
    await server.killWorkerd()
  }
  const spilled = await untilLane('what is too much is in R2', ({ storage }) => (storage?.bytes ?? 0) <= quotaBytes)
  expect(spilled.depth).toBe(events)
  expect(spilled.storage?.quota).toBe(quotaBytes)
  const keys = () => storedKeys(server.state).filter((key) => key.startsWith('expired/sink/0/'))
  expect(keys()).toHaveLength(spilled.storage?.spilled?.objects ?? 0)
  expect(spilled.storage?.warning).toMatch(/^undelivered events take \d+ % of the quota, and \d+ are in R2$/)
  const health = await server.admin<Health>('/../health')
  expect(health.stuck).toEqual([
    expect.objectContaining({ target: 'sink', storage: expect.objectContaining({ quota: quotaBytes }) }),
  ])

  isDown = false
  for (const enough of [5_000, 20_000, 35_000]) {
    await server.admin('/lanes/sink/resume', { method: 'POST' })
    await until(`${enough} arrived`, () => sink.ids.size >= enough, { seconds: 60, everyMs: 10 })
    await server.killWorkerd()
  }
  await server.admin('/lanes/sink/resume', { method: 'POST' })
  await until('all arrived', () => sink.ids.size >= events, { seconds: 60, everyMs: 100 })
  const done = await untilLane('the lane is idle', ({ depth, storage }) => depth === 0 && storage === undefined)
  expect(done.deadLetters).toBe(0)
  expect([sink.ids.size, disordered]).toEqual([events, 0])
  // A kill repeats what was delivered since the checkpoint before it. Without checkpoints it would be all: 60,000 by three kills.
  expect(arrived - events).toBeLessThan(55_000)
  await until('R2 is empty again', () => keys().length === 0)
}, 120_000)
