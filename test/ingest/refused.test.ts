import { expect, test } from 'vitest'
import { isSecure } from '../../src/ingest/secure.ts'
import { notFoundResponse } from '../../src/ingest/responses.ts'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'
import { call } from '../support/call.ts'

const limited = () => {
  const RATE = { getByName: () => ({ take: async () => ({ allowed: false, remaining: 0, retryAfter: 3 }) }) }
  return fakeEdge({ source: { rate: { eventsPerSecond: 1, burst: 5 } }, bindings: { RATE } })
}

test('events above the rate are answered with what the limit is, and counted', async () => {
  const edge = limited()
  const answer = await call(edge, '/v1/batch', { body: { batch: [orderCompleted(), orderCompleted()] } })
  expect([answer.status, answer.json()]).toEqual([
    429,
    { success: false, code: 'rate_limited', message: 'max requests limit reached' },
  ])
  expect(['retry-after', 'ratelimit', 'ratelimit-policy'].map((name) => answer.headers.get(name))).toEqual([
    '3',
    '"source-shop";r=0;t=3',
    '"source-shop";q=5;w=5',
  ])
  await expect.poll(() => edge.counters, { timeout: 3_000 }).toEqual({ 'limited:shop': 2 })
  expect(edge.events()).toEqual([])
})

test('a call that a pixel refuses is counted, because its answer is an image and cannot tell', async () => {
  const edge = limited()
  for (const key of [writeKey, 'nobody'])
    await call(edge, `/pixel/v1/track?writeKey=${key}&anonymousId=a&event=x`, { method: 'GET', key: null })
  await expect
    .poll(() => edge.counters, { timeout: 3_000 })
    .toEqual({ 'limited:shop': 1, 'pixel refused: rate_limited': 1, 'pixel refused: write_key_invalid': 1 })
})

test('a call of a route without the prefix of the config is told where it is', async () => {
  const answer = (await notFoundResponse(new Request('https://edge.example/v1/batch'), '/e').json()) as {
    message: string
  }
  expect(answer.message).toBe('There is nothing at /v1/batch. Events are taken below /e.')
})

test('a connection is encrypted where a proxy says that it was', () => {
  const secure = (url: string, headers = {}) => isSecure(new Request(url, { headers }))
  expect(secure('https://shop.example')).toBe(true)
  expect(secure('http://shop.example')).toBe(false)
  expect(secure('http://shop.example', { 'x-forwarded-proto': 'https' })).toBe(true)
})
