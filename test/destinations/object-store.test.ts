import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { objectStore } from '../../destinations/object-store.ts'
import { Envelope } from '../../src/core/envelope.ts'
import { deliver } from '../../src/lanes/deliver.ts'
import { fakePort } from '../support/fake-context.ts'
import { type S3Server, startS3 } from '../support/s3-server.ts'
import { headerOf, plainOrder, receivedAt } from '../support/sample-events.ts'

const secret = 'secret key of Ada'
let store: S3Server

beforeAll(async () => {
  store = await startS3(secret)
})
beforeEach(() => store.stored.clear())
afterAll(() => store.stop())

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
    objectStore({ ...settings, endpoint: store.endpoint, secretAccessKey }),
    { port: fakePort({ fetch: async (request) => fetch(request) }) },
  )

test('a store that checks signatures has every event once, as a line of a compressed object', async () => {
  const ids = Array.from({ length: 300 }, (_, i) => `order-${i}`)
  const { outcomes } = await send(secret, ...ids)
  expect(new Set(outcomes.map(({ verdict }) => verdict.kind))).toEqual(new Set(['done']))
  expect(store.stored.size).toBe(1)
  const [[path, bytes] = ['', Buffer.of()]] = store.stored
  expect(path).toMatch(/^\/events\/events\/Order_Completed\/date%3D2026-11-22\/100000-[0-9a-f]{16}\.ndjson\.gz$/)
  expect(
    gunzipSync(bytes)
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { messageId: string }).messageId),
  ).toEqual(ids)
})

test('the same events, sent again, write the same object', async () => {
  await send(secret, 'order-1', 'order-2')
  await send(secret, 'order-1', 'order-2')
  expect(store.stored.size).toBe(1)
  await send(secret, 'order-1')
  expect(store.stored.size).toBe(2)
})

test('a wrong key stops the lane, loses nothing and is shown nowhere', async () => {
  const { outcomes } = await send('another key', 'order-1')
  expect(outcomes.map(({ verdict }) => verdict)).toEqual([{ kind: 'pause', reason: 'HTTP 403: SignatureDoesNotMatch' }])
  expect(store.stored.size).toBe(0)
  expect(store.answers.filter((one) => one.endsWith(' 403'))).toHaveLength(1)
  expect(JSON.stringify(outcomes)).not.toContain('another key')
})
