import { createHash, createHmac } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { objectStore } from '../../destinations/object-store.ts'
import { Envelope } from '../../src/core/envelope.ts'
import { deliver } from '../../src/lanes/deliver.ts'
import { fakePort } from '../support/fake-context.ts'
import { headerOf, plainOrder, receivedAt } from '../support/sample-events.ts'

const secret = 'secret key of Ada'
/** Objects as the store has them, by their paths. */
const stored = new Map<string, string>()
const refused: string[] = []
let server: Server
let endpoint = ''

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex')

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, in the words of the page. */
function signatureOf(
  method: string,
  path: string,
  headers: Record<string, string>,
  signed: string,
  body: Buffer,
): string {
  const canonical = [
    method,
    path,
    '',
    ...signed.split(';').map((name) => `${name}:${(headers[name] ?? '').trim()}`),
    '',
    signed,
    sha256(body),
  ].join('\n')
  const date = headers['x-amz-date'] ?? ''
  const scope = `${date.slice(0, 8)}/eu-central-1/s3/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')
  const key = scope.split('/').reduce<string | Buffer>((made, part) => hmac(made, part), `AWS4${secret}`)
  return hmac(key, toSign).toString('hex')
}

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      const { method = '', url = '' } = request
      const headers = request.headers as Record<string, string>
      const [, signed = '', signature = ''] =
        /SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)/.exec(headers['authorization'] ?? '') ?? []
      const isRight =
        signatureOf(method, url, headers, signed, body) === signature &&
        headers['x-amz-content-sha256'] === sha256(body) &&
        signed.split(';').includes('host')
      if (isRight) stored.set(url, gunzipSync(body).toString())
      else refused.push(url)
      response.writeHead(isRight ? 200 : 403).end(isRight ? '' : '<Error><Code>SignatureDoesNotMatch</Code></Error>')
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const settings = {
  provider: 'other',
  bucket: 'events',
  accessKeyId: 'AKIAADA',
  region: 'eu-central-1',
  allowPrivate: true,
} as const
const send = (secretAccessKey: string, ...ids: string[]) =>
  deliver(
    ids.map((id) => new Envelope(headerOf(id), JSON.stringify({ ...plainOrder(id), receivedAt }))),
    objectStore({ ...settings, endpoint, secretAccessKey }),
    { port: fakePort({ fetch: async (request) => fetch(request) }) },
  )

test('a store that checks signatures has every event once, as a line of a compressed object', async () => {
  const ids = Array.from({ length: 300 }, (_, i) => `order-${i}`)
  const { outcomes } = await send(secret, ...ids)
  expect(new Set(outcomes.map(({ verdict }) => verdict.kind))).toEqual(new Set(['done']))
  const [[path, text] = ['', '']] = stored
  expect(stored.size).toBe(1)
  expect(path).toMatch(/^\/events\/events\/Order_Completed\/date%3D2026-11-22\/100000-[0-9a-f]{16}\.ndjson\.gz$/)
  expect(
    text
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { messageId: string }).messageId),
  ).toEqual(ids)
})

test('the same events, sent again, write the same object', async () => {
  stored.clear()
  await send(secret, 'order-1', 'order-2')
  await send(secret, 'order-1', 'order-2')
  expect(stored.size).toBe(1)
  await send(secret, 'order-1')
  expect(stored.size).toBe(2)
})

test('a wrong key stops the lane, loses nothing and is shown nowhere', async () => {
  stored.clear()
  const { outcomes } = await send('another key', 'order-1')
  expect(outcomes.map(({ verdict }) => verdict)).toEqual([{ kind: 'pause', reason: 'HTTP 403: SignatureDoesNotMatch' }])
  expect(stored.size).toBe(0)
  expect(refused).toHaveLength(1)
  expect(JSON.stringify(outcomes)).not.toContain('another key')
})
