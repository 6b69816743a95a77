import { expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { replayBase } from '../../src/lanes/lane-store.ts'
import { SimulatedLane } from '../support/simulated-lane.ts'

/** Events `<key> <n>`: ids that tell their key and their place. */
const of = (key: string, ...numbers: number[]) => numbers.map((n) => ({ id: `${key} ${n}`, key }))
const pendingIds = (lane: SimulatedLane) => lane.requests.flatMap(({ ids }) => ids)
const carrying = (lane: SimulatedLane, id: string) => {
  const request = lane.requests.find(({ ids }) => ids.includes(id))
  if (request === undefined) throw new Error(`no request carries ${id}; under way: ${pendingIds(lane).join(', ')}`)
  return request
}
const letters = (lane: SimulatedLane) => lane.letters.list({ limit: 100 })

test('one event of a key is under way at a time, events of several keys are', async () => {
  const lane = new SimulatedLane()
  lane.append([...of('ada', 1, 2, 3), ...of('grace', 1, 2)])
  await lane.feed()
  expect(pendingIds(lane)).toEqual(['ada 1', 'grace 1'])

  await carrying(lane, 'ada 1').answer(200)
  expect(pendingIds(lane)).toEqual(['grace 1', 'ada 2'])
})

test('a key with thousands of events delays itself alone', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 2 } })
  lane.append(Array.from({ length: 3_000 }, (_, i) => ({ id: `hot ${i}`, key: 'hot' })))
  lane.append(Array.from({ length: 50 }, (_, i) => ({ id: `user ${i}`, key: `user ${i}` })))
  await lane.feed()
  const arrived: string[] = []
  // The request of the hot key stays unanswered.
  for (let i = 0; i < 50; i++) {
    const request = lane.requests.find(({ ids }) => ids[0] !== 'hot 0')
    arrived.push(...(request?.ids ?? []))
    await request?.answer(200)
  }
  expect(arrived).toEqual(Array.from({ length: 50 }, (_, i) => `user ${i}`))
  expect(pendingIds(lane)).toEqual(['hot 0'])
  await carrying(lane, 'hot 0').answer(200)
  expect(pendingIds(lane)).toEqual(['hot 1'])
})

test('a batch carries several events of one key, in their order', async () => {
  const lane = new SimulatedLane({ limits: { events: 10, parallel: 2 } })
  lane.append([...of('ada', 1, 2), ...of('grace', 1)])
  lane.append(of('ada', 3))
  await lane.feed()
  expect(lane.requests.map(({ ids }) => ids)).toEqual([['ada 1', 'ada 2', 'grace 1', 'ada 3']])
})

test('a route with ordered: false lets the events of a key be under way together', async () => {
  const lane = new SimulatedLane({ route: { ordered: false } })
  lane.append(of('ada', 1, 2, 3))
  await lane.feed()
  expect(pendingIds(lane)).toEqual(['ada 1', 'ada 2', 'ada 3'])

  await carrying(lane, 'ada 1').answer(500)
  await carrying(lane, 'ada 2').answer(200)
  expect(lane.rows()).toEqual(['ada 1'])
  await carrying(lane, 'ada 3').answer(200)
  expect(lane.sender.committed).toBe(3)
})

test('a failed event is asked again after its backoff, the later ones of its key wait for it, other keys go on', async () => {
  const lane = new SimulatedLane()
  lane.append([...of('ada', 1, 2), ...of('grace', 1, 2)])
  await lane.feed()
  await carrying(lane, 'ada 1').answer(503)
  await carrying(lane, 'grace 1').answer(200)
  await carrying(lane, 'grace 2').answer(200)
  expect(pendingIds(lane)).toEqual([])
  expect(lane.rows()).toEqual(['ada 1', 'ada 2'])
  expect(lane.sender.committed).toBe(4)

  // Half of the first second, as the dice say.
  expect(lane.sender.due()).toBe(lane.now + 500)
  await lane.pass(499)
  expect(pendingIds(lane)).toEqual([])
  await lane.pass(1)
  expect(pendingIds(lane)).toEqual(['ada 1'])
  await carrying(lane, 'ada 1').answer(200)
  expect(pendingIds(lane)).toEqual(['ada 2'])
  await carrying(lane, 'ada 2').answer(200)
  expect(lane.rows()).toEqual([])
  expect(lane.store.counters).toEqual({ done: 4, retry: 1 })
})

