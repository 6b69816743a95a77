import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { webhook } from '../../src/sources/webhook.ts'
import { call } from '../support/call.ts'
import { now } from '../support/fake-context.ts'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'
import { makerOf, sourceNames } from './golden-cases.ts'

const path = `/v1/webhook?writeKey=${writeKey}`
const edgeOf = (secret?: string | readonly string[]) =>
  fakeEdge({ source: { webhook: webhook(secret === undefined ? {} : { secret }) } })
const hex = (secret: string, text: string) => createHmac('sha256', secret).update(text).digest('hex')

describe.each([undefined, 'secret-of-the-source'])('with the secret %s, the generic source', (secret) => {
  test("answers Microsoft Graph's validation token as plain text, and stores nothing", async () => {
    const edge = edgeOf(secret)
    const token = 'Validation: Testing client application reachability for subscription Request-Id: 1843'
    const answer = await call(edge, `${path}&validationToken=${encodeURIComponent(token)}`, { key: null })
    expect([answer.status, answer.text, answer.headers.get('content-type')]).toEqual([200, token, 'text/plain'])
    expect([edge.events(), edge.deadLetters]).toEqual([[], []])
  })

  test("answers Azure Event Grid's validation code, and stores nothing", async () => {
    const edge = edgeOf(secret)
    const data = {
      validationCode: '512d38b6-c7b8-40c8-89fe-f46f9e9622b6',
      validationUrl: 'https://rp.example/validate',
    }
    const event = { id: '2d1781af', eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent', subject: '', data }
    const headers = { 'aeg-event-type': 'SubscriptionValidation' }
    const answer = await call(edge, path, { key: null, body: [event], headers })
    expect([answer.status, answer.json()]).toEqual([200, { validationResponse: data.validationCode }])
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect([edge.events(), edge.deadLetters]).toEqual([[], []])
  })

  test('answers a GET without parameters, as Mailchimp sends it, and stores nothing', async () => {
    const edge = edgeOf(secret)
    const answer = await call(edge, path, { method: 'GET', key: null, headers: { 'user-agent': 'MailChimp.com' } })
    expect([answer.status, answer.text]).toEqual([200, 'OK'])
    expect([edge.events(), edge.deadLetters, edge.counters]).toEqual([[], [], { 'ignored:shop': 1 }])
  })

  test("answers the challenge of Meta's webhooks and of WebSub, and stores nothing", async () => {
    const edge = edgeOf(secret)
    const query = 'hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meatyhamhock'
    const answer = await call(edge, `${path}&${query}`, { method: 'GET', key: null })
    expect([answer.status, answer.text, answer.headers.get('content-type')]).toEqual([200, '1158201444', 'text/plain'])
    expect(edge.events()).toEqual([])
  })

  test('a handshake sends nothing back that a browser could take for a page', async () => {
    const edge = edgeOf(secret)
    for (const text of ['<script>alert(1)</script>', 'ä', 'x'.repeat(2_000)]) {
      const answer = await call(edge, `${path}&validationToken=${encodeURIComponent(text)}`, { key: null })
      expect(answer.text).not.toContain(text)
    }
  })
})

describe('Zoom', () => {
  const secret = 'secret-token-of-zoom'
  const validation = JSON.stringify({
    event: 'endpoint.url_validation',
    payload: { plainToken: 'qgg8vlvZRS6UYooatFL8Aw' },
    event_ts: 1654503849680,
  })
  const sign = (body: string, by = secret) => {
    const at = String(Math.floor(now / 1000))
    return { 'x-zm-request-timestamp': at, 'x-zm-signature': `v0=${hex(by, `v0:${at}:${body}`)}` }
  }

  test("Zoom gets its token signed by the source's secret", async () => {
    const edge = edgeOf(secret)
    const answer = await call(edge, path, { key: null, raw: validation, headers: sign(validation) })
    const encryptedToken = hex(secret, 'qgg8vlvZRS6UYooatFL8Aw')
    expect([answer.status, answer.json()]).toEqual([200, { plainToken: 'qgg8vlvZRS6UYooatFL8Aw', encryptedToken }])
    expect([edge.events(), edge.deadLetters]).toEqual([[], []])
  })

  test('Zoom gets it signed by the secret that it signed with, while there are two', async () => {
    const edge = edgeOf(['another', secret])
    const answer = await call(edge, path, { key: null, raw: validation, headers: sign(validation) })
    expect(answer.json()['encryptedToken']).toBe(hex(secret, 'qgg8vlvZRS6UYooatFL8Aw'))
  })

  test('Zoom has its events taken by its own signature, each as an event of its own', async () => {
    const edge = edgeOf(secret)
    const body = '{"event":"meeting.started","payload":{"object":{"id":"1843"}}}'
    const headers = { ...sign(body), 'webhook-id': 'made-up' }
    expect((await call(edge, path, { key: null, raw: body, headers })).status).toBe(200)
    expect(edge.events()).toMatchObject([{ properties: { event: 'meeting.started' } }])
    expect(edge.events()[0]?.['messageId']).not.toBe('made-up')
  })

  test('Zoom is not answered without its signature: nobody can have a text of theirs signed', async () => {
    const edge = edgeOf(secret)
    for (const headers of [{}, sign(validation, 'another')])
      expect((await call(edge, path, { key: null, raw: validation, headers })).status).toBe(401)
    const forged = JSON.stringify({ event: 'endpoint.url_validation', payload: { plainToken: `v0:1:{"event":"x"}` } })
    const answer = await call(edge, path, { key: null, raw: forged, headers: sign(forged) })
    expect([answer.status, answer.text.includes(hex(secret, 'v0:1:{"event":"x"}'))]).toEqual([400, false])
  })

  test('Zoom is told what is missing when the source has no secret, and the call is kept', async () => {
    const edge = edgeOf()
    const answer = await call(edge, path, { key: null, raw: validation, headers: sign(validation) })
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('Secret Token')])
    expect(edge.deadLetters).toHaveLength(1)
  })
})

