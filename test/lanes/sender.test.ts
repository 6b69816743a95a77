import { expect, test } from 'vitest'
import { eventsOf, SimulatedLane } from '../support/simulated-lane.ts'

test('a failed event is asked again after its backoff, the later ones of its key wait for it, other keys go on', async () => {
  const lane = new SimulatedLane()
  lane.append([...eventsOf('ada', 1, 2), ...eventsOf('grace', 1, 2)])
  await lane.feed()
  await lane.carrying('ada 1').answer(503)
  await lane.carrying('grace 1').answer(200)
  await lane.carrying('grace 2').answer(200)
  expect(lane.pendingIds).toEqual([])
  expect(lane.rows()).toEqual(['ada 1', 'ada 2'])
  expect(lane.sender.committed).toBe(4)

  // Half of the first second, as the dice say.
  expect(lane.sender.due()).toBe(lane.now + 500)
  await lane.pass(499)
  expect(lane.pendingIds).toEqual([])
  await lane.pass(1)
  expect(lane.pendingIds).toEqual(['ada 1'])
  await lane.carrying('ada 1').answer(200)
  expect(lane.pendingIds).toEqual(['ada 2'])
  await lane.carrying('ada 2').answer(200)
  expect(lane.rows()).toEqual([])
  expect(lane.store.counters).toEqual({ done: 4, retry: 1 })
})

test('Retry-After is honored, as seconds and as a date, also when the backoff is shorter', async () => {
  const lane = new SimulatedLane()
  lane.append([...eventsOf('ada', 1), ...eventsOf('grace', 1)])
  await lane.feed()
  await lane.carrying('ada 1').answer(429, { 'retry-after': '120' })
  await lane.carrying('grace 1').answer(503, { 'retry-after': new Date(lane.now + 60_000).toUTCString() })
  await lane.pass(59_999)
  expect(lane.pendingIds).toEqual([])
  await lane.pass(1)
  expect(lane.pendingIds).toEqual(['grace 1'])
  await lane.pass(60_000)
  expect(lane.pendingIds).toEqual(['grace 1', 'ada 1'])
})

test('a Retry-After that came while the destination went down outlives the success that ends the outage', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 6 } })
  const keys = ['ada', 'grace', 'alan', 'edsger', 'barbara', 'charles']
  lane.append(keys.flatMap((key) => eventsOf(key, 1)))
  await lane.feed()
  for (const key of keys.slice(0, 4)) await lane.carrying(`${key} 1`).answer(503)
  await lane.carrying('barbara 1').answer(429, { 'retry-after': '60' })
  expect(lane.sender.state).toBe('down')
  await lane.carrying('charles 1').answer(200)
  expect(lane.sender.state).toBe('running')
  await lane.pass(59_000)
  expect(lane.pendingIds).not.toContain('barbara 1')
  await lane.pass(1_000)
  expect(lane.pendingIds).toContain('barbara 1')
})

test('a Retry-After of years does not end delivery: it waits a day', async () => {
  const lane = new SimulatedLane()
  lane.append(eventsOf('ada', 1))
  await lane.feed()
  await lane.carrying('ada 1').answer(429, { 'retry-after': '99999999999' })
  expect(lane.sender.due()).toBe(lane.now + 86_400_000)
})

test('a batch that is answered 500 waits whole, in order, and none of it before the time that was asked for', async () => {
  const lane = new SimulatedLane({ limits: { events: 10 } })
  lane.append(eventsOf('ada', 1, 2))
  await lane.feed()
  await lane.carrying('ada 1').answer(429, { 'retry-after': '30' })
  await lane.pass(30_000)
  // The first alone: a row of the same key goes when the one before it is through.
  expect(lane.requests.map(({ ids }) => ids)).toEqual([['ada 1']])
  await lane.carrying('ada 1').answer(200)
  expect(lane.pendingIds).toEqual(['ada 2'])
})

