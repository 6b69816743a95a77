// What the promises of the README say and no other test here proves.
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { plainOrder } from '../support/sample-events.ts'
import { serveWithSinks } from '../support/serve-with-sinks.ts'
import { basic, Server } from '../support/server.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { d1Tables } from '../support/tables.ts'
import { until } from '../support/until.ts'

describe('with several destinations', () => {
  let sink: Sink
  let choosy: Sink
  let server: Server

  serveWithSinks(
    { config: 'failures.config.ts', sinks: { SINK: 'sink', BATCHES: 'sink', CHOOSY: 'choosy' } },
    (served) => {
      server = served.server
      ;({ sink, choosy } = served.sinks)
    },
  )

  const accepted = async (event: Event) =>
    expect(await (await server.post('/v1/track', event)).json()).toEqual({ success: true, accepted: 1 })

  test('an event that was sent three times, with a kill in between, is delivered and loaded once', async () => {
    await accepted(plainOrder('again'))
    await accepted(plainOrder('again'))
    await sink.untilDelivered('again')
    // Beyond the second that a crash may deliver again.
    await sleep(2_500)
    await server.killAll()
    await accepted(plainOrder('again'))
    await accepted(plainOrder('after-again'))
    await sink.untilDelivered('after-again')
    expect(sink.deliveries.get('again')).toBe(1)
    const tables = d1Tables(server.state)
    const ids = async () => (await tables.rows('order_completed')).map(({ id }) => String(id))
    await until('the later one is loaded', async () => (await ids()).includes('after-again'))
    expect((await ids()).filter((id) => id === 'again')).toEqual(['again'])
  })

  test('an event that the warehouse cannot map is a dead letter there, and the others are loaded', async () => {
    const names = ['beside-the-nameless-1', 'nameless', 'beside-the-nameless-2'] as const
    for (const name of names) await accepted(plainOrder(name, name === 'nameless' ? { event: 42 as never } : {}))
    await sink.untilDelivered(...names)
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
      plainOrder('count-1'),
      plainOrder('count-2'),
      plainOrder('count-zero', { properties: { total: 0 } }),
      plainOrder('count-refund', { event: 'Order Refunded' }),
      plainOrder('count-broken', { event: 'Order Broken' }),
      plainOrder('count-refused'),
      plainOrder('count-forgotten', { event: 'Forget' }),
      plainOrder('count-exploded', { event: 'Explode' }),
      plainOrder('count-nobody', { userId: '' }),
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
    await until('all have an outcome', async () => {
      const { counters } = await server.lane('choosy')
      const outcomes = gained(counters, before.choosy.counters)
      return Object.values(outcomes).reduce((sum, count) => sum + count, 0) >= answer.accepted
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
    await sink.untilDelivered('count-1', 'count-2', 'count-zero', 'count-refund', 'count-broken', 'count-refused')
  })

  test('an answer that asks to wait is waited for, and holds back its own key only', async () => {
    let askedAt = 0
    sink.answer = (events) => {
      if (events[0]?.messageId !== 'patience' || askedAt > 0) return undefined
      askedAt = Date.now()
      return { status: 429, headers: { 'retry-after': '3' } }
    }
    await accepted(plainOrder('patience', { userId: 'grace' }))
    await until('it was asked to wait', () => askedAt > 0)
    await accepted(plainOrder('after-patience', { userId: 'grace' }))
    await accepted(plainOrder('no-patience', { userId: 'katherine' }))
    await sink.untilDelivered('no-patience')
    expect(Date.now() - askedAt).toBeLessThan(2_500)
    await sink.untilDelivered('patience', 'after-patience')
    const second = sink.received.findLast(({ events }) => events[0]?.messageId === 'patience')
    expect((second?.at ?? 0) - askedAt).toBeGreaterThanOrEqual(3_000)
    const ids = sink.delivered.map(({ messageId }) => messageId)
    expect(ids.indexOf('patience')).toBeLessThan(ids.indexOf('after-patience'))
  })

  test('a destination that is down costs next to nothing while it waits, and is still known to be down after a kill', async () => {
    await sink.close()
    const ids = Array.from({ length: 200 }, (_, i) => `idle-${i}`)
    await server.post('/v1/batch', { batch: ids.map((id, i) => plainOrder(id, { userId: `visitor-${i}` })) })
    const down = await until('the lane is down', async () => {
      const lane = await server.lane('sink')
      return lane.state === 'down' && lane.depth === ids.length && lane
    })
    await sleep(4_000)
    const later = await server.lane('sink')
    expect(later.billed.rowsWritten - down.billed.rowsWritten, 'rows written while it waits').toBeLessThan(30)
    await server.killAll()
    expect(await server.lane('sink')).toMatchObject({ state: 'down', reason: expect.stringContaining('no connection') })
    await sink.reopen()
    await server.admin('/lanes/sink/0/resume', { method: 'POST' })
    await sink.untilDelivered(...ids)
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
      visitors.map((userId) => plainOrder(`queued-${userId}-${number}`, { userId, properties: { number } })),
    )
    await server.post('/v1/batch', { batch })
    await until('the lane has all of it', async () => (await server.lane('webhook')).depth === batch.length)
    await server.killAll()
    await sink.reopen()
    await server.admin('/lanes/webhook/0/resume', { method: 'POST' })
    await sink.untilDelivered(...batch.map(({ messageId }) => messageId))
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
