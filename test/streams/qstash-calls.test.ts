import { generateKeyPairSync, sign } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { messageBatchesOf } from '../../src/streams/queues/messages.ts'
import { packedOrder } from '../support/sample-events.ts'
import { type Claims, claimsOf, currentKey, nextKey, signClaims } from './qstash-signature.ts'
import { address, Lanes, qstashAt } from './qstash-deployment.ts'

const url = `${address}/qstash`
const orders = [packedOrder('order-1', { properties: { note: 'Žofie 👩‍🚀' } }), packedOrder('order-2')]
const bodyOf = (partition = 0): string => messageBatchesOf(orders, () => partition)[0]?.[0] ?? ''

interface Sent {
  readonly body?: string | Uint8Array<ArrayBuffer>
  /** Null: none. */
  readonly signature?: string | null
  readonly headers?: Record<string, string>
  readonly method?: string
  readonly lanes?: Lanes
}

async function call({ body = bodyOf(), signature, headers = {}, method = 'POST', lanes = new Lanes() }: Sent = {}) {
  const token = signature === undefined ? signClaims(claimsOf(url, body)) : signature
  const request = new Request(url, {
    method,
    headers: { ...headers, ...(token === null ? {} : { 'upstash-signature': token }) },
    ...(method === 'GET' ? {} : { body }),
  })
  const answer = await qstashAt().triggers.fetch?.(request, lanes.context)
  return { status: answer?.status, text: await answer?.text(), headers: answer?.headers, lanes }
}

const claims = (more: Claims): Claims => ({ ...claimsOf(url, bodyOf()), ...more })
const without = (name: string): Claims => Object.fromEntries(Object.entries(claims({})).filter(([one]) => one !== name))
const seconds = Math.floor(Date.now() / 1_000)

test('a signed call of QStash is handed to the lanes of its partition', async () => {
  const { status, lanes } = await call({ body: bodyOf(3) })
  expect(status).toBe(204)
  expect(Object.fromEntries(lanes.got)).toEqual({
    'webhook:3': ['order-1', 'order-2'],
    'audit:3': ['order-1', 'order-2'],
  })
  expect(lanes.texts[0]).toContain('Žofie 👩‍🚀')
})

test('a call of QStash may be signed with the next key, while keys are rotated', async () => {
  expect((await call({ signature: signClaims(claims({}), nextKey) })).status).toBe(204)
})

test.each<[string, string | null, RegExp]>([
  ['is missing', null, /no Upstash-Signature/],
  ['is no JWT', 'sesame', /Invalid Compact JWS/],
  ['is of a key that is neither the current nor the next', signClaims(claims({}), 'sig_of_somebody'), /verification/],
  ['is of another issuer', signClaims(claims({ iss: 'Downstash' })), /"iss"/],
  ['has no issuer', signClaims(without('iss')), /"iss"/],
  ['is for another URL', signClaims(claims({ sub: 'https://elsewhere.example.com/qstash' })), /"sub"/],
  ['is for another path', signClaims(claims({ sub: `${address}/` })), /"sub"/],
  ['has expired', signClaims(claims({ exp: seconds - 60 })), /"exp"/],
  ['never expires', signClaims(without('exp')), /"exp"/],
  ['is not valid yet', signClaims(claims({ nbf: seconds + 60 })), /"nbf"/],
  ['has no begin', signClaims(without('nbf')), /"nbf"/],
  ['names no body', signClaims(without('body')), /"body"/],
  ['has a number for the body', signClaims(claims({ body: 7 })), /"body"/],
  ['is of another body', signClaims(claimsOf(url, 'another body')), /another body/],
  ['is of no body', signClaims(claimsOf(url, '')), /another body/],
])('a call of QStash is refused when its signature %s', async (_how, signature, reason) => {
  const { status, text, lanes } = await call({ signature })
  expect([status, text]).toEqual([401, expect.stringMatching(reason)])
  expect(lanes.texts).toEqual([])
  expect(lanes.logged).toEqual([expect.stringContaining('a call to /qstash was refused')])
})

