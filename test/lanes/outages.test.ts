import { expect, test } from 'vitest'
import { withSeed } from '../support/seed.ts'
import { eventsOf, SimulatedLane } from '../support/simulated-lane.ts'

/** The longest that a recovery may go unnoticed, in milliseconds. */
const noticedMs = 15_000

const people = (count: number) => Array.from({ length: count }, (_, i) => `user-${i}`)
const logged = (lane: SimulatedLane, start: string) => lane.logged.filter(({ message }) => message.startsWith(start))

/** Each second an event of every one of them, while the destination answers so. */
async function second(lane: SimulatedLane, users: readonly string[], statusOf: (ids: readonly string[]) => number) {
  const { length } = lane.chunks
  lane.append(users.flatMap((user) => eventsOf(user, length)))
  await lane.run(1000, statusOf)
}

test.each([
  { count: 1, state: 'failing', opened: undefined },
  { count: 4, state: 'down', opened: 1 },
  { count: 1000, state: 'down', opened: 1 },
])(
  'a destination that fails for a minute with $count users is $state, says why and since when, and gets all in order within seconds of its recovery',
  async ({ count, state, opened }) => {
    await withSeed(async (random) => {
      const lane = new SimulatedLane({ limits: { parallel: 4 }, random: () => random.next() })
      const users = people(count)
      // What was delivered before must not matter.
      await second(lane, users.slice(0, 4), () => 200)
      const start = lane.now
      const seen: { id: string; at: number }[] = []
      const asked: number[] = []
      for (let n = 0; n < 60; n++)
        await second(lane, users.slice(0, 20), () => {
          asked.push(lane.now)
          return 503
        })
      lane.append(users.flatMap((user) => eventsOf(user, 61)))
      await lane.feed()
      const { sender } = lane
      expect([sender.state, sender.reason, sender.lastError?.reason]).toEqual([state, 'HTTP 503', 'HTTP 503'])
      expect(sender.since).toBe(start)
      expect(sender.lastError?.at).toBe(asked.at(-1))
      const next = sender.due()
      expect(next).toBeGreaterThanOrEqual(lane.now)
      expect(next).toBeLessThanOrEqual(lane.now + noticedMs)
      expect(lane.store.counters['circuit opened']).toBe(opened)
      // Short waits, and yet no hammering: some requests at first, then one each few seconds.
      expect(asked.length).toBeLessThan(60)
      const gaps = asked.map((at, i) => at - (asked[i - 1] ?? start))
      expect(Math.max(...gaps)).toBeLessThanOrEqual(noticedMs)
      expect(logged(lane, 'a destination')).toMatchObject([
        { level: 'warn', message: 'a destination fails: all that its lane sends is tried again', target: 'webhook' },
        ...(opened === undefined
          ? []
          : [{ level: 'error', message: 'a destination is down: its lane waits and probes', reason: 'HTTP 503' }]),
      ])

      const recovery = lane.now
      let most = 0
      await lane.run(noticedMs, (ids) => {
        most = Math.max(most, lane.requests.length)
        for (const id of ids) seen.push({ id, at: lane.now })
        return 200
      })
      const waited = lane.events.slice(Math.min(4, count))
      expect(new Set(seen.map(({ id }) => id))).toEqual(new Set(waited.map(({ id }) => id)))
      expect(seen).toHaveLength(waited.length)
      // All at once after the first: nothing waits for a time of its own.
      expect((seen.at(-1)?.at as number) - (seen[0]?.at as number)).toBeLessThan(100)
      expect((seen[0]?.at as number) - recovery).toBeLessThanOrEqual(noticedMs)
      expect(most, 'requests at once').toBeLessThanOrEqual(4)
      for (const [, events] of Map.groupBy(seen, ({ id }) => id.split(' ')[0])) {
        const numbers = events.map(({ id }) => Number(id.split(' ')[1]))
        expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
      }
      expect([sender.state, sender.reason, sender.since, sender.lastError]).toEqual([
        'idle',
        undefined,
        undefined,
        undefined,
      ])
      expect(logged(lane, 'a destination is back')).toMatchObject([
        { level: 'info', target: 'webhook', partition: 0, reason: 'HTTP 503', seconds: expect.any(Number) },
      ])
    })
  },
)

