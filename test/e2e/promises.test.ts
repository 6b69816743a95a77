// What the promises of the README say and no other test here proves.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { basic, Server } from '../support/server.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { d1Tables } from '../support/tables.ts'
import { until } from '../support/until.ts'

const order = (messageId: string, more: Partial<Event> = {}): Event => ({
  type: 'track',
  messageId,
  userId: 'ada',
  event: 'Order Completed',
  properties: { order_id: messageId, total: 42 },
  ...more,
})

const isAt = (place: Sink, ...ids: string[]) =>
  until(`${ids.join(', ')} arrived`, () => ids.every((id) => place.deliveries.has(id)), { seconds: 60 })

describe('with several destinations', () => {
  let sink: Sink
  let choosy: Sink
  let server: Server

  beforeAll(async () => {
    sink = await Sink.open()
    choosy = await Sink.open()
    server = await Server.start({
      config: 'failures.config.ts',
      vars: { SINK: sink.url, BATCHES: sink.url, CHOOSY: choosy.url, WEBHOOK_SECRET: sinkSecret },
    })
  })

  afterAll(async () => {
    await server?.stop()
    await sink?.close()
    await choosy?.close()
  })

  beforeEach(async () => {
    await sink.reopen()
    sink.answer = () => undefined
    choosy.answer = () => undefined
  })

  const accepted = async (event: Event) =>
    expect(await (await server.post('/v1/track', event)).json()).toEqual({ success: true, accepted: 1 })

  test('an event that was sent three times, with a kill in between, is delivered and loaded once', async () => {
    await accepted(order('again'))
    await accepted(order('again'))
    await isAt(sink, 'again')
    // Beyond the second that a crash may deliver again.
    await sleep(2_500)
    await server.killAll()
    await accepted(order('again'))
    await accepted(order('after-again'))
    await isAt(sink, 'after-again')
    expect(sink.deliveries.get('again')).toBe(1)
    const tables = d1Tables(server.state)
    const ids = async () => (await tables.rows('order_completed')).map(({ id }) => String(id))
    await until('the later one is loaded', async () => (await ids()).includes('after-again'))
    expect((await ids()).filter((id) => id === 'again')).toEqual(['again'])
  })

  test('an event that the warehouse cannot map is a dead letter there, and the others are loaded', async () => {
    const names = ['beside-the-nameless-1', 'nameless', 'beside-the-nameless-2'] as const
    for (const name of names) await accepted(order(name, name === 'nameless' ? { event: 42 as never } : {}))
    await isAt(sink, ...names)
    const tables = d1Tables(server.state)
    const ids = async () => (await tables.rows('order_completed')).map(({ id }) => String(id))
    await until('the others are loaded', async () => {
      const loaded = await ids()
      return loaded.includes(names[0]) && loaded.includes(names[2])
    })
    const letter = await until('it is a dead letter', async () =>
      (await server.deadLetters()).find(({ messageId }) => messageId === 'nameless'),
    )
    expect(letter).toMatchObject({ target: 'tables', stage: 'load', reason: 'The name of the event must be a string.' })
    await server.admin(`/dead-letters/${letter.id}`, {
      method: 'PUT',
      body: JSON.stringify({ event: { ...(letter.event as Event), event: 'Order Completed' } }),
    })
    await server.admin(`/dead-letters/${letter.id}/replay`, { method: 'POST' })
    await until('the edited one is loaded', async () => (await ids()).includes('nameless'))
    expect((await ids()).filter((id) => id === 'nameless').length).toBe(1)
    expect(sink.deliveries.get('nameless'), 'at the sink, which had no trouble').toBe(1)
  })

  test('every event is accounted for: delivered, skipped with a reason, dropped with a reason, or a dead letter', async () => {
    const before = { edge: await server.lane('@edge'), choosy: await server.lane('choosy') }
    choosy.answer = (events) => (events[0]?.messageId === 'count-refused' ? { status: 422 } : undefined)
    const batch = [
      order('count-1'),
      order('count-2'),
      order('count-zero', { properties: { total: 0 } }),
      order('count-refund', { event: 'Order Refunded' }),
      order('count-broken', { event: 'Order Broken' }),
      order('count-refused'),
      order('count-forgotten', { event: 'Forget' }),
      order('count-exploded', { event: 'Explode' }),
      order('count-nobody', { userId: '' }),
    ]
    const response = await server.post(
      '/v1/batch',
      { batch },
      { headers: { authorization: basic('keyOfTheChoiceSource') } },
    )
    const answer = (await response.json()) as { accepted: number; dropped: number; rejected: unknown[] }
    expect([answer.accepted, answer.dropped, answer.rejected.length]).toEqual([6, 1, 2])

    const gained = (now: Record<string, number>, then: Readonly<Record<string, number>>) =>
      Object.fromEntries(
        Object.entries(now).flatMap(([name, count]) => {
          const more = count - (then[name] ?? 0)
          return more === 0 ? [] : [[name, more]]
        }),
      )
    await until('all have a fate', async () => {
      const { counters } = await server.lane('choosy')
      const fates = gained(counters, before.choosy.counters)
      return Object.values(fates).reduce((sum, count) => sum + count, 0) >= answer.accepted
    })
    expect(gained((await server.lane('choosy')).counters, before.choosy.counters)).toEqual({
      done: 2,
      'skip: filtered': 1,
      'skip: dropped by no-refunds': 1,
      dead: 2,
    })
    await expect
      .poll(async () => gained((await server.lane('@edge')).counters, before.edge.counters), { timeout: 5_000 })
      .toEqual({ 'dropped:moods': 1, dead: 2 })
    const letters = (await server.deadLetters()).filter(({ messageId }) => messageId.startsWith('count-'))
    expect(letters.map(({ messageId, stage }) => [messageId, stage]).toSorted()).toEqual([
      ['count-broken', 'transform'],
      ['count-exploded', 'transform'],
      ['count-nobody', 'ingest'],
      ['count-refused', 'delivery'],
    ])
    // What one destination has no use for, or refuses, says nothing of the other.
    await isAt(sink, 'count-1', 'count-2', 'count-zero', 'count-refund', 'count-broken', 'count-refused')
  })

  test('an answer that asks to wait is waited for, and holds back its own key only', async () => {
    let told = 0
    sink.answer = (events) => {
      if (events[0]?.messageId !== 'patience' || told > 0) return undefined
      told = Date.now()
      return { status: 429, headers: { 'retry-after': '3' } }
    }
    await accepted(order('patience', { userId: 'grace' }))
    await until('it was told to wait', () => told > 0)
    await accepted(order('after-patience', { userId: 'grace' }))
    await accepted(order('no-patience', { userId: 'katherine' }))
    await isAt(sink, 'no-patience')
    expect(Date.now() - told).toBeLessThan(2_500)
    await isAt(sink, 'patience', 'after-patience')
    const second = sink.received.findLast(({ events }) => events[0]?.messageId === 'patience')
    expect((second?.at ?? 0) - told).toBeGreaterThanOrEqual(3_000)
    const ids = sink.delivered.map(({ messageId }) => messageId)
    expect(ids.indexOf('patience')).toBeLessThan(ids.indexOf('after-patience'))
  })

  test('a destination that is down costs next to nothing while it waits, and is still known to be down after a kill', async () => {
    await sink.close()
    const ids = Array.from({ length: 200 }, (_, i) => `idle-${i}`)
    await server.post('/v1/batch', { batch: ids.map((id, i) => order(id, { userId: `visitor-${i}` })) })
    const open = await until('the lane is open', async () => {
      const lane = await server.lane('sink')
      return lane.state === 'down' && lane.depth === ids.length && lane
    })
    await sleep(4_000)
    const later = await server.lane('sink')
    expect(later.billed.rowsWritten - open.billed.rowsWritten, 'rows written while it waits').toBeLessThan(30)
    await server.killAll()
    expect(await server.lane('sink')).toMatchObject({ state: 'down', reason: expect.stringContaining('no connection') })
    await sink.reopen()
    await server.admin('/lanes/sink/0/resume', { method: 'POST' })
    await isAt(sink, ...ids)
    expect(ids.map((id) => sink.deliveries.get(id))).toEqual(ids.map(() => 1))
  })
})

