import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'
import { call, streamed, utf8 } from '../support/call.ts'
import { webhook } from '../../src/sources/webhook.ts'

describe('a body whose Content-Encoding is', () => {
  const text = JSON.stringify({ batch: [orderCompleted()] })
  const plain = ['utf-8', 'UTF-8', 'Identity', 'aws-chunked', 'none', 'binary', '', 'identity, identity']
  const packed = ['gzip', 'GZIP', 'x-gzip', 'gzip, identity', 'utf-8,gzip']

  test.each<[string, Uint8Array]>([
    ...plain.map((encoding): [string, Uint8Array] => [encoding, utf8(text)]),
    ...packed.map((encoding): [string, Uint8Array] => [encoding, gzipSync(text)]),
  ])('a body whose Content-Encoding is %j is read', async (encoding, raw) => {
    const headers = { 'content-encoding': encoding }
    const bytes = raw as Uint8Array<ArrayBuffer>
    const edge = fakeEdge()
    const stated = { ...headers, 'content-length': `${bytes.byteLength}` }
    expect((await call(edge, '/v1/batch', { raw: bytes, headers: stated })).text).toBe('{"success":true,"accepted":1}')
    expect((await call(edge, '/v1/batch', { raw: streamed(bytes), headers })).status).toBe(200)
    expect(edge.events().map(({ event }) => event)).toEqual(['Order Completed', 'Order Completed'])
    const hook = fakeEdge({ source: { webhook: webhook({}) } })
    const path = `/v1/webhook?writeKey=${writeKey}`
    expect((await call(hook, path, { key: null, raw: bytes, headers })).status).toBe(200)
    expect(hook.events()).toMatchObject([{ properties: { batch: [{ event: 'Order Completed' }] } }])
  })

  test.each(['br', 'deflate', 'zstd', 'compress', 'gzip, br', 'gzip, gzip'])(
    'a body whose Content-Encoding is %j is refused',
    async (encoding) => {
      const edge = fakeEdge()
      const answer = await call(edge, '/v1/batch', { raw: 'x', headers: { 'content-encoding': encoding } })
      expect([answer.status, answer.json()]).toMatchObject([415, { code: 'unsupported_encoding' }])
    },
  )
})

describe('a request that is refused', () => {
  /** A body of that many kilobytes, and how many of them were read. */
  function kilobytes(count: number) {
    const read = { count: 0 }
    const raw = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (read.count === count) return controller.close()
          read.count++
          controller.enqueue(new Uint8Array(1024).fill(32))
        },
      },
      { highWaterMark: 0 },
    )
    return { raw, read }
  }

  test.each<[string, number, string, Record<string, string>]>([
    ['because its stated length is above the limit', 413, '/v1/batch', { 'content-length': `${200 * 1024}` }],
    ['because it turns out to be longer than the limit', 413, '/v1/batch', {}],
    ['because of its encoding', 415, '/v1/batch', { 'content-encoding': 'br' }],
    ['because its source is disabled', 404, '/v1/batch', { authorization: `Basic ${btoa('closedKey:')}` }],
    ['because the path takes no POST', 405, '/sourceConfig', {}],
  ])('%s is answered with %i once its client has written it all', async (_why, status, path, headers) => {
    const { raw, read } = kilobytes(200)
    const edge = fakeEdge({ limits: { bodyBytes: 100_000 } })
    expect((await call(edge, path, { raw, headers })).status).toBe(status)
    expect(read.count).toBe(200)
  })

  test('a request that is refused is answered though its body never ends, or never comes', async () => {
    const edge = fakeEdge({ limits: { bodyBytes: 100_000 } })
    const { raw, read } = kilobytes(1_000_000)
    const headers = { 'content-length': '1024000000' }
    expect((await call(edge, '/v1/batch', { raw, headers })).status).toBe(413)
    expect(read.count).toBeLessThan(40_000)
    const silent = new ReadableStream<Uint8Array>({})
    expect((await call(edge, '/v1/batch', { raw: silent, headers })).status).toBe(413)
  })
})
