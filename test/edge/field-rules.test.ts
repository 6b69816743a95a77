import { describe, expect, test } from 'vitest'
import { call, type Call } from '../support/call.ts'
import { fakeEdge } from '../support/fake-edge.ts'
import { orderCompleted, receivedAt } from '../support/sample-events.ts'

const connectionIp = '203.0.113.9'
const lies = { 'cf-connecting-ip': connectionIp, 'x-forwarded-for': '6.6.6.6', 'x-real-ip': '6.6.6.6' }
const uuid = '00000000-0000-4000-8000-000000000001'

/** Sends over HTTP as an SDK does, and gives what crossed the stream. */
async function arrived(path: string, body: unknown, more: Call = {}) {
  const edge = fakeEdge()
  const answer = await call(edge, path, { headers: lies, ...(more.raw === undefined ? { body } : {}), ...more })
  expect(answer.status).toBe(200)
  return edge.envelopes().map(({ header, text }) => ({ header, event: JSON.parse(text) as Record<string, unknown> }))
}

const alone = async (event: Record<string, unknown>): Promise<Record<string, unknown>> =>
  (await arrived('/v1/batch', { batch: [event] }))[0]?.event ?? {}

describe('fields that the edge sets', () => {
  test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['a messageId without blanks around it', { messageId: ' order-1\n' }, { messageId: 'order-1' }],
    [
      'a messageId without characters that cannot be connectionIp',
      { messageId: 'ord\u200ber\ud800' },
      { messageId: 'order' },
    ],
    ['a new messageId for an empty one', { messageId: ' ' }, { messageId: uuid }],
    ['a new messageId for a number', { messageId: 42 }, { messageId: uuid }],
    ['a new messageId for an object', { messageId: { id: 'order-1' } }, { messageId: uuid }],
    ['a new messageId for null', { messageId: null }, { messageId: uuid }],
    ['a userId that was a number, as text', { userId: 1815 }, { userId: '1815' }],
    ['a userId that was a boolean, as text', { userId: true }, { userId: 'true' }],
    ['an anonymousId that was a number, as text', { anonymousId: 3.5 }, { anonymousId: '3.5' }],
    ['ids without blanks around them', { userId: ' ada ' }, { userId: 'ada' }],
    ['no anonymousId for null, as Python sends it', { anonymousId: null }, { anonymousId: undefined }],
    ['its own receivedAt', { receivedAt: '1999-01-01T00:00:00Z' }, { receivedAt }],
    ['its own request_ip', { request_ip: '6.6.6.6' }, { request_ip: connectionIp }],
    ['a request_ip where there is none', {}, { request_ip: connectionIp }],
    ['context.ip of the connection where the client says none', { context: null }, { context: { ip: connectionIp } }],
    ['context.ip of the connection for an empty one', { context: { ip: '' } }, { context: { ip: connectionIp } }],
    [
      "a server's word for its visitor's address",
      { context: { ip: '198.51.100.4' } },
      { context: { ip: '198.51.100.4' } },
    ],
  ])('the edge gives an event what it must have: %s', async (_what, sent, expected) => {
    const event = await alone(orderCompleted(sent))
    for (const [field, value] of Object.entries(expected)) expect(event[field]).toEqual(value)
  })

  test.each<[string, Record<string, unknown>]>([
    ['channel', { channel: 'server' }],
    ['version', { version: '1' }],
    ['context.library', { context: { library: { name: 'analytics-go', version: '3.3.0' }, ip: connectionIp } }],
    ['nulls of Python', { category: null, properties: { coupon: null } }],
    ['_metadata of Node', { _metadata: { nodeVersion: '24.0.0', jsRuntime: 'node' } }],
    ['integrations', { integrations: { All: true, CRM: { list: 'vip' } } }],
    ['fields that nobody knows', { rank: 7, nested: { '': [1, 'ä', {}] } }],
    ['traits and properties', { traits: { name: 'Ada Lovelace' }, properties: { revenue: 39.95, userId: 5 } }],
    ['a type that the specification has not', { type: 'audiencelist' }],
  ])('the edge leaves a field of an event untouched: %s', async (_what, sent) => {
    expect(await alone(orderCompleted(sent))).toMatchObject(sent)
  })

  test('the type of an event is the name of the route, but in a batch the event its own', async () => {
    const [single] = await arrived('/v1/track', orderCompleted({ type: 'page' }))
    expect(single?.event['type']).toBe('track')
    expect((await alone(orderCompleted({ type: 'page' })))['type']).toBe('page')
  })
})