test('Retry-After is honored, as seconds and as a date, also when the backoff is shorter', async () => {
  const lane = new SimulatedLane()
  lane.append([...of('ada', 1), ...of('grace', 1)])
  await lane.feed()
  await carrying(lane, 'ada 1').answer(429, { 'retry-after': '120' })
  await carrying(lane, 'grace 1').answer(503, { 'retry-after': new Date(lane.now + 60_000).toUTCString() })
  await lane.pass(59_999)
  expect(pendingIds(lane)).toEqual([])
  await lane.pass(1)
  expect(pendingIds(lane)).toEqual(['grace 1'])
  await lane.pass(60_000)
  expect(pendingIds(lane)).toEqual(['grace 1', 'ada 1'])
})

test('a Retry-After that came while the destination went down outlives the success that ends the outage', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 6 } })
  const keys = ['ada', 'grace', 'alan', 'edsger', 'barbara', 'charles']
  lane.append(keys.flatMap((key) => of(key, 1)))
  await lane.feed()
  for (const key of keys.slice(0, 4)) await carrying(lane, `${key} 1`).answer(503)
  await carrying(lane, 'barbara 1').answer(429, { 'retry-after': '60' })
  expect(lane.sender.state).toBe('down')
  await carrying(lane, 'charles 1').answer(200)
  expect(lane.sender.state).toBe('running')
  await lane.pass(59_000)
  expect(pendingIds(lane)).not.toContain('barbara 1')
  await lane.pass(1_000)
  expect(pendingIds(lane)).toContain('barbara 1')
})

test('a Retry-After of years does not end delivery: it waits a day', async () => {
  const lane = new SimulatedLane()
  lane.append(of('ada', 1))
  await lane.feed()
  await carrying(lane, 'ada 1').answer(429, { 'retry-after': '99999999999' })
  expect(lane.sender.due()).toBe(lane.now + 86_400_000)
})

test('a batch that is answered 500 waits whole, in order, and none of it before the time that was asked for', async () => {
  const lane = new SimulatedLane({ limits: { events: 10 } })
  lane.append(of('ada', 1, 2))
  await lane.feed()
  await carrying(lane, 'ada 1').answer(429, { 'retry-after': '30' })
  await lane.pass(30_000)
  // The first alone: a row of the same key goes when the one before it is through.
  expect(lane.requests.map(({ ids }) => ids)).toEqual([['ada 1']])
  await carrying(lane, 'ada 1').answer(200)
  expect(pendingIds(lane)).toEqual(['ada 2'])
})

test('a refused event becomes a dead letter with every attempt, and its key goes on', async () => {
  const lane = new SimulatedLane()
  lane.append([{ id: 'ada 1', key: 'ada', properties: { total: 42 } }, ...of('ada', 2)])
  await lane.feed()
  await carrying(lane, 'ada 1').answer(500)
  await lane.pass(500)
  lane.now += 20
  await carrying(lane, 'ada 1').answer(400, {}, '{"error":"total must be text"}')
  expect(letters(lane)).toEqual([
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
  expect(pendingIds(lane)).toEqual(['ada 2'])
  expect(lane.store.counters).toEqual({ retry: 1, dead: 1 })
})

test('a refused batch is halved until the bad event stands alone, and the others are delivered', async () => {
  const lane = new SimulatedLane({ limits: { events: 8 } })
  lane.append([...of('ada', 1, 2, 3, 4)])
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
  expect(letters(lane).map(({ messageId }) => messageId)).toEqual(['ada 3'])
  expect(letters(lane)[0]?.attempts).toHaveLength(3)
  expect(lane.store.counters).toEqual({ done: 3, dead: 1 })
})

test('a later half does not overtake an earlier one that must be retried', async () => {
  const lane = new SimulatedLane({ limits: { events: 8 } })
  lane.append(of('ada', 1, 2, 3, 4))
  await lane.feed()
  await carrying(lane, 'ada 1').answer(400)
  await carrying(lane, 'ada 1').answer(500)
  expect(pendingIds(lane)).toEqual([])
  expect(lane.rows()).toEqual(['ada 1', 'ada 2', 'ada 3', 'ada 4'])
  expect(lane.store.waiting.byId('ada 3')).toMatchObject({ attempts: 0, due: null })
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
  lane.append([...of('ada', 1), ...of('grace', 1), ...of('alan', 1), ...of('joan', 1)])
  await lane.feed()
  await carrying(lane, 'ada 1').answer(207, {}, '["done","dead","retry","skip"]')
  expect(letters(lane).map(({ messageId, reason }) => [messageId, reason])).toEqual([['grace 1', 'says dead']])
  expect(lane.rows()).toEqual(['alan 1'])
  expect(lane.store.counters).toEqual({ done: 1, dead: 1, retry: 1, 'skip: says skip': 1 })
})

test('after a crash everything without a verdict comes again, rows keep their time, dead letters are not doubled', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 6 } })
  lane.append([...of('ada', 1, 2), ...of('bad', 1), ...of('grace', 1), ...of('alan', 1)])
  await lane.feed()
  await carrying(lane, 'ada 1').answer(503, { 'retry-after': '60' })
  await carrying(lane, 'bad 1').answer(400)
  await carrying(lane, 'alan 1').answer(200)
  expect(pendingIds(lane)).toEqual(['grace 1'])
  lane.checkpoint()
  expect(lane.store.cursor).toBe(3)

  lane.crash()
  await lane.feed()
  expect(pendingIds(lane)).toEqual(['grace 1', 'alan 1'])
  expect(lane.rows()).toEqual(['ada 1', 'ada 2'])
  await lane.pass(60_000)
  expect(pendingIds(lane)).toEqual(['grace 1', 'alan 1', 'ada 1'])
  expect(letters(lane)).toHaveLength(1)
})