test('a refused event becomes a dead letter with every attempt, and its key goes on', async () => {
  const lane = new SimulatedLane()
  lane.append([{ id: 'ada 1', key: 'ada', properties: { total: 42 } }, ...eventsOf('ada', 2)])
  await lane.feed()
  await lane.carrying('ada 1').answer(500)
  await lane.pass(500)
  lane.now += 20
  await lane.carrying('ada 1').answer(400, {}, '{"error":"total must be text"}')
  expect(lane.letters.list({ limit: 100 })).toEqual([
    {
      id: 'webhook:0:1',
      target: 'webhook',
      stage: 'delivery',
      messageId: 'ada 1',
      source: 'shop',
      key: 'ada',
      reason: 'HTTP 400',
      code: 'http_400',
      detail: '{"error":"total must be text"}',
      receivedAt: '2026-11-25T12:00:00.000Z',
      at: lane.now,
      event: expect.objectContaining({ messageId: 'ada 1', properties: { total: 42 } }),
      attempts: [
        { at: lane.now - 520, status: 500, ms: 0, reason: 'HTTP 500' },
        { at: lane.now - 20, status: 400, ms: 20, reason: 'HTTP 400' },
      ],
      edited: false,
      cause: expect.stringMatching(/^[\da-f]{16}$/),
      request: { method: 'POST', url: 'https://sink.example/', headers: {}, body: '{"ids":["ada 1"]}' },
      response: {
        status: 400,
        headers: { 'content-type': 'text/plain;charset=UTF-8' },
        body: '{"error":"total must be text"}',
      },
    },
  ])
  expect(lane.pendingIds).toEqual(['ada 2'])
  expect(lane.store.counters).toEqual({ retry: 1, dead: 1 })
})

test('a refused batch is halved until the bad event stands alone, and the others are delivered', async () => {
  const lane = new SimulatedLane({ limits: { events: 8 } })
  lane.append([...eventsOf('ada', 1, 2, 3, 4)])
  await lane.feed()
  const requests: string[][] = []
  while (lane.requests[0] !== undefined) {
    const [request] = lane.requests
    requests.push([...request.ids])
    await request.answer(request.ids.includes('ada 3') ? 400 : 200)
  }
  expect(requests).toEqual([
    ['ada 1', 'ada 2', 'ada 3', 'ada 4'],
    ['ada 1', 'ada 2'],
    ['ada 3', 'ada 4'],
    ['ada 3'],
    ['ada 4'],
  ])
  expect(lane.letters.list({ limit: 100 }).map(({ messageId }) => messageId)).toEqual(['ada 3'])
  expect(lane.letters.list({ limit: 100 })[0]?.attempts).toHaveLength(3)
  expect(lane.store.counters).toEqual({ done: 3, dead: 1 })
})

test('a destination may judge each event of a batch by itself', async () => {
  const lane = new SimulatedLane({
    limits: { events: 8 },
    use: {
      verdicts: ({ body }) =>
        (JSON.parse(body) as string[]).map((kind) =>
          kind === 'done' ? { kind } : { kind: kind as 'dead', reason: `says ${kind}` },
        ),
    },
  })
  lane.append([...eventsOf('ada', 1), ...eventsOf('grace', 1), ...eventsOf('alan', 1), ...eventsOf('joan', 1)])
  await lane.feed()
  await lane.carrying('ada 1').answer(207, {}, '["done","dead","retry","skip"]')
  expect(lane.letters.list({ limit: 100 }).map(({ messageId, reason }) => [messageId, reason])).toEqual([
    ['grace 1', 'says dead'],
  ])
  expect(lane.rows()).toEqual(['alan 1'])
  expect(lane.store.counters).toEqual({ done: 1, dead: 1, retry: 1, 'skip: says skip': 1 })
})

test('after a crash everything without a verdict comes again, rows keep their time, dead letters are not doubled', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 6 } })
  lane.append([...eventsOf('ada', 1, 2), ...eventsOf('bad', 1), ...eventsOf('grace', 1), ...eventsOf('alan', 1)])
  await lane.feed()
  await lane.carrying('ada 1').answer(503, { 'retry-after': '60' })
  await lane.carrying('bad 1').answer(400)
  await lane.carrying('alan 1').answer(200)
  expect(lane.pendingIds).toEqual(['grace 1'])
  lane.checkpoint()
  expect(lane.store.cursor).toBe(3)

  lane.crash()
  await lane.feed()
  expect(lane.pendingIds).toEqual(['grace 1', 'alan 1'])
  expect(lane.rows()).toEqual(['ada 1', 'ada 2'])
  await lane.pass(60_000)
  expect(lane.pendingIds).toEqual(['grace 1', 'alan 1', 'ada 1'])
  expect(lane.letters.list({ limit: 100 })).toHaveLength(1)
})

test('a crash before the first checkpoint doubles neither rows nor dead letters', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 6 } })
  lane.append([...eventsOf('grace', 1), ...eventsOf('ada', 1), ...eventsOf('bad', 1)])
  await lane.feed()
  await lane.carrying('ada 1').answer(503)
  await lane.carrying('bad 1').answer(400)
  lane.crash()
  await lane.feed()
  expect(lane.pendingIds).toEqual(['grace 1'])
  await lane.pass(500)
  expect(lane.pendingIds).toEqual(['grace 1', 'ada 1'])
  expect(lane.letters.list({ limit: 100 })).toHaveLength(1)
})

