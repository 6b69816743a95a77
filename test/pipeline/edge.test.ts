import { describe, expect, test } from 'vitest'
import { pack } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import type { Source } from '../../src/core/resolve.ts'
import type { Transform } from '../../src/core/transform.ts'
import { accept } from '../../src/pipeline/edge.ts'
import type { Arrival } from '../../src/pipeline/prepare.ts'
import { acceptMended } from '../../src/pipeline/reaccept.ts'
import { fakeEdge, type FakeEdge, orderCompleted, receivedAt } from './fake-edge.ts'

const send = (edge: FakeEdge, events: unknown[], more: Partial<Arrival> = {}) =>
  accept({ source: edge.world.resolved.sources.get('shop') as Source, events, facts: {}, ...more }, edge.world)

async function enriched(event: Record<string, unknown>, more: Partial<Arrival> = {}) {
  const edge = fakeEdge()
  expect(await send(edge, [event], more)).toMatchObject({ accepted: 1 })
  return edge.events()[0] as Record<string, unknown>
}

describe('fields', () => {
  test.each([
    ['  order-1 ', 'order-1'],
    ['order\u0000-\u200b1\ud800', 'order-1'],
    ['bestellung-ä', 'bestellung-ä'],
    [undefined, '00000000-0000-4000-8000-000000000001'],
    [17, '00000000-0000-4000-8000-000000000001'],
    [' ', '00000000-0000-4000-8000-000000000001'],
  ])('messageId %j becomes %j', async (messageId, expected) => {
    expect((await enriched(orderCompleted({ messageId })))['messageId']).toBe(expected)
  })

  test('ids that are scalars become text, without blanks around them; null is no id', async () => {
    expect(await enriched(orderCompleted({ anonymousId: null, userId: 42 }))).toMatchObject({ userId: '42' })
    expect(await enriched(orderCompleted({ anonymousId: null }))).not.toHaveProperty('anonymousId')
    expect(await enriched(orderCompleted({ anonymousId: ' anon-ada\n', userId: false }))).toMatchObject({
      anonymousId: 'anon-ada',
      userId: 'false',
    })
  })

  test('the ordering key is the anonymousId, else the userId', async () => {
    const edge = fakeEdge()
    await send(edge, [orderCompleted(), orderCompleted({ anonymousId: '' }), orderCompleted({ anonymousId: null })])
    expect(edge.envelopes().map(({ key }) => key)).toEqual(['anon-ada', 'ada', 'ada'])
  })

  test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    [
      'an original time is corrected by the clock skew',
      { originalTimestamp: '2026-11-22T08:00:00.000Z', sentAt: '2026-11-22T08:00:02.000Z' },
      {
        originalTimestamp: '2026-11-22T08:00:00.000Z',
        sentAt: '2026-11-22T08:00:02.000Z',
        timestamp: '2026-11-22T09:59:58.500Z',
      },
    ],
    [
      'a timestamp that can be read is kept, in one form',
      { timestamp: '2026-11-20T12:00:00.123456+02:00', originalTimestamp: '2026-11-22T08:00:00Z' },
      { timestamp: '2026-11-20T10:00:00.123Z', originalTimestamp: '2026-11-22T08:00:00.000Z', sentAt: receivedAt },
    ],
    [
      'a timestamp that can not be read gives way',
      { timestamp: 'yesterday', originalTimestamp: '2026-11-22T08:00:00.000Z', sentAt: '2026-11-22T08:00:00.000Z' },
      { timestamp: receivedAt },
    ],
    [
      'without times, all are the time of arrival',
      {},
      { timestamp: receivedAt, originalTimestamp: receivedAt, sentAt: receivedAt },
    ],
    ['without an original time there is no skew', { sentAt: '2026-11-22T05:00:00Z' }, { timestamp: receivedAt }],
    [
      'a day that there is not is moved to one that there is',
      { timestamp: '2026-02-30T10:00:00.000Z' },
      { timestamp: '2026-03-02T10:00:00.000Z' },
    ],
    [
      'years that no database takes are not readable',
      { timestamp: '+275760-01-01T00:00:00.000Z', originalTimestamp: '0000-01-01T00:00:00.000Z' },
      { timestamp: receivedAt, originalTimestamp: receivedAt },
    ],
    ['seconds since the epoch are read', { timestamp: 1_800_000_000 }, { timestamp: '2027-01-15T08:00:00.000Z' }],
  ])('%s', async (_what, times, expected) => {
    const none = { originalTimestamp: undefined, sentAt: undefined, timestamp: undefined }
    expect(await enriched(orderCompleted({ ...none, ...times }))).toMatchObject(expected)
  })

  test('receivedAt and request_ip are ours, whatever the client sent', async () => {
    const forged = orderCompleted({ receivedAt: '1999-01-01T00:00:00.000Z', request_ip: '6.6.6.6' })
    expect(await enriched(structuredClone(forged), { facts: { ip: '203.0.113.9' } })).toMatchObject({
      receivedAt,
      request_ip: '203.0.113.9',
    })
    expect(await enriched(forged)).not.toHaveProperty('request_ip')
  })

  test('an address in the context is kept', async () => {
    const event = orderCompleted({ context: { ip: '198.51.100.4' } })
    expect(await enriched(event, { facts: { ip: '203.0.113.9' } })).toMatchObject({ context: { ip: '198.51.100.4' } })
  })

  test('an event gets from its batch what it has not itself', async () => {
    const edge = fakeEdge()
    const library = { name: 'analytics-go', version: '3.3.0' }
    const bare = { type: 'track', event: 'Order Completed', userId: 'ada' }
    await send(edge, [{ ...bare }, { ...bare, context: { library: { name: 'own' }, locale: 'en' } }], {
      batch: { context: { library, app: { name: 'Shop' } }, sentAt: '2026-11-22T09:59:00Z' },
    })
    expect(edge.events()).toMatchObject([
      { context: { library, app: { name: 'Shop' } }, sentAt: '2026-11-22T09:59:00.000Z' },
      { context: { library: { name: 'own' }, app: { name: 'Shop' }, locale: 'en' } },
    ])
  })

  test("a batch's timestamp does not replace an event's original time", async () => {
    const event = orderCompleted({ originalTimestamp: '2026-11-22T09:59:00.500Z', sentAt: '2026-11-22T10:00:00.500Z' })
    expect(await enriched(event, { batch: { timestamp: '2026-11-22T10:00:00.500Z' } })).toMatchObject({
      timestamp: '2026-11-22T09:59:00.500Z',
    })
  })

  test('a __proto__ key goes, at any depth, and pollutes nothing', async () => {
    const edge = fakeEdge()
    const events = JSON.parse(
      `[{"type":"track","userId":"ada","__proto__":{"polluted":1},"properties":{"list":[{"__proto__":{"polluted":1},"a":1}]}}]`,
    ) as unknown[]
    const batch = JSON.parse('{"context":{"__proto__":{"polluted":1},"b":2}}') as Record<string, unknown>
    await send(edge, events, { batch })
    expect(edge.appends[0]?.[0]?.text).not.toMatch(/__proto__|polluted/)
    expect(edge.events()[0]).toMatchObject({ properties: { list: [{ a: 1 }] }, context: { b: 2 } })
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('routing', () => {
  test.each<[unknown, string[]]>([
    [undefined, ['webhook', 'crm']],
    [{}, ['webhook', 'crm']],
    [{ All: true }, ['webhook', 'crm']],
    [{ All: false }, []],
    [{ All: false, CRM: true }, ['crm']],
    [{ All: false, CRM: { list: 'vip' } }, ['crm']],
    [{ CRM: false }, ['webhook']],
    [{ crm: false }, ['webhook', 'crm']],
    [{ All: 'true' }, []],
    [{ All: null }, []],
    ['none', []],
    [[], []],
  ])('integrations %j goes to %j', async (integrations, to) => {
    const edge = fakeEdge()
    expect(await send(edge, [orderCompleted({ integrations })])).toMatchObject({ accepted: 1, rejected: [] })
    expect(edge.envelopes()[0]?.header.to).toEqual(to)
  })

  test('what crosses the stream is what `pack` writes', async () => {
    const edge = fakeEdge()
    const facts = { ip: '203.0.113.9', userAgent: 'a "quoted" agent' }
    await send(edge, [orderCompleted({ anonymousId: 'a"b\n' }), orderCompleted({ integrations: { CRM: false } })], {
      facts,
    })
    for (const packed of edge.appends.flat()) {
      const envelope = edge.envelopes().find(({ header }) => packed.text.startsWith(JSON.stringify(header)))
      expect(packed).toEqual(pack(envelope!.header, envelope!.event))
    }
  })
})

describe('limits', () => {
  test('an event over the size is a dead letter, measured in bytes', async () => {
    const edge = fakeEdge({ limits: { eventBytes: 2_000 } })
    const of = (messageId: string, note: string) => orderCompleted({ messageId, note })
    const answer = await send(edge, [of('ascii', 'a'.repeat(1_000)), of('kanji', '漢'.repeat(1_000))])
    expect(answer).toMatchObject({ accepted: 1, rejected: [{ index: 1, messageId: 'kanji', code: 'event_too_large' }] })
    expect(edge.envelopes().map(({ id }) => id)).toEqual(['ascii'])
    expect(edge.burials[0]?.event).toContain('漢漢')
  })

  test('of an event that no row can hold, the beginning is kept and the letter says so', async () => {
    const edge = fakeEdge()
    await send(edge, [orderCompleted({ note: 'x'.repeat(2_000_000) })])
    expect(edge.burials[0]?.event.length).toBeLessThan(600_000)
    expect(JSON.parse(edge.burials[0]?.event ?? '')).toContain('Order Completed')
    expect(edge.burials[0]?.detail).toMatch(/^Only the first 500000 of 2000\d\d\d characters were kept/)
  })

  test('100 levels are taken, 101 are not', async () => {
    const nested = (levels: number): unknown => (levels === 0 ? 'core' : { in: nested(levels - 1) })
    const edge = fakeEdge()
    const answer = await send(edge, [orderCompleted({ deep: nested(99) }), orderCompleted({ deep: nested(100) })])
    expect(answer).toMatchObject({ accepted: 1, rejected: [{ index: 1, code: 'too_deep' }] })
  })

  test('many events are appended in order, in pieces that the stream takes', async () => {
    const edge = fakeEdge({ streamLimits: { events: 3, bytes: 2_500 } })
    await send(
      edge,
      Array.from({ length: 8 }, (_, i) => orderCompleted({ messageId: `m-${i}` })),
    )
    expect(edge.envelopes().map(({ id }) => id)).toEqual(['m-0', 'm-1', 'm-2', 'm-3', 'm-4', 'm-5', 'm-6', 'm-7'])
    expect(edge.appends.length).toBeGreaterThanOrEqual(3)
    for (const batch of edge.appends) {
      expect(batch.length).toBeLessThanOrEqual(3)
      expect(batch.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(2_500)
    }
  })

  test("a batch's context that would be copied into thousands of events is refused", async () => {
    const batch = { context: { note: 'x'.repeat(20_000) } }
    const events = Array.from({ length: 1_000 }, () => orderCompleted())
    await expect(send(fakeEdge(), events, { batch })).rejects.toMatchObject({ code: 'bad_request' })
  })
})

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

  test('drops are counted, failures are dead letters as they were sent, the rest goes on', async () => {
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
      ['m-3#1', 'anon-ada'],
      ['m-4', 'anon-ada'],
    ])
    expect(edge.events().every((event) => (event['properties'] as { touched?: boolean }).touched)).toBe(true)
    expect(edge.counters).toEqual({ 'dropped:drop-bots': 1 })
    const letter = edge.burials.find(({ stage }) => stage === 'transform')
    expect(letter).toMatchObject({ messageId: 'm-2', key: 'anon-ada', code: 'transform_failed' })
    expect(letter?.detail).toMatch(/^Error: no email here\n.*transformEvent/s)
    expect(letter?.event).not.toContain('touched')
    expect(JSON.parse(letter?.event ?? '')).toMatchObject({ messageId: 'm-2', receivedAt })
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
    expect([answer.accepted, answer.rejected.length, edge.burials.length]).toEqual([0, 1, 1])
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

describe('a mended dead letter', () => {
  const letter = {
    source: 'shop',
    stage: 'ingest' as const,
    messageId: 'letter-1',
    receivedAt: '2026-11-20T08:00:00.000Z',
  }

  test('goes the whole way, with the time and the id that it had', async () => {
    const edge = fakeEdge()
    const event = { type: 'track', event: 'Order Completed', userId: 'ada', request_ip: '6.6.6.6' }
    expect(await acceptMended({ ...letter, event }, edge.world)).toEqual({ accepted: 1, dropped: 0 })
    expect(edge.events()[0]).toMatchObject({ messageId: 'letter-1', receivedAt: letter.receivedAt })
    expect(edge.events()[0]).not.toHaveProperty('request_ip')
    expect(edge.envelopes()[0]?.header).toMatchObject({ id: 'letter-1', key: 'ada', to: ['webhook', 'crm'] })
    expect(event).not.toHaveProperty('messageId')
  })

  test('of a transform keeps the address that the edge saw, and runs the transform again', async () => {
    const upper: Transform = { transformEvent: (event) => ({ ...event, event: event.event?.toUpperCase() ?? '' }) }
    const edge = fakeEdge({ source: { transforms: [upper] } })
    const event: Event = { type: 'track', event: 'order', messageId: 'm-1', userId: 'ada', request_ip: '203.0.113.9' }
    await acceptMended({ ...letter, stage: 'transform', event }, edge.world)
    expect(edge.events()[0]).toMatchObject({ event: 'ORDER', messageId: 'm-1', request_ip: '203.0.113.9' })
  })

  test('that is still no good is refused with the reason, and not buried again', async () => {
    const edge = fakeEdge()
    await expect(acceptMended({ ...letter, event: { type: 'track' } }, edge.world)).rejects.toMatchObject({
      code: 'bad_request',
      message: expect.stringContaining('request neither has anonymousId nor userId'),
    })
    await expect(acceptMended({ ...letter, source: 'gone', event: {} }, edge.world)).rejects.toMatchObject({
      code: 'bad_request',
    })
    expect([edge.appends, edge.burials]).toEqual([[], []])
  })
})
