import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { NewDeadLetter } from '../../src/core/dead-letter.ts'
import { replayEdgeLetter } from '../../src/edge/replay-edge-letter.ts'
import { webhook } from '../../src/sources/webhook.ts'
import { now } from '../support/fake-context.ts'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'
import { receivedAt } from '../support/sample-events.ts'
import { call } from '../support/call.ts'
import { defineSource } from '../../src/configure/define-source.ts'

const path = `/v1/webhook?writeKey=${writeKey}`

/** A vendor that answers a challenge, wants a signature, and knows no order without a customer. */
const vendor = defineSource({
  name: 'vendor',
  settings: {},
  verify: ({ headers, bytes }) =>
    headers['x-signature'] === `signed:${bytes.byteLength}` ? undefined : 'the signature is missing or wrong',
  map({ body }) {
    const { challenge, customer, order } = body as Record<string, string>
    if (challenge !== undefined)
      return { reply: { body: JSON.stringify({ challenge }), contentType: 'application/json' } }
    if (customer === undefined) throw new Error('there is no customer')
    return [
      { type: 'track', event: 'Order Created', userId: customer, properties: { order } },
      { type: 'identify', userId: customer },
    ]
  },
})
const signed = (body: unknown) => ({
  body,
  key: null,
  headers: { 'x-signature': `signed:${JSON.stringify(body).length}`, authorization: 'Bearer secret-of-vendor' },
})

