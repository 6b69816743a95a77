import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { SluicewayError } from '../../src/core/errors.ts'
import { sdk } from '../../src/ingest/sdk.ts'
import { fakeEdge, type FakeEdge, orderCompleted, receivedAt, writeKey } from '../pipeline/fake-edge.ts'

const basic = (key: string) => `Basic ${btoa(`${key}:`)}`

interface Call {
  readonly body?: unknown
  readonly raw?: BodyInit
  readonly method?: string
  readonly key?: string | null
  readonly headers?: Record<string, string>
}

async function call(edge: FakeEdge, path: string, options: Call = {}) {
  const { method = 'POST', key = writeKey } = options
  const body = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body))
  const request = new Request(`https://edge.example${path}`, {
    method,
    headers: { ...(key === null ? {} : { authorization: basic(key) }), ...options.headers },
    ...(body === undefined ? {} : { body, duplex: 'half' }),
  } as RequestInit)
  const response = await sdk.fetch(request, edge.world)
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: () => JSON.parse(text) as Record<string, unknown>,
  }
}

/** A body that comes in pieces and states no length. */
const streamed = (bytes: Uint8Array, pieces = 4): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      const step = Math.ceil(bytes.byteLength / pieces)
      for (let at = 0; at < bytes.byteLength; at += step) controller.enqueue(bytes.subarray(at, at + step))
      controller.close()
    },
  })

const utf8 = (text: string) => new TextEncoder().encode(text)