test('a crash before the first checkpoint doubles neither rows nor dead letters', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 6 } })
  lane.append([...of('grace', 1), ...of('ada', 1), ...of('bad', 1)])
  await lane.feed()
  await carrying(lane, 'ada 1').answer(503)
  await carrying(lane, 'bad 1').answer(400)
  lane.crash()
  await lane.feed()
  expect(pendingIds(lane)).toEqual(['grace 1'])
  await lane.pass(500)
  expect(pendingIds(lane)).toEqual(['grace 1', 'ada 1'])
  expect(letters(lane)).toHaveLength(1)
})

test('an answer of 401 pauses the lane without using up an event; a probe finds out when the credential is right again', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 2 } })
  lane.append([...of('ada', 1, 2), ...of('grace', 1), ...of('alan', 1)])
  await lane.feed()
  await carrying(lane, 'ada 1').answer(401)
  await carrying(lane, 'grace 1').answer(401)
  expect(lane.sender.state).toBe('paused')
  expect(lane.sender.reason).toBe('HTTP 401: the credential is refused')
  // Events of others are tried at once: what was refused so far might be to blame.
  await carrying(lane, 'alan 1').answer(401)
  expect(pendingIds(lane)).toEqual([])
  expect(lane.rows()).toEqual(['ada 1', 'ada 2', 'grace 1', 'alan 1'])
  expect(letters(lane)).toEqual([])

  // 30 s, three quarters of them by the dice; the other answers doubled nothing.
  await lane.pass(22_499)
  expect(pendingIds(lane)).toEqual([])
  await lane.pass(1)
  expect(pendingIds(lane)).toHaveLength(1)
  await carrying(lane, 'ada 1').answer(200)
  expect(lane.sender.state).toBe('running')
  expect(pendingIds(lane)).toEqual(['grace 1', 'alan 1'])
})

test('a lane that is resumed sends a probe at once, also when only rows are left', async () => {
  const lane = new SimulatedLane()
  lane.append(of('ada', 1))
  await lane.feed()
  await carrying(lane, 'ada 1').answer(401)
  await lane.pass(22_500)
  await carrying(lane, 'ada 1').answer(401, {})
  expect(lane.rows()).toEqual(['ada 1'])
  lane.sender.resume()
  await lane.pump()
  expect(pendingIds(lane)).toEqual(['ada 1'])
  await carrying(lane, 'ada 1').answer(200)
  expect(lane.sender.state).toBe('idle')
})

