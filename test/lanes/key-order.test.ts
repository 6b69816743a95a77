import { expect, test } from 'vitest'
import { eventsOf, SimulatedLane } from '../support/simulated-lane.ts'

test('one event of a key is under way at a time, events of several keys are', async () => {
  const lane = new SimulatedLane()
  lane.append([...eventsOf('ada', 1, 2, 3), ...eventsOf('grace', 1, 2)])
  await lane.feed()
  expect(lane.pendingIds).toEqual(['ada 1', 'grace 1'])

  await lane.carrying('ada 1').answer(200)
  expect(lane.pendingIds).toEqual(['grace 1', 'ada 2'])
})

test('a key with thousands of events delays itself alone', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 2 } })
  lane.append(Array.from({ length: 3_000 }, (_, i) => ({ id: `hot ${i}`, key: 'hot' })))
  lane.append(Array.from({ length: 50 }, (_, i) => ({ id: `user ${i}`, key: `user ${i}` })))
  // Those of the hot key are looked at before there is room for more.
  for (let i = 0; i < 2; i++) await lane.feed()
  const arrived: string[] = []
  // The request of the hot key stays unanswered.
  for (let i = 0; i < 50; i++) {
    const request = lane.requests.find(({ ids }) => ids[0] !== 'hot 0')
    arrived.push(...(request?.ids ?? []))
    await request?.answer(200)
    await lane.feed()
  }
  expect(arrived).toEqual(Array.from({ length: 50 }, (_, i) => `user ${i}`))
  expect(lane.pendingIds).toEqual(['hot 0'])
  await lane.carrying('hot 0').answer(200)
  expect(lane.pendingIds).toEqual(['hot 1'])
})

test('a batch carries several events of one key, in their order', async () => {
  const lane = new SimulatedLane({ limits: { events: 10, parallel: 2 } })
  lane.append([...eventsOf('ada', 1, 2), ...eventsOf('grace', 1)])
  lane.append(eventsOf('ada', 3))
  await lane.feed()
  expect(lane.requests.map(({ ids }) => ids)).toEqual([['ada 1', 'ada 2', 'grace 1', 'ada 3']])
})

test('a route with ordered: false lets the events of a key be under way together', async () => {
  const lane = new SimulatedLane({ route: { ordered: false } })
  lane.append(eventsOf('ada', 1, 2, 3))
  await lane.feed()
  expect(lane.pendingIds).toEqual(['ada 1', 'ada 2', 'ada 3'])

  await lane.carrying('ada 1').answer(500)
  await lane.carrying('ada 2').answer(200)
  expect(lane.rows()).toEqual(['ada 1'])
  await lane.carrying('ada 3').answer(200)
  expect(lane.sender.committed).toBe(3)
})

test('a later half does not overtake an earlier one that must be retried', async () => {
  const lane = new SimulatedLane({ limits: { events: 8 } })
  lane.append(eventsOf('ada', 1, 2, 3, 4))
  await lane.feed()
  await lane.carrying('ada 1').answer(400)
  await lane.carrying('ada 1').answer(500)
  expect(lane.pendingIds).toEqual([])
  expect(lane.rows()).toEqual(['ada 1', 'ada 2', 'ada 3', 'ada 4'])
  expect(lane.store.waiting.byId('ada 3')).toMatchObject({ attempts: 0, due: null })
})
