import { describe, expect, test } from 'vitest'
import { webhook } from '../../src/sources/webhook.ts'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'
import { basic, call } from '../support/call.ts'

/** Authorization headers that name no source: of a proxy, of another API, or of a client that has none. */
const foreign = [
  ['a token of another API', 'Bearer eyJhbGciOiJIUzI1NiJ9'],
  ['an empty user', basic('')],
  ['a proxy’s own user', basic('proxy')],
  ['no scheme', 'letmein'],
  ['a user that is no base64', 'Basic %%%'],
  ['nothing', ''],
] as const

describe.each(foreign)('an Authorization header with %s', (_what, authorization) => {
  const headers = { authorization }

  test.each<[string, object]>([
    ['/v1/batch', { writeKey, batch: [orderCompleted()] }],
    ['/v1/import', { writeKey, batch: [orderCompleted()] }],
    ['/v1/b', { writeKey, batch: [orderCompleted()] }],
    ['/v1/t', orderCompleted({ writeKey })],
    ['/v1/track', orderCompleted({ writeKey })],
    [`/beacon/v1/batch?writeKey=${writeKey}`, { batch: [orderCompleted()] }],
    ['/beacon/v1/batch', { writeKey, batch: [orderCompleted()] }],
  ])('an Authorization header of no source does not hide the key that is elsewhere, on %s', async (path, body) => {
    const edge = fakeEdge()
    const answer = await call(edge, path, { key: null, headers, body })
    expect([answer.status, answer.json()]).toEqual([200, { success: true, accepted: 1 }])
    expect(edge.events()).toMatchObject([{ event: 'Order Completed' }])
  })

  test('an Authorization header of no source does not hide the key of a pixel, of the settings of an SDK, of a reset', async () => {
    const edge = fakeEdge()
    await call(edge, `/pixel/v1/track?writeKey=${writeKey}&userId=ada&event=Opened`, {
      method: 'GET',
      key: null,
      headers,
    })
    expect(edge.events()).toMatchObject([{ event: 'Opened', userId: 'ada' }])
    const settings = await call(edge, `/sourceConfig?writeKey=${writeKey}`, { method: 'GET', key: null, headers })
    expect([settings.status, settings.json()]).toMatchObject([200, { source: { writeKey } }])
    expect((await call(edge, `/v1/reset?writeKey=${writeKey}`, { key: null, headers })).status).toBe(200)
  })

  test('an Authorization header of no source does not hide the key of a webhook', async () => {
    const edge = fakeEdge({ source: { webhook: webhook({}) } })
    const answer = await call(edge, `/v1/webhook?writeKey=${writeKey}`, { key: null, headers, body: { order: 1843 } })
    expect([answer.status, edge.events()]).toMatchObject([200, [{ properties: { order: 1843 } }]])
  })

  test('alone is refused with 401', async () => {
    const answer = await call(fakeEdge(), '/v1/track', { key: null, headers, body: orderCompleted() })
    expect(answer.status).toBe(401)
    expect(answer.json()['code']).toMatch(/^write_key_(missing|invalid)$/)
  })
})

test('the key of the header counts where there are two that name a source', async () => {
  const edge = fakeEdge()
  const body = orderCompleted({ writeKey: 'closedKey' })
  expect((await call(edge, '/v1/track', { body })).status).toBe(200)
  expect(edge.envelopes().map(({ header }) => header.source)).toEqual(['shop'])
})

test('a key with blanks around it, as shells leave them, is the key', async () => {
  const edge = fakeEdge()
  expect((await call(edge, '/v1/track', { key: `${writeKey}\n`, body: orderCompleted() })).status).toBe(200)
  const body = orderCompleted({ writeKey: ` ${writeKey} ` })
  expect((await call(edge, '/v1/track', { key: null, body })).status).toBe(200)
  expect(edge.events().map((event) => 'writeKey' in event)).toEqual([false, false])
})

test('a webhook whose URL has a key of nobody is known by its Authorization header', async () => {
  const edge = fakeEdge({ source: { webhook: webhook({}) } })
  const answer = await call(edge, '/v1/webhook?writeKey=keyOfLastYear', { body: { order: 1843 } })
  expect([answer.status, edge.events()]).toMatchObject([200, [{ properties: { order: 1843 } }]])
})
