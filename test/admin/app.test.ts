import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { adminToken } from '../support/fake-context.ts'
import { fakeAdmin } from './fake-admin.ts'

describe('the admin token', () => {
  test('the admin token opens the API', async () => {
    expect((await fakeAdmin().call('/lanes')).status).toBe(200)
  })

  test.each([
    ['none at all', null],
    ['another one', 'correct-horse-battery-staplf'],
    ['the beginning of it', adminToken.slice(0, -1)],
    ['an empty one', ''],
  ])('the admin API answers 401 when a call brings %s, whether or not there is such a path', async (_what, bearer) => {
    const { call } = fakeAdmin()
    for (const path of ['/lanes', '/no-such-path']) {
      const { status, body, headers } = await call(path, { bearer })
      expect(status).toBe(401)
      expect(body).toEqual({ success: false, code: 'unauthorized', message: expect.stringContaining('Bearer') })
      expect(headers.get('www-authenticate')).toContain('Bearer')
    }
  })

  test('the admin token is not taken in another scheme', async () => {
    const { status } = await fakeAdmin().call('/lanes', {
      bearer: null,
      headers: { authorization: `Basic ${adminToken}` },
    })
    expect(status).toBe(401)
  })

  test('the admin API answers 404 to everything when the config has no token, whatever a call brings', async () => {
    const { call } = fakeAdmin({ token: undefined })
    for (const bearer of [adminToken, '', 'undefined', null]) {
      const { status, body } = await call('/lanes', { bearer })
      expect([status, body.code]).toEqual([404, 'not_found'])
    }
  })
})

describe('an answer', () => {
  test('an answer of the admin API may be kept by nobody in between', async () => {
    const { call } = fakeAdmin()
    for (const path of ['/lanes', '/no-such-path', '/dead-letters/webhook:0:7'])
      expect((await call(path)).headers.get('cache-control')).toBe('no-store')
    expect((await call('/lanes', { bearer: null })).headers.get('cache-control')).toBe('no-store')
  })

  test('the admin API answers 404 for a path that does not exist', async () => {
    const { status, body } = await fakeAdmin().call('/no-such-path')
    expect(status).toBe(404)
    expect(body).toEqual({ success: false, code: 'not_found', message: 'There is nothing at /admin/no-such-path.' })
  })

  test('the admin API answers 405 for a verb that the path does not take, and says which it takes', async () => {
    const { status, body, headers } = await fakeAdmin().call('/dead-letters/webhook:0:1', { method: 'POST' })
    expect([status, body.code]).toEqual([405, 'method_not_allowed'])
    expect(headers.get('allow')).toBe('GET, PUT, PATCH, DELETE')
    expect((await fakeAdmin().call('/lanes', { method: 'POST' })).status).toBe(405)
  })

  test('the admin API tells nothing of a failure of ours in its answer, but logs it', async () => {
    const admin = fakeAdmin({ broken: ['webhook:0'] })
    const { status, body } = await admin.call('/dead-letters/webhook:0:1')
    expect(status).toBe(500)
    expect(body).toEqual({ success: false, code: 'internal', message: expect.not.stringContaining('unavailable') })
    expect(admin.logged).toEqual(['a call of the admin API failed'])
  })

  test('the admin API shows no secret of the config', async () => {
    const { call, post } = fakeAdmin({ letters: { 'webhook:0': [{}] } })
    const answers = await Promise.all([
      call('/lanes'),
      call('/log'),
      call('/events'),
      call('/warehouses'),
      call('/dead-letters'),
      call('/trace/order-1'),
      post('/sweep'),
    ])
    for (const { status, text } of answers) {
      expect(status).toBe(200)
      expect(text).not.toMatch(/secret of the shop|keyOfThe|correct-horse/)
    }
  })
})

describe('the body of a call of the admin API', () => {
  const megabyte = new Uint8Array(1_048_576).fill(0x20)
  /** A body of which nobody says how long it is. */
  const endless = () => {
    let megabytes = 0
    const body = new ReadableStream<Uint8Array>({
      pull: (stream) => (++megabytes > 300 ? stream.close() : stream.enqueue(megabyte)),
    })
    return { body, read: () => megabytes }
  }

  test.each(['/suppression', '/warehouses/tables/load', '/warehouses/tables/retry'])(
    'a body without an end is refused before it fills the memory (%s)',
    async (path) => {
      const { body, read } = endless()
      const { status, body: answer } = await fakeAdmin().call(path, {
        method: 'POST',
        body,
        duplex: 'half',
      } as RequestInit)
      expect(read()).toBeLessThan(30)
      expect([status, answer.code]).toEqual([413, 'body_too_large'])
    },
  )

  test('a body that is packed with gzip is read, and one in another compression is refused', async () => {
    const { call } = fakeAdmin()
    const send = (headers: HeadersInit, body: BodyInit) =>
      call('/warehouses/tables/retry', { method: 'POST', body, headers })
    const packed = gzipSync(JSON.stringify({ table: 1 }))
    expect((await send({ 'content-encoding': 'gzip' }, packed)).body.message).toBe('table: must be text')
    const { status, body } = await send({ 'content-encoding': 'br' }, packed)
    expect([status, body.code]).toEqual([415, 'unsupported_encoding'])
  })
})
