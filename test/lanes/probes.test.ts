import { expect, test } from 'vitest'
import { eventsOf, SimulatedLane } from '../support/simulated-lane.ts'

test('an answer of 401 pauses the lane without using up an event; a probe finds out when the credential is right again', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 2 } })
  lane.append([...eventsOf('ada', 1, 2), ...eventsOf('grace', 1), ...eventsOf('alan', 1)])
  await lane.feed()
  await lane.carrying('ada 1').answer(401)
  await lane.carrying('grace 1').answer(401)
  expect(lane.sender.state).toBe('paused')
  expect(lane.sender.reason).toBe('HTTP 401: the credential is refused')
  // Events of others are tried at once: what was refused so far might be to blame.
  await lane.carrying('alan 1').answer(401)
  expect(lane.pendingIds).toEqual([])
  expect(lane.rows()).toEqual(['ada 1', 'ada 2', 'grace 1', 'alan 1'])
  expect(lane.letters.list({ limit: 100 })).toEqual([])

  // 30 s, three quarters of them by the dice; the other answers doubled nothing.
  await lane.pass(22_499)
  expect(lane.pendingIds).toEqual([])
  await lane.pass(1)
  expect(lane.pendingIds).toHaveLength(1)
  await lane.carrying('ada 1').answer(200)
  expect(lane.sender.state).toBe('running')
  expect(lane.pendingIds).toEqual(['grace 1', 'alan 1'])
})

test('a lane that is resumed sends a probe at once, also when only rows are left', async () => {
  const lane = new SimulatedLane()
  lane.append(eventsOf('ada', 1))
  await lane.feed()
  await lane.carrying('ada 1').answer(401)
  await lane.pass(22_500)
  await lane.carrying('ada 1').answer(401, {})
  expect(lane.rows()).toEqual(['ada 1'])
  lane.sender.resume()
  await lane.pump()
  expect(lane.pendingIds).toEqual(['ada 1'])
  await lane.carrying('ada 1').answer(200)
  expect(lane.sender.state).toBe('idle')
})

test('five failures in a row open the circuit; while it is open one probe goes out at a time, each later than the last', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 2 } })
  lane.append(Array.from({ length: 100 }, (_, i) => ({ id: `order ${i}`, key: `key ${i}` })))
  await lane.feed()
  for (let i = 0; i < 6; i++) await lane.requests[0]?.answer(503)
  expect(lane.sender.state).toBe('down')
  expect(lane.pendingIds).toEqual([])
  expect(lane.rows()).toHaveLength(4)

  const waits: number[] = []
  for (let i = 0; i < 12; i++) {
    const due = lane.sender.due() ?? Number.NaN
    waits.push((due - lane.now) / 1000)
    await lane.pass(due - lane.now)
    expect(lane.pendingIds).toHaveLength(1)
    await lane.requests[0]?.answer(503)
  }
  expect(waits).toEqual([0.75, 1.5, 3, 6, 11.25, 11.25, 11.25, 11.25, 11.25, 11.25, 11.25, 11.25])
  // One row per probe, and none for the events that wait.
  expect(lane.rows()).toHaveLength(16)
  expect(lane.sender.committed).toBeLessThan(20)
})

test('rows do not pile up behind a destination that is down, also when all events have the same key', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 1 } })
  lane.append(eventsOf('grace', 1, 2, 3, 4, 5))
  lane.append([
    ...eventsOf('grace', 6),
    ...Array.from({ length: 4 }, (_, i) => ({ id: `other ${i}`, key: `other ${i}` })),
  ])
  for (let i = 0; i < 50; i++) lane.append(eventsOf('grace', 7 + i))
  await lane.feed()
  for (let i = 0; i < 30 && lane.sender.state !== 'down'; i++) {
    await lane.requests[0]?.answer(503)
    await lane.pass(2000)
  }
  expect(lane.sender.state).toBe('down')
  const rows = lane.rows().length
  for (let i = 0; i < 10; i++) {
    await lane.requests[0]?.answer(503)
    await lane.feed()
    await lane.pass(300_000)
  }
  expect(lane.rows().length - rows).toBeLessThanOrEqual(10)
})

test('a destination that is back gets everything, in order', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 3 } })
  for (let i = 1; i <= 20; i++)
    lane.append([
      ...eventsOf('ada', i),
      ...eventsOf('grace', i),
      ...eventsOf('alan', i),
      ...eventsOf('joan', i),
      ...eventsOf('mary', i),
    ])
  await lane.feed()
  for (let i = 0; i < 8; i++) await lane.requests[0]?.answer(503)
  expect(lane.sender.state).toBe('down')
  const arrived: string[] = []
  for (let i = 0; arrived.length < 100 && i < 1000; i++) {
    const [request] = lane.requests
    if (request === undefined) await lane.pass(1000)
    else {
      arrived.push(...request.ids)
      await request.answer(200)
    }
    await lane.feed()
  }
  for (const key of ['ada', 'grace', 'alan', 'joan', 'mary'])
    expect(arrived.filter((id) => id.startsWith(key))).toEqual(Array.from({ length: 20 }, (_, i) => `${key} ${i + 1}`))
  expect(lane.rows()).toEqual([])
  expect(lane.sender.state).toBe('idle')
})

test('an open circuit survives a restart, with its next probe', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 1 } })
  lane.append(Array.from({ length: 10 }, (_, i) => ({ id: `order ${i}`, key: `key ${i}` })))
  await lane.feed()
  for (let i = 0; i < 4; i++) await lane.requests[0]?.answer(503)
  await lane.requests[0]?.answer(503, { 'retry-after': '600' })
  const due = lane.now + 600_000
  lane.crash()
  expect(lane.sender.state).toBe('down')
  await lane.feed()
  expect(lane.pendingIds).toEqual([])
  expect(lane.sender.due()).toBe(due)
})

test('one event that is always answered 500 does not keep others from being delivered, nor the circuit open', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 2 }, random: () => 0.01 })
  lane.append([
    ...eventsOf('sick', 1),
    ...Array.from({ length: 40 }, (_, i) => ({ id: `order ${i}`, key: `key ${i}` })),
  ])
  await lane.feed()
  let done = 0
  for (let i = 0; i < 200 && done < 40; i++) {
    const [request] = lane.requests
    if (request === undefined) await lane.pass(1000)
    else if (request.ids.includes('sick 1')) await request.answer(500)
    else {
      done++
      await request.answer(200)
    }
    await lane.pass(100)
  }
  expect(done).toBe(40)
  expect(lane.sender.state).not.toBe('down')
  expect(lane.rows()).toEqual(['sick 1'])
})
