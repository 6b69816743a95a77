import { describe, expect, test } from 'vitest'
import { sdk } from '../../src/ingest/sdk.ts'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'
import { basic, call } from '../support/call.ts'

describe('browsers', () => {
  const origin = 'https://shop.example'

  test('a preflight of a browser is answered for any origin, with the headers that were asked for', async () => {
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
  test('the address of a request is that of Cloudflare, not what the client says anywhere', async () => {
    const edge = fakeEdge()
    await call(edge, '/v1/track', {
      body: orderCompleted({ request_ip: '6.6.6.6' }),
      headers: { 'cf-connecting-ip': '203.0.113.9', 'x-forwarded-for': '6.6.6.6', 'user-agent': 'analytics-node/3' },
    })
    expect(edge.events()[0]).toMatchObject({ request_ip: '203.0.113.9', context: { ip: '203.0.113.9' } })
    expect(edge.envelopes()[0]?.header.facts).toEqual({ ip: '203.0.113.9', userAgent: 'analytics-node/3' })
  })

  test('the address of a request without the header of Cloudflare is the first of X-Forwarded-For when it looks like an address', async () => {
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
    await sdk.fetch(request, edge.context)
    const { colo: _, ...geo } = cf
    expect(edge.events().map((event) => (event['context'] as { geo?: unknown }).geo)).toEqual([
      geo,
      undefined,
      { country: 'NO' },
    ])
    expect(edge.envelopes()[0]?.header.facts).toMatchObject({ country: 'DE', region: 'Bremen', city: 'Bremen' })
  })
})