test('five failures in a row open the circuit; while it is open one probe goes out at a time, each later than the last', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 2 } })
  lane.append(Array.from({ length: 100 }, (_, i) => ({ id: `order ${i}`, key: `key ${i}` })))
  await lane.feed()
  for (let i = 0; i < 6; i++) await lane.requests[0]?.answer(503)
  expect(lane.sender.state).toBe('down')
  expect(pendingIds(lane)).toEqual([])
  expect(lane.rows()).toHaveLength(4)

  const waits: number[] = []
  for (let i = 0; i < 12; i++) {
    const due = lane.sender.due() ?? Number.NaN
    waits.push((due - lane.now) / 1000)
    await lane.pass(due - lane.now)
    expect(pendingIds(lane)).toHaveLength(1)
    await lane.requests[0]?.answer(503)
  }
  expect(waits).toEqual([0.75, 1.5, 3, 6, 11.25, 11.25, 11.25, 11.25, 11.25, 11.25, 11.25, 11.25])
  // One row per probe, and none for the events that wait.
  expect(lane.rows()).toHaveLength(16)
  expect(lane.sender.committed).toBeLessThan(20)
})

test('rows do not pile up behind a destination that is down, also when all events have the same key', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 1 } })
  lane.append(of('grace', 1, 2, 3, 4, 5))
  lane.append([...of('grace', 6), ...Array.from({ length: 4 }, (_, i) => ({ id: `other ${i}`, key: `other ${i}` }))])
  for (let i = 0; i < 50; i++) lane.append(of('grace', 7 + i))
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
    lane.append([...of('ada', i), ...of('grace', i), ...of('alan', i), ...of('joan', i), ...of('mary', i)])
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
  expect(pendingIds(lane)).toEqual([])
  expect(lane.sender.due()).toBe(due)
})

test('one event that is always answered 500 does not keep others from being delivered, nor the circuit open', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 2 }, random: () => 0.01 })
  lane.append([...of('sick', 1), ...Array.from({ length: 40 }, (_, i) => ({ id: `order ${i}`, key: `key ${i}` }))])
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

test('an event is retried for retryDays and is then a dead letter', async () => {
  const lane = new SimulatedLane({ route: { retryDays: 1 } })
  lane.append(of('ada', 1, 2))
  await lane.feed()
  for (let i = 0; i < 5000 && letters(lane).length === 0; i++) {
    await lane.requests[0]?.answer(500)
    const due = lane.sender.due()
    if (due !== undefined) await lane.pass(due - lane.now)
  }
  expect(letters(lane).map(({ messageId, reason }) => [messageId, reason])).toEqual([
    ['ada 1', 'not delivered within 1 days: HTTP 500'],
  ])
  expect(letters(lane)[0]?.attempts).toHaveLength(50)
  expect(pendingIds(lane)).toEqual(['ada 2'])
})

const total = (event: Event) => event.properties?.['total'] as number

test('the filter and the transforms of a destination skip, multiply and refuse events, each counted', async () => {
  const lane = new SimulatedLane({
    limits: { parallel: 6 },
    route: {
      filter: (event) => event.anonymousId !== 'robot',
      transforms: [
        {
          name: 'by total',
          transformEvent: (event) => {
            if (total(event) === 0) return null
            if (total(event) === 2) return [event, { ...event, messageId: `${event.messageId}, again` }]
            if (total(event) === 3) throw new Error('no price for three')
            return event
          },
        },
      ],
    },
  })
  lane.append([
    { id: 'robot 1', key: 'robot' },
    { id: 'ada 0', key: 'ada', properties: { total: 0 } },
    { id: 'grace 2', key: 'grace', properties: { total: 2 } },
    { id: 'alan 3', key: 'alan', properties: { total: 3 } },
    { id: 'joan 1', key: 'joan', properties: { total: 1 } },
  ])
  await lane.feed()
  await carrying(lane, 'grace 2').answer(200)
  await carrying(lane, 'grace 2, again').answer(200)
  await carrying(lane, 'joan 1').answer(200)
  expect(lane.store.counters).toEqual({
    'skip: filtered': 1,
    'skip: dropped by by total': 1,
    done: 2,
    dead: 1,
  })
  expect(letters(lane)).toMatchObject([
    { messageId: 'alan 3', stage: 'transform', code: 'transform_failed', reason: 'no price for three' },
  ])
  expect(lane.sender.committed).toBe(5)
  expect(lane.store.attemptsOf(0)).toMatchObject([{ status: 0, reason: 'skip: filtered' }])
})

