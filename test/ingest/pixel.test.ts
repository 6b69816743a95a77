import { describe, expect, test } from 'vitest'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'
import { receivedAt } from '../support/sample-events.ts'
import { call } from '../support/call.ts'

const get = (edge: ReturnType<typeof fakeEdge>, query: string, type = 'track') =>
  call(edge, `/pixel/v1/${type}?${query}`, { method: 'GET', key: null })

describe('a pixel', () => {
  test('a pixel of an opened e-mail is an event whose fields are the query, with dots as objects', async () => {
    const edge = fakeEdge()
    const query = `writeKey=${writeKey}&anonymousId=anon-ada&event=Email+Opened&properties.campaign.name=Winter+Sale&context.page.url=https%3A%2F%2Fshop.example%2F`
    const answer = await get(edge, query)
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([
      200,
      'image/gif',
      'no-store, max-age=0',
    ])
    expect(answer.text.slice(0, 6)).toBe('GIF89a')
    expect(edge.events()).toEqual([
      expect.objectContaining({
        type: 'track',
        event: 'Email Opened',
        anonymousId: 'anon-ada',
        channel: 'web',
        integrations: { All: true },
        properties: { campaign: { name: 'Winter Sale' } },
        context: expect.objectContaining({ page: { url: 'https://shop.example/' } }),
        originalTimestamp: receivedAt,
        sentAt: receivedAt,
        timestamp: receivedAt,
      }),
    ])
    expect(edge.events()[0]).not.toHaveProperty('writeKey')
  })

  test('a pixel of a page has the name Unknown Page unless it says another', async () => {
    const edge = fakeEdge()
    await get(edge, `writeKey=${writeKey}&anonymousId=a`, 'page')
    await get(edge, `writeKey=${writeKey}&anonymousId=a&name=Home`, 'page')
    expect(edge.events().map(({ type, name }) => [type, name])).toEqual([
      ['page', 'Unknown Page'],
      ['page', 'Home'],
    ])
  })

  test('a pixel without identity is an image all the same, and a dead letter', async () => {
    const edge = fakeEdge()
    expect((await get(edge, `writeKey=${writeKey}&event=Email+Opened`)).status).toBe(200)
    expect(edge.deadLetters).toMatchObject([{ code: 'no_identity', event: expect.stringContaining('Email Opened') }])
  })

  test.each(['', 'writeKey=wrong', 'writeKey=closedKey'])(
    'a pixel with %j for a key is an image all the same, and the log says why',
    async (query) => {
      const edge = fakeEdge()
      const answer = await get(edge, query)
      expect([answer.status, answer.text.slice(0, 6)]).toEqual([200, 'GIF89a'])
      expect(edge.logged).toEqual(['the event of a pixel was not taken'])
    },
  )

  test('a pixel cannot reach a prototype', async () => {
    const edge = fakeEdge()
    const query = `writeKey=${writeKey}&anonymousId=a&event=x&__proto__.polluted=yes&constructor.prototype.polluted=yes&properties.__proto__.polluted=yes`
    expect((await get(edge, query)).status).toBe(200)
    expect(({} as Record<string, unknown>)['polluted']).toBe(undefined)
    expect(edge.events()[0]).not.toHaveProperty('polluted')
  })

  test('a pixel asked for by HEAD stores nothing, and takes no other verb', async () => {
    const edge = fakeEdge()
    const path = `/pixel/v1/track?writeKey=${writeKey}&anonymousId=a&event=x`
    expect((await call(edge, path, { method: 'HEAD', key: null })).text).toBe('')
    expect((await call(edge, path, { body: {} })).status).toBe(405)
    expect(edge.events()).toEqual([])
  })
})

describe('a beacon', () => {
  const batch = { batch: [{ type: 'page', anonymousId: 'anon-ada', name: 'Home', messageId: 'm-1' }] }

  test('a beacon brings its key in the query and its JSON as text, so that the browser asks nothing before', async () => {
    const edge = fakeEdge()
    const headers = { 'content-type': 'text/plain;charset=UTF-8', origin: 'https://shop.example' }
    const answer = await call(edge, `/beacon/v1/batch?writeKey=${writeKey}`, { key: null, body: batch, headers })
    expect(answer.text).toBe('{"success":true,"accepted":1}')
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://shop.example')
    expect(edge.events()).toMatchObject([{ name: 'Home' }])
  })

  test.each([
    ['', 401, 'write_key_missing', 'failed to read writekey from query params'],
    ['?writeKey=wrong', 401, 'write_key_invalid', 'invalid write key'],
    ['?writeKey=closedKey', 404, 'source_disabled', 'source is disabled'],
  ])('a beacon with %j for a key is refused with %i', async (query, status, code, message) => {
    const answer = await call(fakeEdge(), `/beacon/v1/batch${query}`, { key: null, body: batch })
    expect([answer.status, answer.json()]).toEqual([status, { success: false, code, message }])
  })
})

describe("Segment's short paths", () => {
  test.each([
    ['t', 'track'],
    ['p', 'page'],
    ['i', 'identify'],
    ['g', 'group'],
    ['a', 'alias'],
    ['s', 'screen'],
  ])("Segment's short path /v1/%s stands for %s, with the key in the body", async (path, type) => {
    const edge = fakeEdge()
    const answer = await call(edge, `/v1/${path}`, {
      key: null,
      body: { writeKey, userId: 'ada', event: 'Order Completed' },
    })
    expect(answer.text).toBe('{"success":true,"accepted":1}')
    expect(edge.events()).toMatchObject([{ type, userId: 'ada' }])
    expect(edge.events()[0]).not.toHaveProperty('writeKey')
  })

  test("Segment's short path /v1/b is a batch with the key in its body", async () => {
    const edge = fakeEdge()
    await call(edge, '/v1/b', { key: null, body: { writeKey, batch: [{ type: 'track', userId: 'ada', event: 'x' }] } })
    expect(edge.events()).toMatchObject([{ type: 'track', userId: 'ada' }])
  })
})