describe('a call that is accepted', () => {
  test.each(['identify', 'track', 'page', 'screen', 'group', 'alias'])(
    'POST /v1/%s takes one event and gives it that type',
    async (type) => {
      const edge = fakeEdge()
      for (const slash of ['', '/']) {
        const answer = await call(edge, `/v1/${type}${slash}`, { body: orderCompleted({ type: 'nonsense' }) })
        expect(answer.status).toBe(200)
        expect(answer.text).toBe('{"success":true,"accepted":1}')
        expect(answer.headers.get('content-type')).toBe('application/json')
      }
      expect(edge.events().map((event) => event['type'])).toEqual([type, type])
    },
  )

  test('a batch is appended in its order, with unknown fields, unicode and nulls', async () => {
    const edge = fakeEdge()
    const batch = [
      orderCompleted({ messageId: 'm-1', shelf: { färbe: '漢字 🛒', none: null } }),
      orderCompleted({ messageId: 'm-2', type: 'page' }),
    ]
    const answer = await call(edge, '/v1/batch', { body: { batch } })
    expect(answer.json()).toEqual({ success: true, accepted: 2 })
    expect(edge.envelopes().map(({ header }) => header)).toEqual([
      { id: 'm-1', key: 'anon-ada', source: 'shop', receivedAt, to: ['webhook', 'crm'], facts: expect.anything() },
      { id: 'm-2', key: 'anon-ada', source: 'shop', receivedAt, to: ['webhook', 'crm'], facts: expect.anything() },
    ])
    expect(edge.events()[0]).toMatchObject({ shelf: { färbe: '漢字 🛒', none: null }, event: 'Order Completed' })
    expect(edge.events()[1]).toMatchObject({ type: 'page' })
  })

  test('gzip is inflated whatever the content type, with a stated length and without', async () => {
    const edge = fakeEdge()
    const packed = gzipSync(JSON.stringify({ batch: [orderCompleted()] }))
    const headers = { 'content-encoding': 'gzip', 'content-type': 'application/x-www-form-urlencoded' }
    expect((await call(edge, '/v1/batch', { raw: packed, headers })).status).toBe(200)
    expect((await call(edge, '/v1/batch', { raw: streamed(packed), headers })).status).toBe(200)
    const stated = { ...headers, 'content-length': `${packed.byteLength}` }
    expect((await call(edge, '/v1/batch', { raw: packed, headers: stated })).status).toBe(200)
    expect(edge.events()).toHaveLength(3)
  })

  test('plain JSON as text/plain, with a stated length and without, is read', async () => {
    const edge = fakeEdge()
    const text = JSON.stringify(orderCompleted({ event: 'Café ☕' }))
    const stated = { 'content-type': 'text/plain', 'content-length': `${utf8(text).byteLength}` }
    await call(edge, '/v1/track', { raw: text, headers: stated })
    await call(edge, '/v1/track', { raw: streamed(utf8(text), 300) })
    expect(edge.events().map((event) => event['event'])).toEqual(['Café ☕', 'Café ☕'])
  })

  test('bytes that are no UTF-8 are replaced', async () => {
    const edge = fakeEdge()
    const text = JSON.stringify(orderCompleted({ event: 'Order?Completed' }))
    const bytes = utf8(text)
    bytes[text.indexOf('?')] = 0xff
    expect((await call(edge, '/v1/track', { raw: bytes })).status).toBe(200)
    expect(edge.events()[0]).toMatchObject({ event: 'Order�Completed' })
  })

  test('NaN and Infinity of the Python SDKs become null, the same words in text stay', async () => {
    const edge = fakeEdge()
    const text = JSON.stringify({ batch: [orderCompleted({ properties: { a: 0, b: 0, note: 'NaN \\" Infinity' } })] })
    const raw = text.replace('"a":0,"b":0', '"a":NaN,"b":-Infinity')
    expect((await call(edge, '/v1/batch', { raw })).status).toBe(200)
    expect(edge.events()[0]?.['properties']).toEqual({ a: null, b: null, note: 'NaN \\" Infinity' })
  })

  test('the write key may be in the body when there is no Authorization header, and does not stay in the event', async () => {
    const edge = fakeEdge()
    const batch = await call(edge, '/v1/import/', { key: null, body: { writeKey, batch: [orderCompleted()] } })
    const single = await call(edge, '/v1/track', { key: null, body: orderCompleted({ writeKey }) })
    expect([batch.status, single.status]).toEqual([200, 200])
    expect(edge.events().map((event) => 'writeKey' in event)).toEqual([false, false])
  })

  test('it is answered only after the append and the dead letters are durable', async () => {
    const order: string[] = []
    const slowly = (what: string) => async () => {
      await new Promise((resolve) => setTimeout(resolve, 10))
      order.push(what)
    }
    const edge = fakeEdge({ onAppend: slowly('append'), onBury: slowly('bury') })
    await call(edge, '/v1/batch', { body: { batch: [orderCompleted(), 7] } })
    order.push('answer')
    expect(order).toEqual(['append', 'bury', 'answer'])
  })
})

