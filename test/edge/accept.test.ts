import type { Bindings } from '../../src/core/bindings.ts'
import { describe, expect, test } from 'vitest'
import { pack } from '../../src/core/envelope.ts'
import { acceptEvents } from '../../src/edge/accept.ts'
import type { IncomingBatch } from '../../src/edge/incoming-batch.ts'
import { queues } from '../../src/streams/queues.ts'
import { fakeEdge, type FakeEdge } from '../support/fake-edge.ts'
import { orderCompleted, receivedAt } from '../support/sample-events.ts'
import type { Source } from '../../src/core/resolved-config.ts'

const send = (edge: FakeEdge, events: unknown[], more: Partial<IncomingBatch> = {}) =>
  acceptEvents(
    { source: edge.context.resolved.sources.get('shop') as Source, events, facts: {}, ...more },
    edge.context,
  )

async function enriched(event: Record<string, unknown>, more: Partial<IncomingBatch> = {}) {
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
  ])('the edge makes of the messageId %j the messageId %j', async (messageId, expected) => {
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
      'a timestamp that cannot be read gives way',
      { timestamp: 'yesterday', originalTimestamp: '2026-11-22T08:00:00.000Z', sentAt: '2026-11-22T08:00:00.000Z' },
      { timestamp: receivedAt, context: { invalidTimestamp: 'yesterday' } },
    ],
    [
      'without times, all are the time of arrival',
      {},
      { timestamp: receivedAt, originalTimestamp: receivedAt, sentAt: receivedAt },
    ],
    ['without an original time there is no skew', { sentAt: '2026-11-22T05:00:00Z' }, { timestamp: receivedAt }],
    [
      'a day that there is not is no time, and is kept as what it was',
      { timestamp: '2026-02-30T10:00:00.000Z' },
      { timestamp: receivedAt, context: { invalidTimestamp: '2026-02-30T10:00:00.000Z' } },
    ],
    [
      'a number that is not since the epoch, and what is not even a number, are kept as text',
      { timestamp: 12, originalTimestamp: { day: 22 }, sentAt: 'Order 66' },
      {
        timestamp: receivedAt,
        originalTimestamp: receivedAt,
        sentAt: receivedAt,
        context: { invalidTimestamp: '12', invalidOriginalTimestamp: '{"day":22}', invalidSentAt: 'Order 66' },
      },
    ],
    [
      'years that no database takes are not readable',
      { timestamp: '+275760-01-01T00:00:00.000Z', originalTimestamp: '0000-01-01T00:00:00.000Z' },
      { timestamp: receivedAt, originalTimestamp: receivedAt },
    ],
    ['seconds since the epoch are read', { timestamp: 1_795_000_000 }, { timestamp: '2026-11-18T11:06:40.000Z' }],
  ])('the edge writes the times of an event: %s', async (_what, times, expected) => {
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
    [[], ['webhook', 'crm']],
    [[1], []],
  ])('an event with the integrations %j goes to %j', async (integrations, to) => {
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

/** A queue that remembers. */
function queue() {
  const sent: unknown[] = []
  const sendBatch = async (messages: readonly { readonly body: unknown }[]) =>
    void sent.push(...messages.map(({ body }) => body))
  return { EVENTS: { sendBatch }, sent }
}

describe('limits', () => {
  test('an event over the size limit is a dead letter, measured in bytes', async () => {
    const edge = fakeEdge({ limits: { eventBytes: 2_000 } })
    const of = (messageId: string, note: string) => orderCompleted({ messageId, note })
    const answer = await send(edge, [of('ascii', 'a'.repeat(1_000)), of('kanji', '漢'.repeat(1_000))])
    expect(answer).toMatchObject({ accepted: 1, rejected: [{ index: 1, messageId: 'kanji', code: 'event_too_large' }] })
    expect(edge.envelopes().map(({ id }) => id)).toEqual(['ascii'])
    expect(edge.deadLetters[0]?.event).toContain('漢漢')
  })

  test('the beginning of an event that no row can hold is kept, and the dead letter says so', async () => {
    const edge = fakeEdge()
    await send(edge, [orderCompleted({ note: 'x'.repeat(2_000_000) })])
    expect(edge.deadLetters[0]?.event.length).toBeLessThan(700_000)
    expect(JSON.parse(edge.deadLetters[0]?.event ?? '')).toContain('Order Completed')
    expect(edge.deadLetters[0]?.detail).toMatch(/^Only the first 600000 of 2000\d\d\d characters were kept/)
  })

  test('an event that is too long for the stream only with its header is a dead letter, and harms no other', async () => {
    const { EVENTS, sent } = queue()
    const edge = fakeEdge({
      limits: { eventBytes: 120_000 },
      streamLimits: queues().limits,
      onAppend: async (batch) => void (await queues().append(batch, { EVENTS } as unknown as Bindings)),
    })
    const long = orderCompleted({ messageId: 'x'.repeat(70_000), properties: {} })
    const answer = await send(edge, [orderCompleted({ messageId: 'order-1' }), long])
    expect(answer).toMatchObject({ accepted: 1, rejected: [{ index: 1, code: 'event_too_large' }] })
    expect(sent.join('')).toContain('"order-1"')
    expect(edge.deadLetters).toMatchObject([{ reason: 'event has more than 127000 bytes' }])
  })

  test('an event of 100 levels is accepted, one of 101 is not', async () => {
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