test('a filter that throws makes a dead letter of that event and harms no other', async () => {
  const lane = new SimulatedLane({
    route: {
      filter: (event) => {
        if (event.anonymousId === 'ada') throw new Error('no such field')
        return true
      },
    },
  })
  lane.append([...of('ada', 1), ...of('grace', 1)])
  await lane.feed()
  expect(letters(lane)).toMatchObject([
    { messageId: 'ada 1', code: 'filter_failed', reason: 'the filter threw: no such field' },
  ])
  expect(pendingIds(lane)).toEqual(['grace 1'])
})

test('an event that cannot be encoded, or made a request of, is a dead letter and says nothing of the destination', async () => {
  const lane = new SimulatedLane({
    limits: { events: 4 },
    use: {
      encode: ({ id, text }) => {
        if (id === 'ada 1') throw new Error('no email')
        return id === 'grace 1' ? null : { id, text }
      },
      request: (items) => {
        if (items.some(({ id }) => id === 'alan 1')) throw new Error('no URL for this one')
        return {
          method: 'POST',
          url: 'http://sink.test/',
          headers: {},
          body: JSON.stringify({ ids: items.map(({ id }) => id) }),
        }
      },
    },
  })
  lane.append([...of('ada', 1), ...of('grace', 1), ...of('alan', 1), ...of('joan', 1)])
  await lane.feed()
  await carrying(lane, 'joan 1').answer(200)
  expect(
    letters(lane)
      .map(({ messageId, code }) => [messageId, code])
      .toSorted(),
  ).toEqual([
    ['ada 1', 'encode_failed'],
    ['alan 1', 'request_failed'],
  ])
  expect(lane.store.counters).toEqual({ done: 1, dead: 2, 'skip: not for this destination': 1 })
})

test('events that are routed elsewhere are passed over', async () => {
  const lane = new SimulatedLane()
  lane.append([{ id: 'ada 1', key: 'ada', to: ['tables'] }, ...of('ada', 2)])
  await lane.feed()
  expect(pendingIds(lane)).toEqual(['ada 2'])
  await carrying(lane, 'ada 2').answer(200)
  expect(lane.sender.committed).toBe(2)
  expect(lane.store.counters).toEqual({ done: 1 })
})

test('a replayed letter goes behind what has failed of its key, and keeps its place in the stream for tracing', async () => {
  const lane = new SimulatedLane()
  lane.append(of('ada', 1, 2))
  await lane.feed()
  await carrying(lane, 'ada 1').answer(400)
  await carrying(lane, 'ada 2').answer(503)
  const stored = lane.letters.getStored(1)
  if (stored === null) throw new Error('there is no letter')
  const header = { id: 'ada 1', key: 'ada', source: 'shop', receivedAt: stored.receivedAt, to: ['webhook'], facts: {} }
  lane.sender.replay(replayBase + 1, lane.letters.offsetOf(1) ?? -1, header, stored.event)
  lane.letters.remove(1)
  await lane.pump()
  expect(pendingIds(lane)).toEqual([])
  await lane.pass(500)
  expect(pendingIds(lane)).toEqual(['ada 2'])
  await carrying(lane, 'ada 2').answer(200)
  expect(pendingIds(lane)).toEqual(['ada 1'])
  await carrying(lane, 'ada 1').answer(400)
  expect(letters(lane)).toMatchObject([{ id: 'webhook:0:2', messageId: 'ada 1' }])
  expect(lane.letters.offsetOf(2)).toBe(0)
  expect(lane.store.attemptsOf(0).map(({ status }) => status)).toEqual([400, 400])
})

test('a replayed letter survives a crash and is not sent twice', async () => {
  const lane = new SimulatedLane()
  lane.append([...of('grace', 1), ...of('ada', 1)])
  await lane.feed()
  await carrying(lane, 'ada 1').answer(400)
  const header = { id: 'ada 1', key: 'ada', source: 'shop', receivedAt: '', to: ['webhook'], facts: {} }
  lane.sender.replay(replayBase + 1, 1, header, '{"edited":true}')
  lane.letters.remove(1)
  lane.crash()
  await lane.feed()
  expect(pendingIds(lane).toSorted()).toEqual(['ada 1', 'grace 1'])
  await carrying(lane, 'ada 1').answer(200)
  await carrying(lane, 'grace 1').answer(200)
  expect(pendingIds(lane)).toEqual([])
  expect(lane.store.counters).toMatchObject({ done: 2 })
})