describe('bad events', () => {
  test('in a batch they become dead letters, the answer names them, and the good ones are accepted', async () => {
    const edge = fakeEdge()
    const batch = [
      orderCompleted({ messageId: 'good-1' }),
      'no object',
      orderCompleted({ messageId: 'nobody', anonymousId: ' ', userId: null }),
      orderCompleted({ messageId: 'list', properties: [1] }),
      orderCompleted({ messageId: 'good-2' }),
    ]
    const answer = await call(edge, '/v1/batch', { body: { batch } })
    expect(answer.status).toBe(200)
    expect(answer.json()).toEqual({
      success: true,
      accepted: 2,
      rejected: [
        {
          index: 1,
          messageId: '00000000-0000-4000-8000-000000000001',
          code: 'not_an_object',
          reason: 'event is not a valid rudder event',
        },
        {
          index: 2,
          messageId: 'nobody',
          code: 'no_identity',
          reason: 'request neither has anonymousId nor userId',
        },
        { index: 3, messageId: 'list', code: 'invalid_event', reason: 'properties must be an object' },
      ],
    })
    expect(edge.envelopes().map(({ id }) => id)).toEqual(['good-1', 'good-2'])
    expect(edge.burials[1]).toEqual({
      stage: 'ingest',
      messageId: 'nobody',
      source: 'shop',
      key: ' ',
      code: 'no_identity',
      reason: 'request neither has anonymousId nor userId',
      receivedAt,
      event: JSON.stringify(batch[2]),
      attempts: [],
    })
    expect(edge.burials[0]?.event).toBe('"no object"')
  })

  test('all of them bad is still a 200: they are stored', async () => {
    const edge = fakeEdge()
    const answer = await call(edge, '/v1/batch', { body: { batch: [null, []] } })
    expect(answer.status).toBe(200)
    expect(answer.json()).toMatchObject({ success: true, accepted: 0, rejected: [{ index: 0 }, { index: 1 }] })
    expect(edge.burials).toHaveLength(2)
    expect(edge.appends).toHaveLength(0)
  })

  test('alone it is a 400 with the text of the table, and a dead letter as well', async () => {
    const edge = fakeEdge()
    const answer = await call(edge, '/v1/track', { body: { event: 'Order Completed' } })
    expect(answer.status).toBe(400)
    expect(answer.json()).toEqual({
      success: false,
      code: 'no_identity',
      message: 'request neither has anonymousId nor userId',
    })
    expect(edge.burials).toMatchObject([{ code: 'no_identity', event: '{"event":"Order Completed","type":"track"}' }])
  })

  test('alone and good, but failed by a transform, it is stored as a dead letter: a 200 that says so', async () => {
    const transformEvent = () => {
      throw new Error('no email here')
    }
    const edge = fakeEdge({ source: { transforms: [{ name: 'careless', transformEvent }] } })
    const answer = await call(edge, '/v1/track', { body: orderCompleted() })
    expect(answer.status).toBe(200)
    expect(answer.json()).toEqual({
      success: true,
      accepted: 0,
      rejected: [{ index: 0, messageId: 'order-1', code: 'transform_failed', reason: 'no email here' }],
    })
    expect(edge.burials).toMatchObject([{ stage: 'transform', messageId: 'order-1' }])
  })

  test('dropped by a transform, it is told in numbers', async () => {
    const edge = fakeEdge({ source: { transforms: [{ name: 'drop-all', transformEvent: () => null }] } })
    const answer = await call(edge, '/v1/track', { body: orderCompleted() })
    expect(answer.json()).toEqual({ success: true, accepted: 0, dropped: 1 })
    expect(edge.counters).toEqual({ 'dropped:drop-all': 1 })
  })

  test('nested 50,000 levels deep it harms neither its batch nor the edge', async () => {
    const edge = fakeEdge()
    const deep = '['.repeat(50_000) + ']'.repeat(50_000)
    const good = JSON.stringify(orderCompleted())
    const raw = `{"batch":[${deep},${good.slice(0, -1)},"deep":${deep}},${good}]}`
    const answer = await call(edge, '/v1/batch', { raw })
    expect(answer.status).toBe(200)
    expect(answer.json()).toMatchObject({
      accepted: 1,
      rejected: [
        { index: 0, code: 'not_an_object' },
        { index: 1, code: 'too_deep' },
      ],
    })
    expect(edge.burials.every(({ event }) => event.includes('[cut off]'))).toBe(true)
  })
})

