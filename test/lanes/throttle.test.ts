import { expect, test } from 'vitest'
import { SimulatedLane } from '../support/simulated-lane.ts'

const users = (count: number, name = 'user') =>
  Array.from({ length: count }, (_, i) => ({ id: `${name} ${i}`, key: `${name} ${i}` }))

/** Answers all requests with `statusOf` for `seconds`, and counts how many went out in each second. */
async function perSecond(lane: SimulatedLane, seconds: number, statusOf = (_id: string) => 200): Promise<number[]> {
  const counts: number[] = []
  for (let i = 0; i < seconds; i++) {
    let sent = 0
    await lane.run(1_000, ([id = '']) => {
      sent++
      return statusOf(id)
    })
    counts.push(sent)
  }
  return counts
}

test('a lane sends no more requests a second than its rate, however fast they are answered, and loses none', async () => {
  const lane = new SimulatedLane({ route: { rate: { requestsPerSecond: 20 } } })
  lane.append(users(100))
  const counts = await perSecond(lane, 6)
  expect(counts[0]).toBeLessThanOrEqual(24)
  expect(Math.max(...counts.slice(1))).toBeLessThanOrEqual(21)
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(100)
  expect(lane.store.counters).toEqual({ done: 100 })
})

test('each lane of a destination gets its share of the rate and of the requests at once', async () => {
  const lane = new SimulatedLane({ lanes: 4, route: { rate: { requestsPerSecond: 20, parallel: 8 } } })
  lane.append(users(30))
  const counts = await perSecond(lane, 5)
  expect(Math.max(...counts.slice(1))).toBeLessThanOrEqual(6)
  expect(counts.slice(1, 4).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(14)

  const wide = new SimulatedLane({ lanes: 4, route: { rate: { parallel: 8 } } })
  wide.append(users(10))
  await wide.feed()
  expect(wide.requests).toHaveLength(2)
})

test('a lane of many has one request under way at least', async () => {
  const lane = new SimulatedLane({ lanes: 16, route: { rate: { parallel: 4 } } })
  lane.append(users(3))
  await lane.feed()
  expect(lane.requests).toHaveLength(1)
})

test('a lane whose destination answers 429 goes on at half of its rate, and at all of it after some seconds', async () => {
  const lane = new SimulatedLane({ route: { rate: { requestsPerSecond: 40 } } })
  lane.append(users(800))
  await perSecond(lane, 2)
  let refused = 0
  const [slow = 0] = await perSecond(lane, 1, () => (refused++ < 8 ? 429 : 200))
  expect(slow).toBeLessThanOrEqual(30)
  const counts = await perSecond(lane, 12)
  expect(counts[0]).toBeLessThanOrEqual(26)
  expect(counts.at(-1)).toBeGreaterThanOrEqual(39)
  expect(lane.logged.map(({ message }) => message)).toContain(
    'a destination wants fewer requests; its lane goes slower',
  )
  expect(lane.letters.list({ limit: 1 })).toEqual([])
})

test('a lane without a rate is slowed by a 429 as well, and free again when none follows', async () => {
  const lane = new SimulatedLane()
  lane.append(users(1_000))
  await lane.feed()
  for (let i = 0; i < 200; i++) await lane.requests[0]?.answer(200)
  for (let i = 0; i < 60; i++) await lane.requests[0]?.answer(i % 2 === 0 ? 429 : 200)
  const slow = await perSecond(lane, 1)
  expect(slow[0]).toBeLessThanOrEqual(130)
  await perSecond(lane, 30)
  expect(lane.store.counters['done']).toBe(1_000)
  lane.append(users(500, 'later'))
  expect(await perSecond(lane, 1)).toEqual([500])
})

test('a destination that answers 429 to one request in a hundred gets all others as fast as it takes them', async () => {
  const lane = new SimulatedLane()
  lane.append(users(2_000))
  let sent = 0
  const counts = await perSecond(lane, 5, () => (++sent % 100 === 0 ? 429 : 200))
  expect(counts[0]).toBeGreaterThan(1_000)
  expect(lane.store.counters['done']).toBeGreaterThan(1_970)
  expect(lane.logged.map(({ message }) => message)).not.toContain(
    'a destination wants fewer requests; its lane goes slower',
  )
})

test('a single 429 at low traffic slows nothing: only its own event waits', async () => {
  const lane = new SimulatedLane()
  lane.append([{ id: 'ada', key: 'ada' }])
  await lane.feed()
  await lane.requests[0]?.answer(429, { 'retry-after': '60' })
  lane.append(users(200))
  expect(await perSecond(lane, 1)).toEqual([200])
  expect(lane.rows()).toEqual(['ada'])
  expect(lane.logged.map(({ message }) => message)).not.toContain(
    'a destination wants fewer requests; its lane goes slower',
  )
})

test('a person who resumes a lane ends what the destination asked for', async () => {
  const lane = new SimulatedLane()
  lane.append(users(300))
  await lane.feed()
  for (let i = 0; i < 3; i++) await lane.requests[0]?.answer(429)
  expect(lane.requests, 'no fourth goes out').toHaveLength(3)
  lane.sender.resume()
  expect((await perSecond(lane, 1))[0]).toBe(300)
})