test('the attempts of each event can be told, also in batches with gaps', async () => {
  const lane = new SimulatedLane({ limits: { events: 3, parallel: 1 } })
  lane.append([
    ...of('ada', 1),
    { id: 'tables only', key: 'ada', to: ['tables'] },
    ...of('grace', 1),
    ...of('alan', 1),
    ...of('joan', 1),
  ])
  await lane.feed()
  await carrying(lane, 'ada 1').answer(500)
  await carrying(lane, 'joan 1').answer(200)
  lane.checkpoint()
  await lane.pass(500)
  await carrying(lane, 'ada 1').answer(200)
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
  expect(lane.sender.position).toBe(20_000)
  expect(lane.sender.hasCapacity).toBe(false)
  await lane.requests[0]?.answer(200)
  expect(lane.sender.hasCapacity).toBe(true)
  await lane.feed()
  expect(lane.sender.position).toBe(25_000)
})

test('many events behind one that fails cost no memory but a number each', async () => {
  const lane = new SimulatedLane({ limits: { events: 1000, bytes: 10_000_000 } })
  lane.append(of('ada', 1))
  await lane.feed()
  await carrying(lane, 'ada 1').answer(503, { 'retry-after': '3600' })
  for (let n = 0; n < 20; n++) {
    lane.append(Array.from({ length: 1000 }, (_, i) => ({ id: `ada ${n}-${i}`, key: 'ada' })))
    await lane.feed()
  }
  expect(lane.sender.waiting).toBe(20_001)
  expect(lane.sender.committed).toBe(20_001)
  expect(lane.sender.hasCapacity).toBe(true)
  expect(pendingIds(lane)).toEqual([])
})

test('a delivery that breaks inside is retried, and the lane goes on', async () => {
  const lane = new SimulatedLane({
    use: { verdicts: (_, items) => (items[0]?.id === 'ada 1' ? [undefined as never] : { kind: 'done' }) },
  })
  lane.append([...of('ada', 1), ...of('grace', 1)])
  await lane.feed()
  await carrying(lane, 'ada 1').answer(200)
  await carrying(lane, 'grace 1').answer(200)
  expect(lane.rows()).toEqual(['ada 1'])
  expect(lane.store.counters).toEqual({ retry: 1, done: 1 })
})

const subrequests = () =>
  new Error('Too many subrequests by single Worker invocation. To configure this limit, refer to the documentation.')

test('a limit of the platform is no attempt, no dead letter and no mark against the destination; the lane waits it out', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 2 } })
  lane.append([...of('ada', 1, 2), ...of('grace', 1, 2), ...of('joan', 1)])
  await lane.feed()
  await carrying(lane, 'ada 1').breakOff(subrequests())
  await carrying(lane, 'grace 1').breakOff(subrequests())
  expect(pendingIds(lane)).toEqual([])
  expect(lane.rows()).toEqual([])
  expect(lane.sender.reason).toMatch(/^platform: Too many subrequests/)
  // Later than ten seconds, so that the alarm wakes the lane: another invocation has limits of its own.
  expect((lane.sender.due() as number) - lane.now).toBeGreaterThan(10_000)

  await lane.pass((lane.sender.due() as number) - lane.now)
  for (const id of ['ada 1', 'grace 1', 'ada 2', 'grace 2', 'joan 1']) await carrying(lane, id).answer(200)
  expect(lane.sender.committed).toBe(5)
  expect(lane.sender.reason).toBeUndefined()
  expect(letters(lane)).toEqual([])
  expect(lane.store.counters).toEqual({ done: 5 })
})

test('an event that runs into limits of the platform again and again waits by itself, and the others go on', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 1 } })
  lane.append([...of('ada', 1), ...of('grace', 1)])
  await lane.feed()
  for (let i = 0; i < 5; i++) {
    await carrying(lane, 'ada 1').breakOff(subrequests())
    await lane.pass((lane.sender.due() as number) - lane.now)
  }
  await carrying(lane, 'ada 1').breakOff(subrequests())
  expect(lane.rows()).toEqual(['ada 1'])
  await carrying(lane, 'grace 1').answer(200)
  expect(letters(lane)).toEqual([])
})
