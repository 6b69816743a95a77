import { expect, test } from 'vitest'
import type { Random } from '../../scripts/bench/random.ts'
import { withSeed } from '../support/seed.ts'
import { eventsOf, SimulatedLane } from '../support/simulated-lane.ts'

const letters = (lane: SimulatedLane) => lane.letters.list({ limit: 10_000 })
const run = (lane: SimulatedLane, ms: number, statusOf: (ids: readonly string[]) => number) => lane.run(ms, statusOf)

test('an event that a firewall refuses does not delay others, is tried five times and is a dead letter with that status', async () => {
  const lane = new SimulatedLane()
  const arrived = new Map<string, number>()
  const answer = (ids: readonly string[]) => {
    if (ids.includes('script 1')) return 403
    for (const id of ids) arrived.set(id, lane.now)
    return 200
  }
  lane.append(eventsOf('ada', 1, 2, 3, 4, 5))
  await run(lane, 1000, answer)
  lane.append([...eventsOf('script', 1, 2), ...eventsOf('carol', 1)])
  await run(lane, 300, answer)
  const start = lane.now
  lane.append(eventsOf('carol', 2, 3, 4, 5, 6))
  await run(lane, 1000, answer)
  for (const n of [2, 3, 4, 5, 6]) expect((arrived.get(`carol ${n}`) as number) - start).toBeLessThan(2000)
  for (let n = 7; n < 60; n++) {
    lane.append(eventsOf('carol', n))
    await run(lane, 1000, answer)
  }
  expect(lane.sender.state).toBe('idle')
  expect(arrived.has('script 2')).toBe(true)
  expect(letters(lane)).toMatchObject([
    {
      messageId: 'script 1',
      code: 'http_403',
      reason: 'refused 5 times while other events were delivered: HTTP 403: the credential, or a firewall, refuses it',
    },
  ])
  expect(letters(lane)[0]?.attempts.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403])
})

test('a refused event never leads the probe: on a lane that has delivered nothing yet, another key is tried at once', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 1 } })
  lane.append([...eventsOf('ada', 1, 2), ...eventsOf('grace', 1)])
  await lane.feed()
  await lane.carrying('ada 1').answer(403)
  expect(lane.sender.state).toBe('paused')
  expect(lane.pendingIds).toEqual(['grace 1'])
  await lane.carrying('grace 1').answer(200)
  expect(lane.sender.state).not.toBe('paused')
  expect(lane.pendingIds).toEqual(['ada 1'])
})

test('an event that comes while the lane is paused because of another one is tried at once', async () => {
  const lane = new SimulatedLane()
  lane.append(eventsOf('ada', 1, 2, 3))
  await lane.feed()
  await lane.carrying('ada 1').answer(410)
  expect([lane.sender.state, lane.pendingIds]).toEqual(['paused', []])
  lane.append(eventsOf('ada', 4))
  await lane.feed()
  lane.append(eventsOf('grace', 1))
  await lane.feed()
  expect(lane.pendingIds).toEqual(['grace 1'])
})

test('a destination that answers everything with 404 for half a minute gets nothing buried, and all events afterwards', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 6 } })
  let mode = 200
  const arrived: string[] = []
  const answer = (ids: readonly string[]) => {
    if (mode === 200) arrived.push(...ids)
    return mode
  }
  let asked = 0
  for (let second = 0; second < 90; second++) {
    mode = second >= 10 && second < 40 ? 404 : 200
    lane.append(Array.from({ length: 8 }, (_, i) => ({ id: `order ${second}-${i}`, key: `user ${(second + i) % 40}` })))
    await run(lane, 1000, (ids) => {
      if (mode === 404) asked++
      return answer(ids)
    })
    if (second === 39) expect(lane.sender.state).toBe('paused')
  }
  await run(lane, 300_000, answer)
  expect(letters(lane)).toEqual([])
  expect(new Set(arrived).size).toBe(720)
  expect(asked, 'requests while it answered 404').toBeLessThan(20)
  expect(lane.rows()).toEqual([])
})

