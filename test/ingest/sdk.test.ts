import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'
import { orderCompleted, receivedAt } from '../support/sample-events.ts'
import { call, streamed, utf8 } from '../support/call.ts'

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

  test('bytes that are no UTF-8 are replaced before a call is read', async () => {
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

  test('a text of quotes that is not ended is refused in a time that grows with its length only', async () => {
    const raw = `{"a":NaN,"b":"${'\\"'.repeat(500_000)}`
    const answer = await call(fakeEdge(), '/v1/batch', { raw })
    expect([answer.status, answer.json()]).toMatchObject([400, { code: 'invalid_json' }])
  })

  test('only those of the fields beside a batch are handed on that its events use', async () => {
    const transform = { name: 'same', transformEvent: (event: object) => event }
    const edge = fakeEdge({ source: { transforms: [transform as never] } })
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    const events = JSON.stringify([orderCompleted({ sentAt: undefined, context: {} })])
    const raw = `{"deep":${deep},"sentAt":"2026-11-22T10:00:00Z","context":{"library":{"name":"go"}},"batch":${events}}`
    expect((await call(edge, '/v1/batch', { raw })).status).toBe(200)
    expect(edge.events()).toMatchObject([{ sentAt: '2026-11-22T10:00:00.000Z', context: { library: { name: 'go' } } }])
  })

  test('a text of megabytes for a date is not read again for each of 5,000 events', async () => {
    const edge = fakeEdge()
    const batch = Array.from({ length: 5_000 }, (_, i) => ({
      type: 'track',
      event: 'x',
      userId: 'ada',
      messageId: `${i}`,
    }))
    const answer = await call(edge, '/v1/batch', { body: { sentAt: 'x'.repeat(3_000_000), batch } })
    expect([answer.status, edge.events().length]).toEqual([200, 5_000])
  })

  test('the write key may be in the body when there is no Authorization header, and does not stay in the event', async () => {
    const edge = fakeEdge()
    const batch = await call(edge, '/v1/import/', { key: null, body: { writeKey, batch: [orderCompleted()] } })
    const single = await call(edge, '/v1/track', { key: null, body: orderCompleted({ writeKey }) })
    expect([batch.status, single.status]).toEqual([200, 200])
    expect(edge.events().map((event) => 'writeKey' in event)).toEqual([false, false])
  })

  test('a call is answered only after the append and the dead letters are durable', async () => {
    const order: string[] = []
    const slowly = (what: string) => async () => {
      await new Promise((resolve) => setTimeout(resolve, 10))
      order.push(what)
    }
    const edge = fakeEdge({ onAppend: slowly('append'), onDeadLetters: slowly('addDeadLetters') })
    await call(edge, '/v1/batch', { body: { batch: [orderCompleted(), 7] } })
    order.push('answer')
    expect(order).toEqual(['append', 'addDeadLetters', 'answer'])
  })
})

describe('bad events', () => {
  test('bad events in a batch become dead letters, the answer names them, and the good ones are accepted', async () => {
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
    expect(edge.deadLetters[1]).toEqual({
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
    expect(edge.deadLetters[0]?.event).toBe('"no object"')
  })

  test('a batch of bad events alone is still answered 200: they are stored', async () => {
    const edge = fakeEdge()
    const answer = await call(edge, '/v1/batch', { body: { batch: [null, []] } })
    expect(answer.status).toBe(200)
    expect(answer.json()).toMatchObject({ success: true, accepted: 0, rejected: [{ index: 0 }, { index: 1 }] })
    expect(edge.deadLetters).toHaveLength(2)
    expect(edge.appends).toHaveLength(0)
  })

  test('a bad event alone is answered 400 with the text of the table, and is a dead letter as well', async () => {
    const edge = fakeEdge()
    const answer = await call(edge, '/v1/track', { body: { event: 'Order Completed' } })
    expect(answer.status).toBe(400)
    expect(answer.json()).toEqual({
      success: false,
      code: 'no_identity',
      message: 'request neither has anonymousId nor userId',
    })
    expect(edge.deadLetters).toMatchObject([
      { code: 'no_identity', event: '{"event":"Order Completed","type":"track"}' },
    ])
  })

  test('a good event that a transform fails on is stored as a dead letter: a 200 that says so', async () => {
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
    expect(edge.deadLetters).toMatchObject([{ stage: 'transform', messageId: 'order-1' }])
  })

  test('an event that a transform drops is told in the numbers of the answer', async () => {
    const edge = fakeEdge({ source: { transforms: [{ name: 'drop-all', transformEvent: () => null }] } })
    const answer = await call(edge, '/v1/track', { body: orderCompleted() })
    expect(answer.json()).toEqual({ success: true, accepted: 0, dropped: 1 })
    expect(edge.counters).toEqual({ 'dropped:drop-all': 1 })
  })

  test('an event that is nested 50,000 levels deep harms neither its batch nor the edge', async () => {
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
    expect(edge.deadLetters.every(({ event }) => event.includes('[cut off]'))).toBe(true)
  })
})
