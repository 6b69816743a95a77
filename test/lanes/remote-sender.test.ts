import { expect, test } from 'vitest'
import { SimulatedLane } from '../support/simulated-lane.ts'

const users = (count: number, each = 1) =>
  Array.from({ length: count * each }, (_, i) => ({ id: `user ${i % count} ${i}`, key: `user ${i % count}` }))

/** Answers all that is under way after `ms`, again and again; returns how many requests were under way each time. */
async function rounds(lane: SimulatedLane, ms: number, statusOf: (id: string) => number = () => 200) {
  const counts: number[] = []
  for (let i = 0; i < 200; i++) {
    await lane.feed()
    const requests = [...lane.requests]
    if (requests.length === 0) break
    counts.push(requests.length)
    lane.now += ms
    for (const request of requests) await request.answer(statusOf(request.ids[0] as string))
  }
  return counts
}

const arrivals = (lane: SimulatedLane) => {
  const ids: string[] = []
  return { ids, take: (id: string) => (ids.push(id), 200), lane }
}

/** Keys of which an event arrived before an earlier one. */
function disordered(ids: readonly string[]): string[] {
  const newest = new Map<string, number>()
  return ids.filter((id) => {
    const [, user = '', number] = id.split(' ')
    const before = newest.get(user) ?? -1
    newest.set(user, Math.max(before, Number(number)))
    return Number(number) < before
  })
}

test('a lane whose destination is slow has ever more requests under way, and no invocation more than six', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 6 }, remote: true })
  lane.append(users(400, 6))
  const { ids, take } = arrivals(lane)
  const counts = await rounds(lane, 200, take)
  expect(counts.slice(0, 8)).toEqual([6, 6, 6, 12, 24, 48, 96, 192])
  expect(Math.max(...counts)).toBe(300)
  expect(lane.own.most).toBe(6)
  expect(lane.invocations.every(({ most }) => most <= 6)).toBe(true)
  expect(lane.store.counters).toEqual({ done: 2_400 })
  expect(ids).toHaveLength(2_400)
  expect(disordered(ids)).toEqual([])
  expect(lane.invocations.some(({ isOpen }) => isOpen)).toBe(false)
})

test('a lane whose destination is fast sends everything by itself', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 6 }, remote: true })
  lane.append(users(400))
  expect(Math.max(...(await rounds(lane, 10)))).toBe(6)
  expect(lane.invocations).toEqual([])
})

test('a destination that was fast and becomes slow gets more requests at once within seconds', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 6 }, remote: true })
  lane.append(users(1_500))
  for (let i = 0; i < 50; i++) {
    await lane.feed()
    lane.now += 5
    for (const request of lane.requests.slice()) await request.answer(200)
  }
  const counts = await rounds(lane, 200)
  expect(Math.max(...counts.slice(0, 15))).toBeGreaterThan(200)
})

test('what the config or the destination allows is the most that is under way', async () => {
  const configured = new SimulatedLane({
    limits: { parallel: 6 },
    remote: true,
    lanes: 2,
    route: { rate: { parallel: 40 } },
  })
  configured.append(users(400))
  expect(Math.max(...(await rounds(configured, 200)))).toBe(20)
  const narrow = new SimulatedLane({ limits: { parallel: 4 }, remote: true, route: { rate: { parallel: 40 } } })
  narrow.append(users(100))
  expect(Math.max(...(await rounds(narrow, 200)))).toBe(4)
})

test('a destination that fails under many requests gets half of them at once', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 6 }, remote: true })
  lane.append(users(2_000))
  let most = 0
  for (let i = 0; i < 8; i++) {
    await lane.feed()
    most = lane.requests.length
    lane.now += 200
    for (const [n, request] of [...lane.requests].entries()) await request.answer(i === 7 && n % 2 === 0 ? 500 : 200)
  }
  expect(most).toBe(192)
  expect(lane.requests.length).toBeLessThan(100)
  await lane.run(3_600_000, () => 200)
  expect(lane.store.counters['done']).toBe(2_000)
  expect(lane.rows()).toEqual([])
})

test('a platform that allows few invocations gets no more of them, and no event notices', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 6 }, remote: true })
  lane.mostInvocations = 3
  lane.append(users(200, 5))
  const { ids, take } = arrivals(lane)
  const counts = await rounds(lane, 200, take)
  expect(Math.max(...counts)).toBe(6 + 3 * 6)
  expect(lane.store.counters).toEqual({ done: 1_000 })
  expect(disordered(ids)).toEqual([])
  expect(
    lane.logged.filter(({ message }) => message === 'an invocation that sent for a lane died').length,
  ).toBeLessThan(10)
})

test('what an invocation that dies had under way is sent again, in order, and counts as no attempt', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 6 }, remote: true })
  lane.append(users(60, 3))
  for (let i = 0; i < 5; i++) {
    await lane.feed()
    lane.now += 200
    for (const request of lane.requests.slice()) await request.answer(200)
  }
  await lane.feed()
  const dying = lane.invocations.filter(({ isOpen }) => isOpen)
  expect(dying.length).toBeGreaterThan(2)
  for (const one of dying) one.die('The Worker exceeded its memory limit.')
  await lane.settled()
  const { ids, take } = arrivals(lane)
  await rounds(lane, 200, take)
  expect(lane.store.counters).toEqual({ done: 180 })
  expect(disordered(ids)).toEqual([])
  expect(lane.letters.list({ limit: 1 })).toEqual([])
  expect(lane.logged.find(({ message }) => message === 'an invocation that sent for a lane died')).toMatchObject({
    level: 'warn',
    reason: 'The Worker exceeded its memory limit.',
  })
})

test('a lane that had nothing to do for a minute begins with its own connections', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 6 }, remote: true })
  lane.append(users(300))
  await rounds(lane, 200)
  await lane.pass(61_000)
  lane.append(users(300).map(({ id, key }) => ({ id: `${id} later`, key })))
  await lane.feed()
  expect(lane.requests.length).toBe(6)
})