test('a batch that is refused because of one event is halved while others are delivered', async () => {
  const lane = new SimulatedLane({ limits: { events: 20, bytes: 100_000, parallel: 1 } })
  const arrived: string[] = []
  const answer = (ids: readonly string[]) => {
    if (ids.includes('gone 1')) return 404
    arrived.push(...ids)
    return 200
  }
  lane.append(eventsOf('ada', 1))
  await run(lane, 100, answer)
  lane.append([...eventsOf('grace', 1, 2, 3, 4), ...eventsOf('gone', 1, 2), ...eventsOf('joan', 1, 2, 3, 4)])
  await run(lane, 100, answer)
  expect(arrived).toEqual([
    'ada 1',
    ...eventsOf('grace', 1, 2, 3, 4).map(({ id }) => id),
    ...eventsOf('joan', 1, 2, 3, 4).map(({ id }) => id),
  ])
  expect(lane.rows()).toEqual(['gone 1', 'gone 2'])
  expect(lane.sender.state).not.toBe('paused')
})

test('a batch destination that suddenly refuses everything is not asked about each event, and buries none', async () => {
  const lane = new SimulatedLane({ limits: { events: 100, bytes: 1_000_000, parallel: 1 } })
  lane.append(eventsOf('ada', 1))
  await run(lane, 100, () => 200)
  lane.append(Array.from({ length: 1000 }, (_, i) => ({ id: `order ${i}`, key: `user ${i}` })))
  let asked = 0
  await run(lane, 20_000, () => {
    asked++
    return 410
  })
  expect(lane.sender.state).toBe('paused')
  expect(asked).toBeLessThan(40)
  const arrived: string[] = []
  lane.sender.resume()
  await run(lane, 60_000, (ids) => {
    arrived.push(...ids)
    return 200
  })
  expect(new Set(arrived).size).toBe(1000)
  expect(letters(lane)).toEqual([])
})

test('a destination that redirects everything gets one event at each probe, another one each time, and buries none', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 1 } })
  lane.append(Array.from({ length: 10 }, (_, i) => ({ id: `order ${i}`, key: `user ${i}` })))
  const asked: string[] = []
  await run(lane, 3_600_000, (ids) => {
    asked.push(...ids)
    return 302
  })
  expect(lane.sender.state).toBe('paused')
  expect(lane.sender.reason).toBe('HTTP 302: the endpoint has moved; change its URL')
  expect(asked.length, 'requests in an hour').toBeLessThan(30)
  const times = Map.groupBy(asked, (id) => id)
  expect([...times.values()].map((all) => all.length).toSorted((a, b) => b - a)[0]).toBeLessThanOrEqual(4)
  expect(letters(lane)).toEqual([])
})

test('an event that is refused with 404 where there is no other one to compare it with does not stop its key for good', async () => {
  const lane = new SimulatedLane()
  lane.append(eventsOf('import', 1, 2))
  const arrived: string[] = []
  const answer = (ids: readonly string[]) => {
    if (ids.includes('import 1')) return 404
    arrived.push(...ids)
    return 200
  }
  await run(lane, 590_000, answer)
  expect([letters(lane), arrived]).toEqual([[], []])
  await run(lane, 600_000, answer)
  expect(letters(lane)).toMatchObject([{ messageId: 'import 1', code: 'http_404' }])
  expect(letters(lane)[0]?.reason).toMatch(/^refused \d+ times with no other event to compare it with: HTTP 404/)
  expect(arrived).toEqual(['import 2'])
})

test('a credential that is refused uses up no event, however few there are', async () => {
  const lane = new SimulatedLane()
  lane.append(eventsOf('ada', 1, 2))
  await run(lane, 86_400_000, () => 401)
  expect([lane.sender.state, letters(lane)]).toEqual(['paused', []])
})

test('one success ends the waiting of all, but not what was asked for; resume ends every wait, also while nothing is down', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 4 }, random: () => 0.99 })
  const users = ['ada', 'grace', 'joan', 'mary']
  lane.append(users.flatMap((user) => eventsOf(user, 1, 2, 3)))
  await run(lane, 120_000, () => 503)
  expect(lane.rows()).toHaveLength(12)
  // Too few users to be sure that it is down, but the lane says what its requests get.
  expect(lane.sender.reason).toBe('HTTP 503')
  await lane.pass((lane.sender.due() as number) - lane.now)
  const [first] = lane.requests
  await first?.answer(200)
  expect(lane.sender.reason).toBeUndefined()
  expect(new Set(lane.pendingIds.map((id) => id.split(' ')[0])).size).toBe(4)
  const waiting = lane.pendingIds
  for (const id of waiting) await lane.carrying(id).answer(429, { 'retry-after': '600' })
  for (const { ids } of lane.requests.slice())
    await lane.carrying(ids[0] as string).answer(429, { 'retry-after': '600' })
  expect(lane.pendingIds).toEqual([])
  lane.sender.resume()
  await lane.pump()
  expect(lane.pendingIds.length).toBeGreaterThan(0)
})

