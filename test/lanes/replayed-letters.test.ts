import { expect, test } from 'vitest'
import type { Bindings } from '../../src/core/bindings.ts'
import { pack } from '../../src/core/envelope.ts'
import { dryRunLetter } from '../../src/lanes/dry-run-letter.ts'
import { replayBase } from '../../src/lanes/lane-store.ts'
import { type LetterRoute, replayLetter } from '../../src/lanes/replay-letter.ts'
import { fakePort } from '../support/fake-context.ts'
import { chunkOf, headerOf, plainOrder } from '../support/sample-events.ts'
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

test('a replayed letter brings what the edge saw of the request, which is in no event: Meta wants address and user agent', async () => {
  const facts = { ip: '203.0.113.9', userAgent: 'Mozilla/5.0', country: 'DE' }
  const seen: unknown[] = []
  const lane = new SimulatedLane({
    use: { encode: ({ id, text, header }) => (seen.push(header.facts), { id, text }) },
  })
  lane.chunks.push(chunkOf(0, [pack(headerOf('ada 1', { facts }), plainOrder('ada 1'))], lane.now))
  await lane.feed()
  await lane.carrying('ada 1').answer(400)
  const route = (): LetterRoute => ({
    ref: { target: 'webhook', partition: 0 },
    target: lane.target,
    bindings: {} as Bindings,
    store: lane.store,
    letters: lane.letters,
    sender: lane.sender,
    limits: { userCodeMs: 5_000, pastDays: 30, futureMinutes: 5 } as LetterRoute['limits'],
    port: fakePort(),
  })
  expect(await dryRunLetter(1, route())).toMatchObject({ outcome: 'send' })
  expect(lane.letters.get(1)).not.toHaveProperty('facts')
  lane.crash()
  await replayLetter(1, route())
  await lane.pass(1_000)
  expect(lane.pendingIds).toEqual(['ada 1'])
  expect(seen.length).toBeGreaterThan(2)
  expect(new Set(seen.map((one) => JSON.stringify(one)))).toEqual(new Set([JSON.stringify(facts)]))
})