test('an event is retried for retryDays and is then a dead letter', async () => {
  const lane = new SimulatedLane({ route: { retryDays: 1 } })
  lane.append(eventsOf('ada', 1, 2))
  await lane.feed()
  for (let i = 0; i < 5000 && lane.letters.list({ limit: 100 }).length === 0; i++) {
    await lane.requests[0]?.answer(500)
    const due = lane.sender.due()
    if (due !== undefined) await lane.pass(due - lane.now)
  }
  expect(lane.letters.list({ limit: 100 }).map(({ messageId, reason }) => [messageId, reason])).toEqual([
    ['ada 1', 'not delivered within 1 days: HTTP 500'],
  ])
  expect(lane.letters.list({ limit: 100 })[0]?.attempts).toHaveLength(50)
  expect(lane.pendingIds).toEqual(['ada 2'])
})

test('the attempts of each event can be told, also in batches with gaps', async () => {
  const lane = new SimulatedLane({ limits: { events: 3, parallel: 1 } })
  lane.append([
    ...eventsOf('ada', 1),
    { id: 'tables only', key: 'ada', to: ['tables'] },
    ...eventsOf('grace', 1),
    ...eventsOf('alan', 1),
    ...eventsOf('joan', 1),
  ])
  await lane.feed()
  await lane.carrying('ada 1').answer(500)
  await lane.carrying('joan 1').answer(200)
  lane.checkpoint()
  await lane.pass(500)
  await lane.carrying('ada 1').answer(200)
  const statuses = (offset: number) => lane.store.attemptsOf(offset).map(({ status }) => status)
  expect([0, 1, 2, 3, 4].map(statuses)).toEqual([[500, 200], [], [500, 200], [500, 200], [200]])
  lane.checkpoint()
  lane.crash()
  expect([0, 1, 2, 3, 4].map(statuses)).toEqual([[500, 200], [], [500, 200], [500, 200], [200]])
})

test('a lane holds a bounded number of events, and reads on when some are through', async () => {
  const lane = new SimulatedLane({ limits: { events: 5000, bytes: 10_000_000, parallel: 1 } })
  for (let n = 0; n < 30; n++)
    lane.append(Array.from({ length: 1000 }, (_, i) => ({ id: `order ${n}-${i}`, key: `key ${i}` })))
  await lane.feed()
  // 17 MB: with its objects, one of them takes 1,100 bytes of memory.
  expect(lane.sender.position).toBe(16_000)
  expect(lane.sender.hasCapacity).toBe(false)
  await lane.requests[0]?.answer(200)
  expect(lane.sender.hasCapacity).toBe(true)
  await lane.feed()
  expect(lane.sender.position).toBe(21_000)
})

test('a lane goes on 20,000 events beyond one whose request takes its time, and holds only that one', async () => {
  const lane = new SimulatedLane({ limits: { events: 1000, bytes: 10_000_000, parallel: 2 } })
  lane.append([{ id: 'slow', key: 'slow' }])
  await lane.feed()
  for (let n = 0; n < 22; n++) {
    lane.append(Array.from({ length: 1000 }, (_, i) => ({ id: `order ${n}-${i}`, key: `key ${i}` })))
    await lane.feed()
    await lane.requests[1]?.answer(200)
  }
  expect(lane.pendingIds).toEqual(['slow'])
  expect([lane.sender.position, lane.sender.held, lane.sender.committed]).toEqual([20_001, 1, 0])
  await lane.requests[0]?.answer(200)
  expect(lane.sender.committed).toBe(20_001)
})

test('many events behind one that fails cost no memory but a number each', async () => {
  const lane = new SimulatedLane({ limits: { events: 1000, bytes: 10_000_000 } })
  lane.append(eventsOf('ada', 1))
  await lane.feed()
  await lane.carrying('ada 1').answer(503, { 'retry-after': '3600' })
  for (let n = 0; n < 20; n++) {
    lane.append(Array.from({ length: 1000 }, (_, i) => ({ id: `ada ${n}-${i}`, key: 'ada' })))
    await lane.feed()
  }
  expect(lane.sender.waiting).toBe(20_001)
  expect(lane.sender.committed).toBe(20_001)
  expect(lane.sender.hasCapacity).toBe(true)
  expect(lane.pendingIds).toEqual([])
})

test('a delivery that breaks inside is retried, and the lane goes on', async () => {
  const lane = new SimulatedLane({
    use: { verdicts: (_, items) => (items[0]?.id === 'ada 1' ? [undefined as never] : { kind: 'done' }) },
  })
  lane.append([...eventsOf('ada', 1), ...eventsOf('grace', 1)])
  await lane.feed()
  await lane.carrying('ada 1').answer(200)
  await lane.carrying('grace 1').answer(200)
  expect(lane.rows()).toEqual(['ada 1'])
  expect(lane.store.counters).toEqual({ retry: 1, done: 1 })
})