describe('a list in one call', () => {
  test('a list in one call of events is as many events', async () => {
    const edge = edgeOf()
    const answer = await call(edge, path, { key: null, body: [{ order: 1843 }, { order: 1844 }] })
    expect(answer.status).toBe(200)
    expect(edge.events().map(({ properties }) => properties)).toEqual([{ order: 1843 }, { order: 1844 }])
  })

  test('a list in one call of a thousand events is a thousand events, of no event none', async () => {
    const edge = edgeOf()
    await call(edge, path, {
      key: null,
      body: Array.from({ length: 1_000 }, (_, order) => ({ order, note: 'x'.repeat(100) })),
    })
    expect([edge.events().length, edge.deadLetters]).toEqual([1_000, []])
    const none = edgeOf()
    expect((await call(none, path, { key: null, body: [] })).status).toBe(200)
    expect([none.events(), none.deadLetters, none.counters]).toEqual([[], [], { 'ignored:shop': 1 }])
  })

  test('a list in one call of more than 5,000 events is kept as a dead letter that says so', async () => {
    const edge = edgeOf()
    const answer = await call(edge, path, { key: null, body: Array.from({ length: 5_001 }, () => ({ a: 1 })) })
    expect([answer.status, edge.events()]).toEqual([400, []])
    expect(edge.deadLetters).toMatchObject([{ reason: 'The call has more than 5000 events' }])
  })

  test('a list in one signed call gives each event an id of its own, the same when it is sent again', async () => {
    const secret = 'secret-of-the-source'
    const edge = edgeOf(secret)
    const raw = '[{"order":1843},{"order":1844}]'
    const at = String(Math.floor(now / 1000))
    const signature = `v1,${createHmac('sha256', secret).update(`msg_1.${at}.${raw}`).digest('base64')}`
    const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': at, 'webhook-signature': signature }
    for (let repeat = 0; repeat < 2; repeat++) await call(edge, path, { key: null, raw, headers })
    expect(edge.events().map(({ messageId }) => messageId)).toEqual(['msg_1-0', 'msg_1-1', 'msg_1-0', 'msg_1-1'])
  })

  test('a list in one call of anything else is one event', async () => {
    const edge = edgeOf()
    await call(edge, path, { key: null, body: [1843, 'x'] })
    expect(edge.events()).toMatchObject([{ properties: { value: [1843, 'x'] } }])
  })
})

test('every source that takes a secret takes several, and none that has no value', async () => {
  const taking: string[] = []
  for (const name of sourceNames) {
    const make = await makerOf(name)
    if (make({ secret: 'abcd' }).problems.some((problem) => problem.includes('is no setting'))) continue
    taking.push(name)
    expect(make({ secret: ['abcd', 'ef01'] }).problems, name).toEqual([])
    expect(make({ secret: ['abcd', undefined] }).problems, name).toEqual([])
    for (const secret of [undefined, '', [], [undefined, ' ']])
      expect(make({ secret }).problems, name).toEqual([expect.stringContaining('"secret" has no value')])
  }
  expect(taking.length).toBeGreaterThan(14)
})

test.each([
  ['segment', (key: string, body: string) => ({ 'x-signature': createHmac('sha1', key).update(body).digest('hex') })],
  [
    'shopify',
    (key: string, body: string) => ({
      'x-shopify-topic': 'orders/paid',
      'x-shopify-hmac-sha256': createHmac('sha256', key).update(body).digest('base64'),
    }),
  ],
  [
    'canny',
    (key: string) => ({
      'canny-nonce': 'n-1',
      'canny-signature': createHmac('sha256', key).update('n-1').digest('base64'),
    }),
  ],
])('%s takes calls that are signed by either of two secrets', async (name, sign) => {
  const make = await makerOf(name)
  const source = make({ secret: ['first secret', 'next secret'] })
  const verify = (key: string) => {
    const bytes = new TextEncoder().encode('{}')
    const headers = sign(key, '{}') as Record<string, string>
    const hook = { method: 'POST', url: '/v1/webhook', proto: 'HTTP/2', headers, query: {}, bytes, body: {} } as const
    return source.verify?.(hook, { now: () => now })
  }
  expect(await verify('first secret')).toBe(undefined)
  expect(await verify('next secret')).toBe(undefined)
  expect(await verify('another secret')).toContain('wrong')
})