async function story(random: Random): Promise<void> {
  const below = (n: number) => Math.floor(random.next() * n)
  const lane = new SimulatedLane({
    limits: { events: [1, 1, 10][below(3)] as number, parallel: 1 + below(6) },
    random: () => random.next(),
  })
  const statuses = new Map<string, number>()
  const made = new Map<string, number>()
  const arrived = new Map<string, number>()
  let bad = 0
  for (let second = 0; second < 300; second++) {
    const events = Array.from({ length: 4 }, (_, i) => ({ id: `order ${second}-${i}`, key: `user ${below(60)}` }))
    for (const { id } of events) {
      made.set(id, lane.now)
      if (second > 200 || random.next() >= 0.01) continue
      bad++
      statuses.set(id, [403, 404, 410][below(3)] as number)
    }
    lane.append(events)
    await run(lane, 1000, (ids) => {
      for (const id of ids) if (statuses.has(id)) return statuses.get(id) as number
      for (const id of ids) arrived.set(id, lane.now)
      return 200
    })
  }
  const dead = letters(lane)
  expect(dead.map(({ messageId }) => messageId).toSorted()).toEqual([...statuses.keys()].toSorted())
  for (const { messageId, code } of dead) expect(code).toBe(`http_${statuses.get(messageId)}`)
  expect(arrived.size).toBe(1200 - bad)
  const keyOf = new Map(lane.events.map(({ id, key }) => [id, key]))
  const slowKeys = new Set([...statuses.keys()].map((id) => keyOf.get(id)))
  const delays = [...arrived]
    .filter(([id]) => !slowKeys.has(keyOf.get(id)))
    .map(([id, at]) => at - (made.get(id) as number))
  expect(Math.max(...delays), 'milliseconds that an event of another key waited').toBeLessThan(2000)
}

test('where one event in a hundred is refused for ever, exactly these are dead letters and all others arrive at once', () =>
  withSeed(story, { runs: 20 }))

async function outage(random: Random): Promise<void> {
  const below = (n: number) => Math.floor(random.next() * n)
  const lane = new SimulatedLane({
    limits: { events: [1, 10][below(2)] as number, parallel: 1 + below(6) },
    random: () => random.next(),
  })
  const status = [301, 302, 401, 402, 403, 404, 405, 410][below(8)] as number
  const users = 2 + below(30)
  const start = below(20)
  const end = start + 10 + below(100)
  const arrived: string[] = []
  for (let second = 0; second < 150; second++) {
    const count = below(6)
    lane.append(Array.from({ length: count }, (_, i) => ({ id: `order ${second}-${i}`, key: `user ${below(users)}` })))
    if (count === 0) lane.chunks.pop()
    await run(lane, 1000, (ids) => {
      if (second >= start && second < end) return status
      arrived.push(...ids)
      return 200
    })
    if (random.next() < 0.02) {
      lane.checkpoint()
      lane.crash()
    }
  }
  await run(lane, 1_200_000, (ids) => {
    arrived.push(...ids)
    return 200
  })
  expect(letters(lane)).toEqual([])
  expect(new Set(arrived)).toEqual(new Set(lane.events.map(({ id }) => id)))
  expect(lane.rows()).toEqual([])
  const place = new Map<string, number>()
  arrived.forEach((id, i) => place.has(id) || place.set(id, i))
  for (const [, events] of Map.groupBy(lane.events, ({ key }) => key)) {
    const places = events.map(({ id }) => place.get(id) as number)
    expect(places, 'in order per key').toEqual(places.toSorted((a, b) => a - b))
  }
}

test('where everything is refused for a while, whatever the status, nothing is buried and all arrive in order afterwards', () =>
  withSeed(outage, { runs: 40 }))