describe('a call that fails as a whole', () => {
  test.each<[string, string, Call, number, string, string]>([
    ['text that is no JSON', '/v1/batch', { raw: '{"batch":[' }, 400, 'invalid_json', 'invalid json'],
    ['an empty body', '/v1/track', {}, 400, 'invalid_json', 'invalid json'],
    ['an empty batch', '/v1/batch', { body: { batch: [] } }, 400, 'empty_batch', 'empty batch payload'],
    ['no batch', '/v1/batch', { body: [] }, 400, 'empty_batch', 'empty batch payload'],
    ['no key', '/v1/track', { key: null, body: {} }, 401, 'write_key_missing', 'failed to read writekey from header'],
    [
      'no key and no JSON',
      '/v1/track',
      { key: null, raw: '{' },
      401,
      'write_key_missing',
      'failed to read writekey from header',
    ],
    [
      'an empty key',
      '/v1/track',
      { key: '', body: {} },
      401,
      'write_key_missing',
      'failed to read writekey from header',
    ],
    ['a wrong key', '/v1/track', { key: 'wrong', body: {} }, 401, 'write_key_invalid', 'invalid write key'],
    ['a disabled source', '/v1/track', { key: 'closedKey', body: {} }, 404, 'source_disabled', 'source is disabled'],
    [
      'broken gzip',
      '/v1/track',
      { raw: 'no gzip', headers: { 'content-encoding': 'gzip' } },
      400,
      'body_unreadable',
      'failed to read body from request',
    ],
    [
      'another encoding',
      '/v1/track',
      { raw: 'x', headers: { 'content-encoding': 'br' } },
      415,
      'unsupported_encoding',
      'content encoding is not supported; send gzip or none',
    ],
  ])('%s', async (_what, path, options, status, code, message) => {
    const edge = fakeEdge()
    const answer = await call(edge, path, options)
    expect(answer.json()).toEqual({ success: false, code, message })
    expect(answer.status).toBe(status)
    expect([edge.appends, edge.burials]).toEqual([[], []])
  })

  const tooLarge = { success: false, code: 'body_too_large', message: 'request size exceeds max limit' }

  test('a body over the limit is refused: by its stated length unread, else as soon as it is over', async () => {
    const edge = fakeEdge({ limits: { bodyBytes: 10_000 } })
    let pulled = 0
    const endless = () =>
      new ReadableStream<Uint8Array>({
        pull(controller) {
          pulled++
          controller.enqueue(new Uint8Array(1000).fill(32))
        },
      })
    const stated = await call(edge, '/v1/batch', { raw: endless(), headers: { 'content-length': '10001' } })
    expect(stated.status).toBe(413)
    expect(pulled).toBeLessThan(3)
    const unstated = await call(edge, '/v1/batch', { raw: endless() })
    expect([unstated.status, unstated.json()]).toEqual([413, tooLarge])
    expect(pulled).toBeLessThan(20)
  })

  test('a small gzip of a large body is refused', async () => {
    const edge = fakeEdge({ limits: { bodyBytes: 100_000 } })
    const bomb = gzipSync(Buffer.alloc(20_000_000, 32))
    expect(bomb.byteLength).toBeLessThan(100_000)
    const answer = await call(edge, '/v1/batch', { raw: bomb, headers: { 'content-encoding': 'gzip' } })
    expect([answer.status, answer.json()]).toEqual([413, tooLarge])
  })

  test('more events than allowed are a 413', async () => {
    const edge = fakeEdge({ limits: { batchEvents: 2 } })
    const batch = [orderCompleted(), orderCompleted(), orderCompleted()]
    expect((await call(edge, '/v1/batch', { body: { batch } })).status).toBe(413)
    expect((await call(edge, '/v1/batch', { body: { batch: batch.slice(1) } })).status).toBe(200)
  })

  test('a stream that fails is a 503 with Retry-After and nothing of the inner error', async () => {
    const edge = fakeEdge({
      onAppend: () => {
        throw new SluicewayError('stream_unavailable', 'secret address 10.0.0.7')
      },
    })
    const answer = await call(edge, '/v1/track', { body: orderCompleted() })
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('2')
    expect(answer.json()).toMatchObject({ success: false, code: 'stream_unavailable' })
    expect(answer.text).not.toContain('10.0.0.7')
  })

  test('dead letters that can not be stored are a 503 too', async () => {
    const edge = fakeEdge({ onBury: () => Promise.reject(new Error('lane is away')) })
    const answer = await call(edge, '/v1/batch', { body: { batch: [orderCompleted(), null] } })
    expect(answer.status).toBe(503)
  })

  test('a wrong verb is a 405 that says what is right', async () => {
    for (const method of ['GET', 'PUT', 'HEAD']) {
      const answer = await call(fakeEdge(), '/v1/track', { method })
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
      if (method !== 'HEAD') expect(answer.json()).toMatchObject({ success: false, code: 'method_not_allowed' })
    }
  })
})