test('by way of queues, what a lane has taken survives a kill, and is delivered once and in order', async () => {
  const sink = await Sink.open()
  const server = await Server.start({
    vars: { STREAM: 'queues', WEBHOOK_URL: sink.url, WEBHOOK_SECRET: sinkSecret },
  })
  try {
    await sink.close()
    const numbers = Array.from({ length: 40 }, (_, i) => i + 1)
    const visitors = ['ada', 'grace', 'katherine', 'mary', 'annie', 'joan']
    const batch = numbers.flatMap((number) =>
      visitors.map((userId) => order(`queued-${userId}-${number}`, { userId, properties: { number } })),
    )
    await server.post('/v1/batch', { batch })
    await until('the lane has all of it', async () => (await server.lane('webhook')).depth === batch.length)
    await server.killAll()
    await sink.reopen()
    await server.admin('/lanes/webhook/0/resume', { method: 'POST' })
    await isAt(sink, ...batch.map(({ messageId }) => messageId))
    expect(sink.delivered.length).toBe(batch.length)
    for (const visitor of visitors)
      expect(
        sink.delivered.filter(({ userId }) => userId === visitor).map(({ properties }) => properties?.['number']),
        visitor,
      ).toEqual(numbers)
  } finally {
    await server.stop()
    await sink.close()
  }
})