test('a signature of QStash with another algorithm counts for nothing', async () => {
  const [header, payload] = signClaims(claims({})).split('.')
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const rsaHeader = Buffer.from('{"alg":"RS256"}').toString('base64url')
  const rsa = `${rsaHeader}.${payload}.${sign('sha256', Buffer.from(`${rsaHeader}.${payload}`), privateKey).toString('base64url')}`
  const hs512 = signClaims(claims({}), currentKey, { alg: 'HS512' })
  const unsigned = `${header}.${payload}.`
  for (const signature of [none, rsa, hs512, unsigned])
    expect((await call({ signature })).status, signature.slice(0, 40)).toBe(401)
})

test('clocks that differ by some seconds do not make a signature of QStash wrong', async () => {
  expect((await call({ signature: signClaims(claims({ nbf: seconds + 3 })) })).status).toBe(204)
})

test('a body that was changed by one character is refused', async () => {
  const body = bodyOf().replace('order-1', 'order-7')
  expect((await call({ body, signature: signClaims(claimsOf(url, bodyOf())) })).status).toBe(401)
})

test('the body of a call to /qstash without a right signature is never parsed', async () => {
  const { status, lanes } = await call({ body: 'x'.repeat(2_000_000), signature: null })
  expect(status).toBe(401)
  expect(lanes.logged.join('')).not.toContain('larger')
})

test.each<[string, string | Uint8Array<ArrayBuffer>]>([
  ['is empty', ''],
  ['is text', 'Hello'],
  ['is JSON', '{"hello":"world"}'],
  ['is a number', '12'],
  ['names a partition and has no event', '0\n'],
  ['names a partition that is none', `-1\n${bodyOf().slice(2)}`],
  ['has a header that is none', '0\n{"hello":"world"}\n{}\n'],
  ['has a header that is null', '0\nnull\n{}\n'],
  ['has an event that is none', `${bodyOf().split('\n').slice(0, 2).join('\n')}\nnull\n`],
  ['is larger than any message', 'x'.repeat(1_100_000)],
  ['is no UTF-8', new Uint8Array([0x30, 0x0a, 0xff, 0xfe, 0x00])],
  ['is packed', new Uint8Array(gzipSync(bodyOf()))],
])('a signed message of QStash that %s stays in its dead-letter queue, and nothing is retried', async (_what, body) => {
  const { status, headers, lanes } = await call({ body, headers: { 'content-encoding': 'gzip' } })
  expect([status, headers?.get('upstash-nonretryable-error')]).toEqual([489, 'true'])
  expect(lanes.texts).toEqual([])
  expect(lanes.logged).toEqual([expect.stringContaining('was not written by Sluiceway')])
})

test('a message of QStash comes again in some seconds while a lane is unavailable', async () => {
  const lanes = new Lanes()
  lanes.areBroken = true
  const first = await call({ lanes })
  expect([first.status, first.headers?.get('retry-after')]).toEqual([503, '5'])
  lanes.areBroken = false
  expect((await call({ lanes })).status).toBe(204)
  expect(lanes.got.get('webhook:0')).toEqual(['order-1', 'order-2'])
})

test('QStash calls with POST only, and other paths are none of its', async () => {
  expect((await call({ method: 'GET' })).status).toBe(405)
  const other = new Request(`${address}/qstash/more`, { method: 'POST', body: 'x' })
  expect(await qstashAt().triggers.fetch?.(other, new Lanes().context)).toBeUndefined()
})

test('no answer to QStash may be kept by a cache', async () => {
  for (const signature of [null, undefined])
    expect(
      (await call({ body: 'Hello', ...(signature === null ? { signature } : {}) })).headers?.get('cache-control'),
    ).toBe('no-store')
})
