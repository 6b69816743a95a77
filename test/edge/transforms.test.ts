import { describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import type { Transform } from '../../src/core/transform.ts'
import { acceptEvents } from '../../src/edge/accept.ts'
import type { IncomingBatch } from '../../src/edge/incoming-batch.ts'
import { replayEdgeLetter } from '../../src/edge/replay-edge-letter.ts'
import { fakeEdge, type FakeEdge } from '../support/fake-edge.ts'
import { orderCompleted, receivedAt } from '../support/sample-events.ts'
import type { Source } from '../../src/core/resolved-config.ts'

const send = (edge: FakeEdge, events: unknown[], more: Partial<IncomingBatch> = {}) =>
  acceptEvents(
    { source: edge.context.resolved.sources.get('shop') as Source, events, facts: {}, ...more },
    edge.context,
  )

describe('source transforms', () => {
  const dropBots: Transform = {
    name: 'drop-bots',
    transformEvent: (event) => (event.properties?.['bot'] === true ? null : event),
  }
  const careless: Transform = {
    name: 'careless',
    transformEvent: (event) => {
      event.properties = { ...event.properties, touched: true }
      if (event.event === 'Broken') throw new Error('no email here')
      return event.event === 'Doubled' ? [event, { ...event }] : event
    },
  }

  test('events that transforms drop are counted, those that fail are dead letters as they were sent, the rest goes on', async () => {
    const edge = fakeEdge({ source: { transforms: [dropBots, careless] } })
    const answer = await send(edge, [
      orderCompleted({ messageId: 'm-0', properties: { bot: true } }),
      7,
      orderCompleted({ messageId: 'm-2', event: 'Broken' }),
      orderCompleted({ messageId: 'm-3', event: 'Doubled' }),
      orderCompleted({ messageId: 'm-4' }),
    ])
    expect(answer).toMatchObject({
      accepted: 2,
      dropped: 1,
      rejected: [
        { index: 1, code: 'not_an_object' },
        { index: 2, messageId: 'm-2', code: 'transform_failed', reason: 'no email here' },
      ],
    })
    expect(edge.envelopes().map(({ id, key }) => [id, key])).toEqual([
      ['m-3', 'anon-ada'],
      ['m-3#2.1', 'anon-ada'],
      ['m-4', 'anon-ada'],
    ])
    expect(edge.events().every((event) => (event['properties'] as { touched?: boolean }).touched)).toBe(true)
    expect(edge.counters).toEqual({ 'dropped:drop-bots': 1 })
    expect(edge.transforms.all()).toMatchObject([
      { transform: 'drop-bots', source: 'shop', runs: 1, in: 4, out: 3, dropped: 1, errors: 0 },
      { transform: 'careless', source: 'shop', runs: 1, in: 3, out: 3, dropped: 0, errors: 1 },
    ])
    const letter = edge.deadLetters.find(({ stage }) => stage === 'transform')
    expect(letter).toMatchObject({ messageId: 'm-2', key: 'anon-ada', code: 'transform_failed' })
    expect(letter?.detail).toMatch(/^Error: no email here\n.*transformEvent/s)
    expect(letter?.event).not.toContain('touched')
    expect(JSON.parse(letter?.event ?? '')).toMatchObject({ messageId: 'm-2', receivedAt })
  })

  test('a transform of a source is told where an event comes from', async () => {
    const told: unknown[] = []
    const asks: Transform = { name: 'asks', transformEvent: (event, metadata) => (told.push(metadata(event)), event) }
    const edge = fakeEdge({ source: { transforms: [asks] } })
    await send(edge, [orderCompleted({ messageId: 'm-1' })])
    expect(told).toEqual([
      {
        messageId: 'm-1',
        sourceId: 'shop',
        sourceName: 'shop',
        sourceType: 'HTTP',
        workspaceId: 'sluiceway',
        receivedAt,
        eventType: 'track',
        eventName: 'Order Completed',
        transformationId: 'asks',
      },
    ])
  })

  test('an event that a transform makes unfit is a dead letter', async () => {
    const breaks: Transform = { transformEvent: (event) => ({ ...event, type: 7 as never }) }
    const edge = fakeEdge({ source: { transforms: [breaks] } })
    expect(await send(edge, [orderCompleted()])).toMatchObject({
      accepted: 0,
      rejected: [{ code: 'transform_failed', reason: expect.stringContaining('type must be text') }],
    })
  })

  test('an event of which several copies fail is one dead letter', async () => {
    const doubles: Transform = { transformEvent: (event) => [event, event] }
    const edge = fakeEdge({ source: { transforms: [doubles, careless] } })
    const answer = await send(edge, [orderCompleted({ event: 'Broken' })])
    expect([answer.accepted, answer.rejected.length, edge.deadLetters.length]).toEqual([0, 1, 1])
  })

  test("what one event's transform does to its place does not show in another", async () => {
    const hides: Transform = {
      transformEvent: (event) => {
        const place = (event.context as { geo: { city?: string } }).geo
        if (event.messageId === 'm-1') delete place.city
        return event
      },
    }
    const edge = fakeEdge({ source: { transforms: [hides] } })
    await send(edge, [orderCompleted({ messageId: 'm-1' }), orderCompleted({ messageId: 'm-2' })], {
      geo: { country: 'DE', city: 'Bremen' },
    })
    expect(edge.events().map((event) => (event['context'] as { geo: unknown }).geo)).toEqual([
      { country: 'DE' },
      { country: 'DE', city: 'Bremen' },
    ])
  })

  test("what one event's transform does to the batch's context does not show in another", async () => {
    const counts: Transform = {
      transformEvent: (event) => {
        const app = event.context?.['app'] as { n: number }
        app.n++
        return event
      },
    }
    const edge = fakeEdge({ source: { transforms: [counts] } })
    await send(edge, [orderCompleted(), orderCompleted()], { batch: { context: { app: { n: 0 } } } })
    expect(edge.events()).toMatchObject([{ context: { app: { n: 1 } } }, { context: { app: { n: 1 } } }])
  })
})

describe('a edited dead letter', () => {
  const letter = {
    source: 'shop',
    stage: 'ingest' as const,
    code: 'no_identity',
    messageId: 'letter-1',
    receivedAt: '2026-11-20T08:00:00.000Z',
  }

  test('an edited dead letter goes the whole way of an event, with the time and the id that it had', async () => {
    const edge = fakeEdge()
    const event = { type: 'track', event: 'Order Completed', userId: 'ada', request_ip: '6.6.6.6' }
    expect(await replayEdgeLetter({ ...letter, event }, edge.context)).toEqual({ accepted: 1, dropped: 0 })
    expect(edge.events()[0]).toMatchObject({ messageId: 'letter-1', receivedAt: letter.receivedAt })
    expect(edge.events()[0]).not.toHaveProperty('request_ip')
    expect(edge.envelopes()[0]?.header).toMatchObject({ id: 'letter-1', key: 'ada', to: ['webhook', 'crm'] })
    expect(event).not.toHaveProperty('messageId')
  })

  test('an edited dead letter of a transform keeps the address that the edge saw, and runs the transform again', async () => {
    const upper: Transform = { transformEvent: (event) => ({ ...event, event: event.event?.toUpperCase() ?? '' }) }
    const edge = fakeEdge({ source: { transforms: [upper] } })
    const event: Event = { type: 'track', event: 'order', messageId: 'm-1', userId: 'ada', request_ip: '203.0.113.9' }
    await replayEdgeLetter({ ...letter, stage: 'transform', event }, edge.context)
    expect(edge.events()[0]).toMatchObject({ event: 'ORDER', messageId: 'm-1', request_ip: '203.0.113.9' })
  })

  test('an edited dead letter that is still invalid is refused with the reason, and not stored a second time', async () => {
    const edge = fakeEdge()
    await expect(replayEdgeLetter({ ...letter, event: { type: 'track' } }, edge.context)).rejects.toMatchObject({
      code: 'bad_request',
      message: expect.stringContaining('request neither has anonymousId nor userId'),
    })
    await expect(replayEdgeLetter({ ...letter, source: 'gone', event: {} }, edge.context)).rejects.toMatchObject({
      code: 'bad_request',
    })
    expect([edge.appends, edge.deadLetters]).toEqual([[], []])
  })
})
