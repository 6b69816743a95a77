// A status that may speak of one event, or of the destination: what the others get decides. Two minutes of the lane are five seconds.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { plainOrder } from '../support/sample-events.ts'
import { Server } from '../support/server.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { until } from '../support/until.ts'

const users = 50
const twoMinutesMs = 5_000

let sink: Sink
let server: Server
beforeAll(async () => {
  sink = await Sink.open()
  server = await Server.start({
    config: 'not-found.config.ts',
    vars: { SINK: sink.url, WEBHOOK_SECRET: sinkSecret, FROM: `${Date.now()}` },
  })
})
afterAll(async () => {
  await server?.stop()
  await sink?.close()
})

/** Sends so many events of each user, in turn; gives all their messageIds. */
async function send(
  name: string,
  perUser: number,
  orderOf: (messageId: string, number: number) => Partial<Event> = () => ({}),
) {
  const ids: string[] = []
  for (let n = 0; n < perUser; n++) {
    const batch = Array.from({ length: users }, (_, user) => {
      const id = `${name}-${user}-${n}`
      return plainOrder(id, { userId: `user-${user}`, ...orderOf(id, n * users + user) })
    })
    expect((await server.post('/v1/batch', { batch })).status).toBe(200)
    ids.push(...batch.map(({ messageId }) => messageId))
  }
  return ids
}

const untilTaken = (ids: readonly string[]) =>
  until('all of them arrived', () => ids.filter((id) => !sink.ids.has(id)).length, {
    enough: (missing) => missing === 0,
    seconds: 60,
  })

/** What arrived of these events first, by user, must be in the order in which they were sent. */
function expectOrder(ids: readonly string[], arrived: readonly Event[]): void {
  const wanted = Map.groupBy(ids, (id) => id.split('-')[1])
  const mine = new Set(ids)
  const got = Map.groupBy(
    arrived.map(({ messageId }) => messageId).filter((id) => mine.has(id)),
    (id) => id.split('-')[1],
  )
  for (const [user, sent] of wanted) expect(got.get(user)).toEqual(sent)
}

test('two minutes of 404 from a destination that took events before are an outage: 2,000 events wait, none is a dead letter, and all arrive in order afterwards', async () => {
  await untilTaken(await send('before', 2))
  const refusedFrom = sink.received.length
  sink.answer = () => ({ status: 404, body: 'no such page' })
  const began = Date.now()
  const ids = await send('during', 40)
  expect(ids).toHaveLength(2_000)
  const waits = async () => {
    const { state, depth, deadLetters, reason } = await server.lane('sink')
    expect({ state, depth, deadLetters, reason }).toEqual({
      state: 'paused',
      depth: 2_000,
      deadLetters: 0,
      reason: 'HTTP 404: there is nothing at this address',
    })
  }
  await until('all of them wait', async () => (await server.lane('sink')).depth === 2_000)
  await waits()
  while (Date.now() - began < twoMinutesMs) await sleep(100)
  await waits()
  // It is asked now and then, and not for each event.
  expect(sink.received.length - refusedFrom).toBeGreaterThanOrEqual(3)
  expect(sink.received.length - refusedFrom).toBeLessThan(100)
  sink.answer = () => undefined
  await untilTaken(ids)
  expectOrder(ids, sink.firstTaken)
  const { deliveries } = sink
  expect(ids.filter((id) => deliveries.get(id) !== 1)).toEqual([])
  expect(await server.deadLetters()).toEqual([])
})

test.each([403, 404])(
  'a %i that only some events get is a verdict on these: they are dead letters, and all others arrive in order',
  async (status) => {
    const isGone = ({ properties }: Event) => properties?.['gone'] === status
    sink.answer = (events) => (events.some(isGone) ? { status, body: 'no such order' } : undefined)
    const gone: string[] = []
    const ids = await send(`some${status}`, 10, (messageId, number) => {
      if (number % 100 !== 7) return {}
      gone.push(messageId)
      return { properties: { gone: status } }
    })
    expect(gone).toHaveLength(5)
    // Others go on coming: a refusal is compared with what they get.
    let seconds = 0
    await until(
      'the refused ones are dead letters',
      async () => {
        ids.push(...(await send(`more${status}x${seconds++}`, 1)))
        return (await server.lane('sink')).deadLetters >= gone.length
      },
      { everyMs: 500, seconds: 60 },
    )
    const good = ids.filter((id) => !gone.includes(id))
    await untilTaken(good)
    expectOrder(good, sink.firstTaken)
    const letters = await server.deadLetters()
    expect(letters.map(({ messageId, code }) => [messageId, code]).toSorted()).toEqual(
      gone.map((id) => [id, `http_${status}`]).toSorted(),
    )
    for (const { id } of letters) await server.admin(`/dead-letters/${id}`, { method: 'DELETE' })
  },
)