describe('the generic webhook source', () => {
  test.each([
    ['JSON', { body: { order: 1843 } }, { order: 1843 }],
    [
      'a form',
      { raw: 'order=1843&item=wheel&item=cog', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      { order: '1843', item: ['wheel', 'cog'] },
    ],
    [
      'JSON under the name of a form',
      { raw: '{"order":1843}', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      { order: 1843 },
    ],
    [
      'JSON under the name of a form, with what divides the fields of one in it',
      {
        raw: '{"page":"https://shop.example/?a=1&b=2"}',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      },
      { page: 'https://shop.example/?a=1&b=2' },
    ],
    [
      'a form whose fields are named like what every object has',
      { raw: 'constructor=Ada&toString=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      { constructor: 'Ada', toString: 'x' },
    ],
    ['a list', { body: [1, 2] }, { value: [1, 2] }],
  ])('the generic webhook source takes %s', async (_, options, properties) => {
    const edge = fakeEdge({ source: { webhook: webhook({}) } })
    const answer = await call(edge, path, { key: null, ...options })
    expect([answer.status, answer.text]).toEqual([200, 'OK'])
    expect(edge.events()).toMatchObject([
      { type: 'track', event: 'webhook_source_event', properties, receivedAt, messageId: expect.any(String) },
    ])
  })

  test('the generic webhook source takes the fields of a multipart form, and of a file only what it is called', async () => {
    const edge = fakeEdge({ source: { webhook: webhook({}) } })
    const form = new FormData()
    form.set('order', '1843')
    form.set('invoice', new File(['…'], 'invoice.pdf', { type: 'application/pdf' }))
    await call(edge, path, { key: null, raw: form })
    expect(edge.events()).toMatchObject([
      { properties: { order: '1843', invoice: { name: 'invoice.pdf', type: 'application/pdf' } } },
    ])
  })

  test('the generic webhook source writes no header that holds a secret or an address into the details of a request', async () => {
    const edge = fakeEdge({ source: { webhook: webhook({ requestDetails: true }), enrich: { ip: 'drop' } } })
    const secret = { 'x-api-key': 's', 'webhook-signature': 's', 'x-auth-token': 's', 'proxy-authorization': 's' }
    const address = {
      'cf-connecting-ip': '198.51.100.7',
      'x-forwarded-for': '198.51.100.7',
      'x-real-ip': '198.51.100.7',
    }
    const headers = { ...secret, ...address, 'x-shop': 'analytical' }
    await call(edge, path, { key: null, body: { order: 1843 }, headers })
    const context = edge.events()[0]?.['context'] as Record<string, unknown> | undefined
    expect(context?.['headers']).toEqual({ 'x-shop': 'analytical', 'content-type': expect.any(String) })
  })

  test('the generic webhook source takes the query of a GET, without the key', async () => {
    const edge = fakeEdge({ source: { webhook: webhook({ requestDetails: true }) } })
    await call(edge, `${path}&signup=yes`, { method: 'GET', key: null, headers: { cookie: 'session=1' } })
    expect(edge.events()).toMatchObject([
      { properties: { signup: 'yes' }, context: { method: 'GET', url: '/v1/webhook?signup=yes' } },
    ])
    expect(JSON.stringify(edge.events())).not.toMatch(new RegExp(`${writeKey}|session=1`))
  })
})

describe('the generic webhook source with a secret', () => {
  const secret = 'whsec_QWRhJ3MgYW5hbHl0aWNhbCBlbmdpbmU='
  const body = '{"order":1843}'
  const signedAs = (id: string, signed = body) => {
    const at = String(Math.floor(now / 1000))
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
    const signature = `v1,${createHmac('sha256', key).update(`${id}.${at}.${signed}`).digest('base64')}`
    return { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature }
  }

  test('the generic webhook source with a secret gives a call that is sent again the same ids, so that it counts once', async () => {
    const edge = fakeEdge({ source: { webhook: webhook({ secret }) } })
    for (const id of ['msg_1', 'msg_1', 'msg_2'])
      expect((await call(edge, path, { key: null, raw: body, headers: signedAs(id) })).status).toBe(200)
    const [first, again, other] = edge.events().map(({ messageId, anonymousId }) => ({ messageId, anonymousId }))
    expect(first).toEqual({ messageId: 'msg_1', anonymousId: expect.stringMatching(/^[0-9a-f]{36}$/) })
    expect([again, other?.messageId]).toEqual([first, 'msg_2'])
  })

  test('the generic webhook source with a secret takes no call by GET, whose query is not signed', async () => {
    const edge = fakeEdge({ source: { webhook: webhook({ secret }) } })
    const headers = signedAs('msg_1', '')
    const answer = await call(edge, `${path}&order=1843`, { method: 'GET', key: null, headers })
    expect([answer.status, edge.events()]).toEqual([401, []])
  })
})

describe('a form', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }

  test('a form of 300,000 fields of one name is read in a time that grows with its length only', async () => {
    const edge = fakeEdge({ source: { webhook: webhook({}) }, limits: { eventBytes: 524_288 } })
    await call(edge, path, { key: null, raw: 'a&'.repeat(300_000), headers: form })
    expect(edge.deadLetters).toMatchObject([{ code: 'event_too_large' }])
  })
})

test('a call by GET is never answered from a cache, and no browser takes the answer for something else', async () => {
  const edge = fakeEdge({ source: { webhook: webhook({}) } })
  const { headers } = await call(edge, `${path}&signup=yes`, { method: 'GET', key: null })
  expect([headers.get('cache-control'), headers.get('x-content-type-options')]).toEqual(['no-store', 'nosniff'])
})

describe('a webhook source of a vendor', () => {
  test('a webhook source of a vendor takes a signed call, and each of its events is routed', async () => {
    const edge = fakeEdge({ source: { webhook: vendor() } })
    const answer = await call(edge, path, signed({ customer: 'ada', order: '1843' }))
    expect([answer.status, answer.text]).toEqual([200, 'OK'])
    expect(edge.events().map(({ type, userId }) => [type, userId])).toEqual([
      ['track', 'ada'],
      ['identify', 'ada'],
    ])
  })

  test('a webhook source of a vendor refuses a call without its signature, which is counted and not stored', async () => {
    const edge = fakeEdge({ source: { webhook: vendor() } })
    const answer = await call(edge, path, { key: null, body: { customer: 'ada', order: '1843' } })
    expect([answer.status, answer.json()]).toMatchObject([401, { success: false, code: 'signature_invalid' }])
    expect([edge.events(), edge.deadLetters, edge.counters]).toEqual([[], [], { 'refused:shop': 1 }])
  })

  test('a webhook source of a vendor counts a call that is about nothing of interest', async () => {
    const edge = fakeEdge({ source: { webhook: { ...vendor(), map: async () => [] } } })
    expect((await call(edge, path, signed({ customer: 'ada' }))).status).toBe(200)
    expect([edge.events(), edge.deadLetters, edge.counters]).toEqual([[], [], { 'ignored:shop': 1 }])
  })

  test('a webhook source of a vendor answers a challenge in its own words', async () => {
    const edge = fakeEdge({ source: { webhook: vendor() } })
    const answer = await call(edge, path, signed({ challenge: 'sesame' }))
    expect([answer.text, answer.headers.get('content-type')]).toEqual(['{"challenge":"sesame"}', 'application/json'])
    expect(edge.events()).toEqual([])
  })

  test('a webhook source of a vendor keeps a call that it cannot map as a dead letter, which can be edited and mapped again', async () => {
    const edge = fakeEdge({ source: { webhook: vendor() } })
    const answer = await call(edge, path, signed({ order: '1843' }))
    expect([answer.status, answer.json()]).toEqual([
      400,
      { success: false, code: 'source_failed', message: 'there is no customer' },
    ])
    const letter = edge.deadLetters[0] as NewDeadLetter
    expect(letter).toMatchObject({ stage: 'ingest', code: 'source_failed', source: 'shop', receivedAt })
    expect(letter.event).not.toMatch(/signed:|secret-of-vendor/)
    const kept = JSON.parse(letter.event) as { body: Record<string, string> }
    expect(kept.body).toEqual({ order: '1843' })
    await expect(replayEdgeLetter({ ...letter, event: kept }, edge.context)).rejects.toThrow('there is no customer')
    kept.body['customer'] = 'ada'
    for (let repeat = 0; repeat < 2; repeat++) {
      const answer = await replayEdgeLetter({ ...letter, event: kept }, edge.context)
      expect(answer).toEqual({ accepted: 2, dropped: 0 })
    }
    const ids = edge.events().map(({ messageId }) => messageId)
    expect(ids).toEqual([letter.messageId, `${letter.messageId}-1`, letter.messageId, `${letter.messageId}-1`])
    expect(edge.events()[0]).toMatchObject({ event: 'Order Created', userId: 'ada', receivedAt })
  })

  test('a webhook source of a vendor keeps of a call that is too deep or too long what a dead letter can hold', async () => {
    const edge = fakeEdge({ source: { webhook: vendor() } })
    const deep = `{"order":${'['.repeat(50_000)}${']'.repeat(50_000)}}`
    const long = JSON.stringify({ order: 'x'.repeat(2_000_000) })
    for (const raw of [deep, long]) {
      const answer = await call(edge, path, { key: null, raw, headers: { 'x-signature': `signed:${raw.length}` } })
      expect([answer.status, answer.json()]).toMatchObject([400, { code: 'source_failed' }])
    }
    expect(edge.deadLetters.map(({ event }) => event.length < 700_000)).toEqual([true, true])
    expect(edge.deadLetters[0]?.event).toContain('[cut off]')
    expect(edge.deadLetters[1]?.detail).toMatch(/^Only the first 600000 of/)
  })

  test('a webhook source of a vendor writes the address of the caller, which is not where its customers are, nowhere but into request_ip', async () => {
    const edge = fakeEdge({ source: { webhook: vendor() } })
    const { headers, ...sent } = signed({ customer: 'ada', order: '1843' })
    await call(edge, path, { ...sent, headers: { ...headers, 'cf-connecting-ip': '198.51.100.7' } })
    expect(edge.events()[0]).toMatchObject({ request_ip: '198.51.100.7' })
    expect(edge.events()[0]?.['context']).toEqual({})
  })

  test('a webhook source of a vendor answers a HEAD, which stores nothing', async () => {
    const edge = fakeEdge({ source: { webhook: vendor() } })
    expect((await call(edge, path, { method: 'HEAD', key: null })).status).toBe(200)
    expect(edge.events()).toEqual([])
  })

  test('a webhook source of a vendor answers a GET with nothing when events do not come by GET', async () => {
    const edge = fakeEdge({ source: { webhook: defineSource({ name: 'posts', settings: {}, map: () => [] })() } })
    const answer = await call(edge, path, { method: 'GET', key: null })
    expect([answer.status, answer.text]).toEqual([200, ''])
  })

  test('a webhook source of a vendor takes no events from SDKs: its key alone proves nothing', async () => {
    const edge = fakeEdge({ source: { webhook: vendor() } })
    const answer = await call(edge, '/v1/track', { body: { userId: 'ada', event: 'Order Completed' } })
    expect([answer.status, answer.json()]).toMatchObject([404, { code: 'source_is_webhook' }])
  })
})

test.each([
  ['/v1/webhook', 401, 'write_key_missing', 'failed to read writekey from query params'],
  ['/v1/webhook?writeKey=wrong', 401, 'write_key_invalid', 'invalid write key'],
  ['/v1/webhook?writeKey=closedKey', 404, 'source_disabled', 'source is disabled'],
  [path, 404, 'source_not_webhook', 'source does not accept webhook events'],
])('a call of a webhook source is refused: %s is answered with %i', async (url, status, code, message) => {
  const answer = await call(fakeEdge(), url, { key: null, body: {} })
  expect([answer.status, answer.json()]).toEqual([status, { success: false, code, message }])
})

test('the body of a webhook above the limit is refused while it is read', async () => {
  const edge = fakeEdge({ source: { webhook: webhook({}) }, limits: { bodyBytes: 1000 } })
  const answer = await call(edge, path, { key: null, body: { note: 'x'.repeat(2000) } })
  expect([answer.status, answer.json()]).toMatchObject([413, { code: 'body_too_large' }])
})