describe('browsers', () => {
  const origin = 'https://shop.example'

  test('a preflight is answered for any origin, with the headers that were asked for', async () => {
    const asked = 'anonymousid,authorization,content-type'
    const answer = await call(fakeEdge(), '/v1/track', {
      method: 'OPTIONS',
      key: null,
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': asked },
    })
    expect(answer.status).toBe(204)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-allow-headers': asked,
      'access-control-allow-methods': 'GET, POST, HEAD',
      'access-control-max-age': '900',
      vary: 'Origin',
    })
  })

  test('answers and errors may be read by the page; without an Origin there are no such headers', async () => {
    const good = await call(fakeEdge(), '/v1/track', { body: orderCompleted(), headers: { origin } })
    const bad = await call(fakeEdge(), '/v1/track', { key: 'wrong', body: {}, headers: { origin } })
    expect(good.headers.get('access-control-allow-origin')).toBe(origin)
    expect([bad.status, bad.headers.get('access-control-allow-origin')]).toEqual([401, origin])
    const server = await call(fakeEdge(), '/v1/track', { body: orderCompleted() })
    expect([...server.headers.keys()]).toEqual(['content-type'])
  })
})

describe('facts of the request', () => {
  test('the address is that of Cloudflare, not what the client says anywhere', async () => {
    const edge = fakeEdge()
    await call(edge, '/v1/track', {
      body: orderCompleted({ request_ip: '6.6.6.6' }),
      headers: { 'cf-connecting-ip': '203.0.113.9', 'x-forwarded-for': '6.6.6.6', 'user-agent': 'analytics-node/3' },
    })
    expect(edge.events()[0]).toMatchObject({ request_ip: '203.0.113.9', context: { ip: '203.0.113.9' } })
    expect(edge.envelopes()[0]?.header.facts).toEqual({ ip: '203.0.113.9', userAgent: 'analytics-node/3' })
  })

  test('without that header it is the first of X-Forwarded-For when it looks like an address', async () => {
    const edge = fakeEdge()
    await call(edge, '/v1/track', { body: orderCompleted(), headers: { 'x-forwarded-for': '2001:db8::7, 10.0.0.1' } })
    await call(edge, '/v1/track', { body: orderCompleted(), headers: { 'x-forwarded-for': '<script>' } })
    expect(edge.events().map((event) => event['request_ip'])).toEqual(['2001:db8::7', undefined])
  })

  test('the place of the connection goes into context.geo', async () => {
    const edge = fakeEdge()
    const cf = { country: 'DE', city: 'Bremen', region: 'Bremen', postalCode: '28195', latitude: '53.07', colo: 'HAM' }
    const request = Object.assign(
      new Request('https://edge.example/v1/batch', {
        method: 'POST',
        headers: { authorization: basic(writeKey), 'cf-connecting-ip': '203.0.113.9' },
        body: JSON.stringify({
          batch: [
            orderCompleted(),
            orderCompleted({ context: { ip: '198.51.100.4' } }),
            orderCompleted({ context: { geo: { country: 'NO' } } }),
          ],
        }),
      }),
      { cf },
    )
    await sdk.fetch(request, edge.world)
    const { colo: _, ...geo } = cf
    expect(edge.events().map((event) => (event['context'] as { geo?: unknown }).geo)).toEqual([
      geo,
      undefined,
      { country: 'NO' },
    ])
    expect(edge.envelopes()[0]?.header.facts).toMatchObject({ country: 'DE', region: 'Bremen', city: 'Bremen' })
  })
})