describe('whoever sends events of several addresses', () => {
  test('a sender of events with addresses of their own changes neither request_ip nor the facts of the others in its batch', async () => {
    const batch = [
      orderCompleted({ messageId: 'one', request_ip: '6.6.6.6' }),
      orderCompleted({ messageId: 'two', request_ip: '7.7.7.7', context: { ip: '198.51.100.4' } }),
      orderCompleted({ messageId: 'three', request_ip: ['8.8.8.8'] }),
    ]
    const all = await arrived('/v1/batch', { batch, request_ip: '9.9.9.9', context: { request_ip: '9.9.9.9' } })
    expect(all.map(({ event }) => event['request_ip'])).toEqual([connectionIp, connectionIp, connectionIp])
    expect(all.map(({ header }) => header.facts.ip)).toEqual([connectionIp, connectionIp, connectionIp])
    expect(all[1]?.event).toMatchObject({ context: { ip: '198.51.100.4' } })
  })

  test.each(['/v1/track', '/beacon/v1/batch', '/v1/import', '/pixel/v1/track'])(
    'a sender of events cannot set request_ip on %s',
    async (path) => {
      const forged = orderCompleted({ request_ip: '6.6.6.6' })
      const query = '?writeKey=2HkeyOfTheShop&anonymousId=ada&event=Order%20Completed&request_ip=6.6.6.6'
      const [one] = path.startsWith('/pixel')
        ? await arrived(path + query, undefined, { method: 'GET' })
        : await arrived(path, path === '/v1/track' ? forged : { batch: [forged] })
      expect(one?.event['request_ip']).toBe(connectionIp)
    },
  )
})

describe('the time of an event', () => {
  const bare = { originalTimestamp: undefined, sentAt: undefined, timestamp: undefined }

  test.each<[string, Record<string, unknown>, Record<string, unknown>, string | undefined]>([
    ['a day old', { timestamp: '2026-11-21T10:00:00.000Z' }, { timestamp: '2026-11-21T10:00:00.000Z' }, undefined],
    [
      'as old as may be',
      { timestamp: '2026-10-23T10:00:00.500Z' },
      { timestamp: '2026-10-23T10:00:00.500Z' },
      undefined,
    ],
    [
      'older',
      {
        timestamp: '2012-12-02T00:30:08+00:00',
        originalTimestamp: '2012-12-02T00:30:08Z',
        sentAt: '2012-12-02T00:30:09Z',
      },
      {
        timestamp: '2026-10-23T10:00:00.500Z',
        originalTimestamp: '2012-12-02T00:30:08.000Z',
        sentAt: '2012-12-02T00:30:09.000Z',
      },
      '2012-12-02T00:30:08.000Z',
    ],
    [
      '15 minutes ahead',
      { timestamp: '2026-11-22T10:15:00.500Z' },
      { timestamp: '2026-11-22T10:15:00.500Z' },
      undefined,
    ],
    [
      'further ahead',
      { timestamp: '2062-01-01T00:00:00.000Z' },
      { timestamp: '2026-11-22T10:15:00.500Z' },
      '2062-01-01T00:00:00.000Z',
    ],
    [
      'far off by a clock that was set between happening and sending',
      { originalTimestamp: '2026-11-22T10:00:00.000Z', sentAt: '1970-01-01T00:00:01.000Z' },
      { timestamp: '2026-11-22T10:15:00.500Z', originalTimestamp: '2026-11-22T10:00:00.000Z' },
      '2083-10-13T19:59:59.500Z',
    ],
  ])('the time of an event is kept, moved or replaced: %s', async (_what, sent, expected, before) => {
    const edge = fakeEdge({ limits: { pastDays: 30, futureMinutes: 15 } })
    await call(edge, '/v1/batch', { body: { batch: [orderCompleted({ ...bare, ...sent })] } })
    const [event] = edge.events()
    expect(event).toMatchObject({ ...expected, context: {} })
    expect((event?.['context'] as Record<string, unknown> | undefined)?.['unclampedTimestamp']).toBe(before)
  })

  test('the time of an event has no bounds where the limits reach beyond the calendar', async () => {
    const edge = fakeEdge({ limits: { pastDays: 1e9, futureMinutes: 1e12 } })
    const times = ['1066-10-14T09:00:00.000Z', '9999-12-31T23:59:59.999Z']
    const batch = times.map((timestamp, i) => orderCompleted({ messageId: `m-${i}`, timestamp }))
    await call(edge, '/v1/batch', { body: { batch } })
    expect(edge.events().map(({ timestamp }) => timestamp)).toEqual(times)
  })
})

describe('what the SDKs of other languages send', () => {
  test('bare NaN and Infinity of Python SDKs take no event along', async () => {
    const raw = `{"batch":[{"type":"track","event":"Order Completed","userId":"ada","properties":{"revenue":NaN,"margin":-Infinity,
      "note":"NaN stays","big":123456789012345678901234567890}},{"type":"track","event":"Order Refunded","userId":"ada"}]}`
    const all = await arrived('/v1/batch', undefined, { raw })
    expect(all.map(({ event }) => event['event'])).toEqual(['Order Completed', 'Order Refunded'])
    expect(all[0]?.event['properties']).toEqual({
      revenue: null,
      margin: null,
      note: 'NaN stays',
      big: '123456789012345678901234567890',
    })
  })

  test("an event without a context has its batch's, and the library in it", async () => {
    const library = { name: 'analytics-go', version: '3.3.0' }
    const [one] = await arrived('/v1/batch', {
      batch: [{ type: 'track', event: 'Order Completed', userId: 'ada', timestamp: '2026-11-22T09:59:59.123456789Z' }],
      messageId: 'of-the-batch',
      sentAt: '2026-11-22T10:00:00.000Z',
      context: { library },
    })
    expect(one?.event).toMatchObject({
      messageId: uuid,
      context: { library },
      timestamp: '2026-11-22T09:59:59.123Z',
      sentAt: '2026-11-22T10:00:00.000Z',
    })
  })
})
