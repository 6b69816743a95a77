import { expect, test } from 'vitest'
import { replayBase } from '../../src/lanes/lane-store.ts'
import { eventsOf, SimulatedLane } from '../support/simulated-lane.ts'

test('a replayed letter goes behind what has failed of its key, and keeps its place in the stream for tracing', async () => {
  const lane = new SimulatedLane()
  lane.append(eventsOf('ada', 1, 2))
  await lane.feed()
  await lane.carrying('ada 1').answer(400)
  await lane.carrying('ada 2').answer(503)
  const stored = lane.letters.getStored(1)
  if (stored === null) throw new Error('there is no letter')
  const header = { id: 'ada 1', key: 'ada', source: 'shop', receivedAt: stored.receivedAt, to: ['webhook'], facts: {} }
  lane.sender.replay(replayBase + 1, lane.letters.offsetOf(1) ?? -1, header, stored.event)
  lane.letters.remove(1)
  await lane.pump()
  expect(lane.pendingIds).toEqual([])
  await lane.pass(500)
  expect(lane.pendingIds).toEqual(['ada 2'])
  await lane.carrying('ada 2').answer(200)
  expect(lane.pendingIds).toEqual(['ada 1'])
  await lane.carrying('ada 1').answer(400)
  expect(lane.letters.list({ limit: 100 })).toMatchObject([{ id: 'webhook:0:2', messageId: 'ada 1' }])
  expect(lane.letters.offsetOf(2)).toBe(0)
  expect(lane.store.attemptsOf(0).map(({ status }) => status)).toEqual([400, 400])
})

test('a replayed letter survives a crash and is not sent twice', async () => {
  const lane = new SimulatedLane()
  lane.append([...eventsOf('grace', 1), ...eventsOf('ada', 1)])
  await lane.feed()
  await lane.carrying('ada 1').answer(400)
  const header = { id: 'ada 1', key: 'ada', source: 'shop', receivedAt: '', to: ['webhook'], facts: {} }
  lane.sender.replay(replayBase + 1, 1, header, '{"edited":true}')
  lane.letters.remove(1)
  lane.crash()
  await lane.feed()
  expect(lane.pendingIds.toSorted()).toEqual(['ada 1', 'grace 1'])
  await lane.carrying('ada 1').answer(200)
  await lane.carrying('grace 1').answer(200)
  expect(lane.pendingIds).toEqual([])
  expect(lane.store.counters).toMatchObject({ done: 2 })
})
