// The whole way on every driver: nothing but the stream differs, so nothing else may.
import RudderAnalytics from '@rudderstack/rudder-sdk-node'
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingServer } from '../../scripts/servers/missing-server.ts'
import type { LaneStatus, LaneTrace } from '../../src/core/bindings.ts'
import type { Event } from '../../src/core/event.ts'
import type { JobStatus } from '../../src/core/jobs.ts'
import { archivedObjects } from '../support/archived.ts'
import { plainOrder } from '../support/sample-events.ts'
import { Server } from '../support/server.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { d1Tables, type Tables } from '../support/tables.ts'
import { until } from '../support/until.ts'
import { type StreamWorld, streamWorlds } from './stream-worlds.ts'

const visitors = ['ada', 'grace', 'katherine', 'mary'] as const
const orders = 15
const hashed = createHash('sha256').update('ada@example.com').digest('hex')

const missingKafka = await missingServer('kafka')

describe.each(streamWorlds)('by way of $world,', ({ world, stream, open, ...rest }) => {
  describe.skipIf('needs' in rest && missingKafka !== undefined)('the whole way', () => {
    let around: StreamWorld
    let sink: Sink
    let fresh: Sink
    let server: Server
    let tables: Tables

    beforeAll(async () => {
      ;[sink, fresh] = await Promise.all([Sink.open(), Sink.open()])
      around = await open()
      server = await Server.start({
        config: 'every-stream.config.ts',
        vars: { ...around.vars, SINK: sink.url, FRESH: fresh.url, WEBHOOK_SECRET: sinkSecret },
      })
      around.serves?.(server.url)
      tables = d1Tables(server.state)
    }, 240_000)

    afterAll(async () => {
      await server?.stop()
      await around?.stop()
      await sink?.close()
      await fresh?.close()
    })

    const ordersOf = (visitor: string) =>
      sink.firstTaken.filter(({ userId, event }) => userId === visitor && event === 'Order Completed')
    const rowIds = async (table: string) => (await tables.rows(table)).map(({ id }) => String(id))
    const untilLoaded = (table: string, ...ids: readonly string[]) =>
      until(
        `${ids.join(', ')} are rows of ${table}`,
        async () => {
          const there = new Set(await rowIds(table))
          return ids.every((id) => there.has(id))
        },
        { seconds: 60, everyMs: 250 },
      )
    const letterOf = async (id: string, target: string) =>
      until(`${id} is a dead letter of ${target}`, async () =>
        (await server.deadLetters()).find((one) => one.messageId === id && one.target === target),
      )
    const replay = async (letter: { readonly id: string; readonly event: unknown }, more: Partial<Event>) => {
      await server.admin(`/dead-letters/${letter.id}`, {
        method: 'PUT',
        body: JSON.stringify({ event: { ...(letter.event as Event), ...more } }),
      })
      await server.admin(`/dead-letters/${letter.id}/replay`, { method: 'POST' })
    }
    const traceOf = async (id: string) => {
      const { found, lanes } = await server.admin<{ found: boolean; lanes: LaneTrace[] }>(`/trace/${id}`)
      return { found, lanes: Object.fromEntries(lanes.map(({ target, status }) => [target, status])) }
    }
    const accept = async (events: readonly Event[]) =>
      expect(await (await server.post('/v1/batch', { batch: events })).json()).toEqual({
        success: true,
        accepted: events.length,
      })

    test(`${world}: what an SDK sends passes the transforms, and is at the webhook and in the tables once and in order`, async () => {
      const sdk = new RudderAnalytics(server.writeKey, { dataPlaneUrl: server.url, flushAt: 10 })
      sdk.identify({ userId: 'ada', traits: { name: 'Ada Lovelace', email: 'ada@example.com' } })
      for (let number = 1; number <= orders; number++) {
        for (const userId of visitors)
          sdk.track({
            userId,
            event: 'Order Completed',
            properties: { order_id: `${userId}-${number}`, number, total: 129.9, note: 'Grüße — “Zoë” 王 🦋' },
          })
        // Requests that are under way at once have no order among themselves.
        await sdk.flush()
      }
      sdk.track({ userId: 'ada', event: 'Debug' })
      sdk.track({ userId: 'ada', event: 'Order Refunded', properties: { order_id: 'ada-1' } })
      await sdk.flush()
      const expected = visitors.length * orders
      await until('all orders are at the sink', () => visitors.flatMap(ordersOf).length >= expected, { seconds: 60 })
      for (const visitor of visitors) {
        const numbers = ordersOf(visitor).map(({ properties }) => properties?.['number'])
        expect(numbers, visitor).toEqual(Array.from({ length: orders }, (_, i) => i + 1))
      }
      const [first] = ordersOf('ada')
      expect(first?.properties).toMatchObject({ note: 'Grüße — “Zoë” 王 🦋', shop: 'lovelace.example' })
      const identify = sink.delivered.find(({ type }) => type === 'identify')
      expect((identify?.traits ?? identify?.context?.['traits']) as object).toMatchObject({
        name: 'Ada Lovelace',
        email: hashed,
      })
      const sent = visitors.flatMap(ordersOf).map(({ messageId }) => messageId)
      await untilLoaded('order_completed', ...sent)
      await until('the refund is a row', async () => (await rowIds('order_refunded')).length === 1)
      // Whatever would come twice has come by now.
      await sleep(1_500)
      expect([...sink.deliveries.values()].filter((times) => times !== 1)).toEqual([])
      expect(sink.delivered.map(({ event }) => event)).not.toContain('Order Refunded')
      expect(sink.delivered.map(({ event }) => event)).not.toContain('Debug')
      expect(sink.received.every(({ verified }) => verified)).toBe(true)
      expect((await rowIds('order_completed')).toSorted()).toEqual(sent.toSorted())
      expect((await tables.rows('users')).find(({ id }) => id === 'ada')).toMatchObject({ name: 'Ada Lovelace' })
    })

    test(`${world}: events that are sent again have no effect, and every trace tells where its event went`, async () => {
      await accept([plainOrder('again')])
      await sink.untilDelivered('again')
      await accept([plainOrder('again'), plainOrder('after-again')])
      await sink.untilDelivered('after-again')
      await untilLoaded('order_completed', 'again', 'after-again')
      expect(sink.deliveries.get('again')).toBe(1)
      expect((await rowIds('order_completed')).filter((id) => id === 'again')).toEqual(['again'])
      await until('the trace tells of both targets', () => traceOf('again'), {
        enough: ({ found, lanes }) => found && lanes['sink'] === 'done' && lanes['tables'] === 'done',
        seconds: 20,
      })
      await accept([plainOrder('refund', { event: 'Order Refunded' })])
      await until('the trace tells that the destination has no use for it', () => traceOf('refund'), {
        enough: ({ lanes }) => lanes['sink'] === 'skip',
      })
      expect(await traceOf('nobody-sent-this')).toMatchObject({ found: false })
      if (stream !== 'log') return
      const added = { path: '/properties/shop', after: 'lovelace.example' }
      expect(await server.admin('/trace/again?preview=true')).toMatchObject({
        received: { properties: plainOrder('again').properties },
        changes: [added],
        steps: [
          { transform: 'hash-email', changes: [[]] },
          { transform: 'shop', changes: [[added]] },
        ],
      })
    })

    test(`${world}: an event that its destination refuses is a dead letter, and arrives once after an edit and a replay`, async () => {
      sink.answer = (events) =>
        typeof events[0]?.properties?.['total'] === 'number' || events[0]?.type !== 'track'
          ? undefined
          : { status: 400, body: 'total must be a number' }
      await accept([plainOrder('refused', { properties: { total: 'forty-two' } }), plainOrder('beside-the-refused')])
      await sink.untilDelivered('beside-the-refused')
      const letter = await letterOf('refused', 'sink')
      expect(letter).toMatchObject({ code: 'http_400', detail: 'total must be a number', stage: 'delivery' })
      expect((await traceOf('refused')).lanes['sink']).toBe('dead')
      await replay(letter, { properties: { total: 42 } })
      await sink.untilDelivered('refused')
      expect(sink.delivered.filter(({ messageId }) => messageId === 'refused')).toMatchObject([
        { properties: { total: 42 } },
      ])
      await untilLoaded('order_completed', 'refused', 'beside-the-refused')
      sink.answer = () => undefined
    })

    test(`${world}: what the edge rejects goes the whole way after an edit and a replay`, async () => {
      const answer = await server.post('/v1/batch', {
        batch: [plainOrder('without-user', { userId: '' }), plainOrder('broken', { event: 'Order Broken' })],
      })
      expect(await answer.json()).toMatchObject({ accepted: 0, rejected: [{ index: 0 }, { index: 1 }] })
      await replay(await letterOf('without-user', '@edge'), { userId: 'ada' })
      await replay(await letterOf('broken', '@edge'), { event: 'Order Completed' })
      await sink.untilDelivered('without-user', 'broken')
      await untilLoaded('order_completed', 'without-user', 'broken')
      expect(await server.deadLetters()).toEqual([])
    })

    test(`${world}: events wait for a webhook that is down, are in the tables meanwhile, and arrive in order`, async () => {
      await sink.close()
      const ids = visitors.flatMap((userId) => [1, 2, 3].map((number) => `waits-${userId}-${number}`))
      await accept(ids.map((id) => plainOrder(id, { userId: id.split('-')[1] ?? '' })))
      await untilLoaded('order_completed', ...ids)
      await sink.reopen()
      await Promise.all(
        [0, 1, 2].map((partition) => server.admin(`/lanes/sink/${partition}/resume`, { method: 'POST' })),
      )
      await sink.untilDelivered(...ids)
      for (const visitor of visitors)
        expect(
          sink.firstTaken.map(({ messageId }) => messageId).filter((id) => id.startsWith(`waits-${visitor}-`)),
        ).toEqual([1, 2, 3].map((number) => `waits-${visitor}-${number}`))
    })

    test(`${world}: what was answered before everything is killed at once arrives after the start`, async () => {
      const ids = Array.from({ length: 60 }, (_, i) => `killed-${i}`)
      around.hold?.()
      for (let i = 0; i < ids.length; i += 20)
        await accept(
          ids.slice(i, i + 20).map((id, n) => plainOrder(id, { userId: visitors[n % visitors.length] ?? 'ada' })),
        )
      // The local runtime keeps a queue in memory only.
      if (stream === 'queues') await sink.untilDelivered(...ids)
      const killed = server.killAll()
      // The calls of a stream meet nobody, until it gives them up.
      around.release?.()
      await killed
      await sink.untilDelivered(...ids)
      await untilLoaded('order_completed', ...ids)
      const rows = (await rowIds('order_completed')).filter((id) => id.startsWith('killed-'))
      expect(rows.toSorted()).toEqual(ids.toSorted())
      // A message that QStash sends again comes after later ones.
      if (stream === 'qstash') return
      for (const [n, visitor] of visitors.entries()) {
        const own = new Set(ids.filter((_, i) => (i % 20) % visitors.length === n))
        expect(
          sink.firstArrivals.map(({ messageId }) => messageId).filter((id) => own.has(id)),
          visitor,
        ).toEqual([...own])
      }
    })

    test(`${world}: the archive has each event once and as it was accepted, and its history goes to a new destination alone`, async () => {
      const archived = () => archivedObjects(server.state).flatMap(({ lines }) => lines)
      const expected = new Set([...(await rowIds('order_completed')), ...sink.delivered.map((one) => one.messageId)])
      const lines = await until(
        'all is archived',
        async () => {
          await Promise.all(
            [0, 1, 2].map((partition) => server.admin(`/lanes/@archive/${partition}/resume`, { method: 'POST' })),
          )
          return archived()
        },
        { enough: (found) => [...expected].every((id) => found.some(({ messageId }) => messageId === id)) },
      )
      const ids = lines.map(({ messageId }) => messageId)
      expect(ids.toSorted()).toEqual([...new Set(ids)].toSorted())
      expect(lines.filter((line) => 'before' in line)).toEqual([])
      expect(lines.find(({ event }) => event.type === 'identify')?.event).toMatchObject(
        sink.delivered.find(({ type }) => type === 'identify') ?? {},
      )
      const before = sink.received.length
      const { job } = await server.admin<{ job: JobStatus }>('/history', {
        method: 'POST',
        body: JSON.stringify({ target: 'fresh', source: 'web', dryRun: false }),
      })
      await until('the job is done', () => server.admin<{ job: JobStatus }>(`/jobs/${job.id}`), {
        enough: (answer) => answer.job.state === 'done' && answer.job.done === ids.length,
        seconds: 60,
      })
      await fresh.untilDelivered(...ids)
      expect([fresh.delivered.length, sink.received.length]).toEqual([ids.length, before])
      for (const key of new Set(lines.map((line) => line.key)))
        expect(
          fresh.firstTaken
            .filter(({ messageId }) => lines.some((line) => line.key === key && line.messageId === messageId))
            .map(({ messageId }) => messageId),
        ).toEqual(
          lines
            .filter((line) => line.key === key)
            .toSorted((a, b) => a.offset - b.offset)
            .map(({ messageId }) => messageId),
        )
    })

    test(`${world}: in the end the health is UP, no lane holds anything back, and no dead letter is left`, async () => {
      const health = async () => (await (await fetch(`${server.url}/health`)).json()) as Record<string, unknown>
      await until('the health is UP', health, { enough: ({ status }) => status === 'UP' })
      expect(await health()).toMatchObject({ stream, spilling: false, lanes: { stuck: 0 }, spill: { objects: 0 } })
      const { lanes } = await server.admin<{ lanes: LaneStatus[] }>('/lanes')
      expect(lanes.filter(({ depth }) => depth > 0)).toEqual([])
      expect(await server.deadLetters()).toEqual([])
    })
  })
})
