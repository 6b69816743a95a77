import { expect, test } from 'vitest'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'
import { call, type Call } from '../support/call.ts'
import { answerNotFound } from '../../src/ingest/refuse.ts'

const batch = { batch: [orderCompleted()] }

test.each<[string, string, Call, string]>([
  ['a wrong key', '/v1/track', { key: 'nobody', body: orderCompleted() }, 'write_key_invalid'],
  ['no key', '/v1/batch', { key: null, body: batch }, 'write_key_missing'],
  ['a disabled source', '/v1/t', { key: 'closedKey', body: orderCompleted() }, 'source_disabled'],
  ['events for a webhook', `/v1/webhook?writeKey=${writeKey}`, { key: null, body: {} }, 'source_not_webhook'],
  ['no JSON', '/v1/batch', { raw: '{' }, 'invalid_json'],
  ['no events', '/v1/batch', { body: {} }, 'empty_batch'],
  ['too many bytes', '/v1/batch', { raw: ' '.repeat(2_000) }, 'body_too_large'],
  ['broken gzip', '/v1/batch', { raw: 'x', headers: { 'content-encoding': 'gzip' } }, 'body_unreadable'],
  ['Brotli', '/v1/batch', { raw: 'x', headers: { 'content-encoding': 'br' } }, 'unsupported_encoding'],
  ['another verb', '/v1/batch', { method: 'PUT', body: batch }, 'method_not_allowed'],
  ['an event where metrics belong', '/v1/m', { body: orderCompleted() }, 'bad_request'],
  ['an SDK with a wrong key', '/sourceConfig?writeKey=x', { key: null, method: 'GET' }, 'write_key_invalid'],
  [
    'the snippet of a wrong key',
    '/analytics.js/v1/x/analytics.min.js',
    { key: null, method: 'GET' },
    'write_key_invalid',
  ],
])('a request that is refused for %s is counted with its code', async (_what, path, options, code) => {
  const edge = fakeEdge({ limits: { bodyBytes: 1_000 } })
  expect((await call(edge, path, options)).status).toBeGreaterThanOrEqual(400)
  await expect.poll(() => edge.counters, { timeout: 3_000 }).toEqual({ [`refused: ${code}`]: 1 })
})

test('a flood of bad requests costs the lane of the edge a few calls, not one each', async () => {
  let calls = 0
  const edge = fakeEdge({ onCount: () => void calls++ })
  for (let i = 0; i < 300; i++) await call(edge, '/v1/track', { key: 'nobody', body: {} })
  await expect.poll(() => edge.counters, { timeout: 3_000 }).toEqual({ 'refused: write_key_invalid': 300 })
  expect(calls).toBeLessThan(5)
})

test('what is counted under another name, or kept, is not counted twice', async () => {
  const edge = fakeEdge()
  expect((await call(edge, '/v1/track', { body: { event: 'of nobody' } })).status).toBe(400)
  expect(edge.deadLetters).toMatchObject([{ code: 'no_identity' }])
  await Promise.all(edge.background)
  expect(edge.counters).toEqual({})
})

test('an event that is sent to a path that there is not is counted; a page that somebody looks for is not', async () => {
  const edge = fakeEdge()
  const ask = (path: string, method: string) =>
    answerNotFound(new Request(`https://edge.example${path}`, { method }), edge.context)
  expect((await ask('/v1/charge', 'POST')).status).toBe(404)
  expect((await ask('/e/pixel/v1/identify', 'GET')).status).toBe(404)
  expect((await ask('/favicon.ico', 'GET')).status).toBe(404)
  await expect.poll(() => edge.counters, { timeout: 3_000 }).toEqual({ 'refused: not_found': 2 })
})
