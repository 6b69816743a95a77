import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { SluicewayError } from '../../src/core/errors.ts'
import { fakeEdge } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'
import { call, type Call } from '../support/call.ts'

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
  ])(
    'a call that fails as a whole says why, and stores nothing: %s',
    async (_what, path, options, status, code, message) => {
      const edge = fakeEdge()
      const answer = await call(edge, path, options)
      expect(answer.json()).toEqual({ success: false, code, message })
      expect(answer.status).toBe(status)
      expect([edge.appends, edge.deadLetters]).toEqual([[], []])
    },
  )

  const tooLarge = { success: false, code: 'body_too_large', message: 'request size exceeds max limit' }

  test('a body over the limit is refused: its bytes are dropped, as many as are bearable', async () => {
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
    expect(pulled).toBeLessThan(17_000)
    const unstated = await call(edge, '/v1/batch', { raw: endless() })
    expect([unstated.status, unstated.json()]).toEqual([413, tooLarge])
    expect(pulled).toBeLessThan(34_000)
  })

  test('a small gzip of a large body is refused', async () => {
    const edge = fakeEdge({ limits: { bodyBytes: 100_000 } })
    const bomb = gzipSync(Buffer.alloc(20_000_000, 32))
    expect(bomb.byteLength).toBeLessThan(100_000)
    const answer = await call(edge, '/v1/batch', { raw: bomb, headers: { 'content-encoding': 'gzip' } })
    expect([answer.status, answer.json()]).toEqual([413, tooLarge])
  })

  test('a call with more events than allowed is answered 413', async () => {
    const edge = fakeEdge({ limits: { batchEvents: 2 } })
    const batch = [orderCompleted(), orderCompleted(), orderCompleted()]
    expect((await call(edge, '/v1/batch', { body: { batch } })).status).toBe(413)
    expect((await call(edge, '/v1/batch', { body: { batch: batch.slice(1) } })).status).toBe(200)
  })

  test('a call is answered 503 with Retry-After when the stream and R2 fail, and nothing of the inner error', async () => {
    const edge = fakeEdge({
      onAppend: () => {
        throw new SluicewayError('stream_unavailable', 'secret address 10.0.0.7')
      },
    })
    edge.bucket.before = () => Promise.reject(new Error('secret address 10.0.0.7'))
    const answer = await call(edge, '/v1/track', { body: orderCompleted() })
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('2')
    expect(answer.json()).toMatchObject({ success: false, code: 'stream_unavailable' })
    expect(answer.text).not.toContain('10.0.0.7')
  })

  test('a call whose dead letters cannot be stored is answered 503 too', async () => {
    const edge = fakeEdge({ onDeadLetters: () => Promise.reject(new Error('lane is unavailable')) })
    edge.bucket.before = () => Promise.reject(new Error('R2 is unavailable'))
    const answer = await call(edge, '/v1/batch', { body: { batch: [orderCompleted(), null] } })
    expect(answer.status).toBe(503)
  })

  test('a call with a wrong verb is answered 405 with the right one', async () => {
    for (const method of ['GET', 'PUT', 'HEAD']) {
      const answer = await call(fakeEdge(), '/v1/track', { method })
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
      if (method !== 'HEAD') expect(answer.json()).toMatchObject({ success: false, code: 'method_not_allowed' })
    }
  })
})

test.each(['/v1/projects/closedKey/settings', '/sourceConfig?writeKey=wrong', '/v1/track'])(
  'what is said of %s by GET stays in no cache, and is taken for nothing but JSON',
  async (path) => {
    const { status, headers } = await call(fakeEdge(), path, { method: 'GET', key: null })
    expect(status).toBeGreaterThanOrEqual(400)
    expect([headers.get('cache-control'), headers.get('x-content-type-options')]).toEqual(['no-store', 'nosniff'])
  },
)