test('an outage outlives a restart of the lane: it says since when, and its first success ends all waits that were stored', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 4 }, random: () => 0.9 })
  const users = ['ada', 'grace', 'joan', 'mary']
  const start = lane.now
  lane.append(users.flatMap((user) => eventsOf(user, 1, 2, 3)))
  await lane.run(45_000, () => 503)
  lane.checkpoint()
  lane.crash()
  expect([lane.sender.state, lane.sender.reason, lane.sender.since]).toEqual(['down', 'HTTP 503', start])
  expect(lane.sender.lastError?.reason).toBe('HTTP 503')
  const arrived: string[] = []
  await lane.run(noticedMs, (ids) => {
    arrived.push(...ids)
    return 200
  })
  for (const user of users)
    expect(arrived.filter((id) => id.startsWith(user))).toEqual(eventsOf(user, 1, 2, 3).map(({ id }) => id))
})

test('the one user of a lane is told to fail after a restart, too, and what was let go before one stays let go', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 1 }, random: () => 0.99 })
  const start = lane.now
  lane.append(eventsOf('ada', 1, 2, 3))
  await lane.run(45_000, () => 503)
  lane.checkpoint()
  lane.crash()
  expect([lane.sender.state, lane.sender.since]).toEqual(['failing', start])

  lane.append(eventsOf('grace', 1))
  await lane.feed()
  await lane.requests[0]?.answer(200)
  // The destination is back, and the lane goes before it could send what waited.
  lane.crash()
  await lane.feed()
  expect(lane.requests.flatMap(({ ids }) => ids)).toEqual(['ada 1'])
})

test('a success ends neither the wait that Retry-After asked for nor that of an event which fails for a reason of its own', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 4 }, random: () => 0.99 })
  lane.append(eventsOf('sick', 1))
  const healthy = (ids: readonly string[]) => (ids.includes('sick 1') ? 500 : 200)
  for (let n = 0; n < 20; n++) await second(lane, ['ada', 'grace'], healthy)
  expect(lane.rows()).toEqual(['sick 1'])
  expect([lane.sender.state, lane.sender.lastError?.reason]).toEqual(['running', 'HTTP 500'])
  const due = lane.store.waiting.byId('sick 1')?.due as number
  expect(due - lane.now).toBeGreaterThan(10_000)

  lane.append([...eventsOf('joan', 1), ...eventsOf('mary', 1), ...eventsOf('edsger', 1)])
  await lane.feed()
  for (const request of lane.requests.slice())
    if (request.ids.includes('joan 1')) await request.answer(503, { 'retry-after': '9' })
  await lane.run(3000, () => 503)
  expect(lane.sender.state).toBe('failing')
  const arrived: string[] = []
  await lane.run(4500, (ids) => {
    arrived.push(...ids)
    return 200
  })
  expect(arrived.toSorted()).toEqual(['edsger 1', 'mary 1'])
  expect(lane.rows()).toEqual(['sick 1', 'joan 1'])
  await lane.run(2000, (ids) => {
    arrived.push(...ids)
    return 200
  })
  expect(arrived.at(-1)).toBe('joan 1')
  expect(lane.store.waiting.byId('sick 1')?.due).toBe(due)
})

test('an event that fails for ever never takes the lane down, nor makes the destination look as if it failed, while others arrive', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 2 } })
  lane.append(eventsOf('sick', 1))
  for (let n = 0; n < 120; n++) {
    // Now and then nothing else is to be sent for a while.
    if (n % 10 < 5) await second(lane, ['ada', 'grace'], (ids) => (ids.includes('sick 1') ? 500 : 200))
    else await lane.run(1000, () => 500)
    if (n > 10) expect(lane.sender.state).toBe('running')
  }
  expect(lane.store.counters['circuit opened']).toBeUndefined()
  expect(lane.rows()).toEqual(['sick 1'])
})

test('while few events fail, an event of somebody else is sent at once, and its success sends all others', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 4 }, random: () => 0.99 })
  lane.append([...eventsOf('ada', 1), ...eventsOf('grace', 1)])
  await lane.run(20_000, () => 503)
  expect(lane.sender.state).toBe('down')
  lane.append(eventsOf('joan', 1))
  await lane.feed()
  expect(lane.requests.flatMap(({ ids }) => ids)).toEqual(['joan 1'])
  await lane.requests[0]?.answer(200)
  expect(lane.requests.flatMap(({ ids }) => ids)).toEqual(['ada 1', 'grace 1'])
})

test('limits of the platform take no lane down, however long they are in the way of a few users', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 2 } })
  lane.append([...eventsOf('ada', 1), ...eventsOf('grace', 1)])
  await lane.feed()
  for (let n = 0; n < 40; n++) {
    await lane.requests[0]?.breakOff(new Error('Too many subrequests by single Worker invocation.'))
    const due = lane.sender.due()
    if (due !== undefined) await lane.pass(Math.max(0, due - lane.now))
    expect(lane.sender.state).toBe('running')
  }
  expect(lane.store.counters['circuit opened']).toBeUndefined()
})

test('a person who resumes a lane sends everything that waits, in order, whatever was asked for, also after a restart', async () => {
  const lane = new SimulatedLane({ limits: { events: 2, parallel: 4 }, random: () => 0.99 })
  lane.append([...eventsOf('ada', 1, 2), ...eventsOf('grace', 1, 2)])
  await lane.feed()
  for (const request of lane.requests.slice()) await request.answer(429, { 'retry-after': '3600' })
  lane.sender.resume()
  lane.crash()
  const arrived: string[] = []
  await lane.run(1, (ids) => {
    arrived.push(...ids)
    return 200
  })
  expect(arrived).toEqual(['ada 1', 'grace 1', 'ada 2', 'grace 2'])
})

test('the rows of a long outage are bounded, and its probes are at most a minute apart', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 4 }, random: () => 0.99 })
  lane.append(people(2000).flatMap((user) => eventsOf(user, 1)))
  const asked: number[] = []
  await lane.run(6 * 3_600_000, () => {
    asked.push(lane.now)
    return 503
  })
  const gaps = asked.map((at, i) => at - (asked[i - 1] ?? at))
  expect(Math.max(...gaps)).toBeLessThanOrEqual(60_000)
  expect(asked.length).toBeLessThan(600)
  expect(lane.rows().length).toBeLessThanOrEqual(105)
})

test('every dead letter and every failed request of a lane is logged with its target and why', async () => {
  const lane = new SimulatedLane()
  lane.append([...eventsOf('ada', 1), ...eventsOf('grace', 1)])
  await lane.run(10, (ids) => (ids.includes('ada 1') ? 400 : 503))
  expect(lane.logged).toMatchObject([
    {
      level: 'error',
      message: 'an event is a dead letter',
      target: 'webhook',
      partition: 0,
      code: 'http_400',
      reason: 'HTTP 400',
      messageId: 'ada 1',
    },
    { level: 'warn', message: 'a delivery failed; its events are tried again', target: 'webhook', reason: 'HTTP 503' },
  ])
})

test('one event that a destination refuses pauses no lane for the others of its batch, also when it is the first batch of all', async () => {
  const lane = new SimulatedLane({ limits: { events: 10, parallel: 1 } })
  lane.append([...eventsOf('ada', 1, 2), ...eventsOf('gone', 1), ...people(7).flatMap((user) => eventsOf(user, 1))])
  const arrived: string[] = []
  await lane.run(100, (ids) => {
    if (ids.includes('gone 1')) return 404
    arrived.push(...ids)
    return 200
  })
  expect(arrived).toHaveLength(9)
  expect([lane.sender.state, lane.rows()]).toEqual(['running', ['gone 1']])
})

test('thousands of events of four users that waited for an outage go out one after the other per user, within the limits', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 3 }, random: () => 0.9 })
  const users = ['ada', 'grace', 'joan', 'mary']
  for (let n = 0; n < 1500; n += 50)
    lane.append(Array.from({ length: 50 }, (_, i) => users.flatMap((user) => eventsOf(user, n + i))).flat())
  await lane.run(60_000, () => 503)
  expect(lane.sender.state).toBe('down')
  const arrived: string[] = []
  let most = 0
  await lane.run(noticedMs, (ids) => {
    most = Math.max(most, lane.requests.length)
    arrived.push(...ids)
    return 200
  })
  expect(most).toBe(3)
  for (const user of users)
    expect(arrived.filter((id) => id.startsWith(user))).toEqual(Array.from({ length: 1500 }, (_, n) => `${user} ${n}`))
  expect([lane.sender.state, lane.rows()]).toEqual(['idle', []])
})
