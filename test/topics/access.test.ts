import { request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { Kafka } from '@upstash/kafka'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Workerd } from '../support/workerd.ts'
import { startKafkaServer } from './kafka-server.ts'

let server: Workerd
const passwords = { shop: 'password-of-the-shop', reader: 'password-of-the-reader' }

beforeAll(async () => {
  server = await startKafkaServer(`{
    topics: { orders: { partitions: 3 }, 'orders-eu': {}, wages: {} },
    users: {
      shop: { password: '${passwords.shop}', read: ['*'], write: ['*'] },
      reader: { password: '${passwords.reader}', read: ['orders*'], write: ['orders-eu'], groups: ['stock-*'] },
    },
  }`)
})
afterAll(() => server.stop())

interface Call {
  readonly user?: keyof typeof passwords
  readonly password?: string
  readonly method?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

async function call(path: string, { user = 'shop', password, method = 'POST', body, headers = {} }: Call = {}) {
  const answer = await fetch(`${server.url}/kafka${path}`, {
    method,
    headers: { authorization: `Basic ${btoa(`${user}:${password ?? passwords[user]}`)}`, ...headers },
    ...(body === undefined
      ? {}
      : { body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body) }),
  })
  const json = (await answer.json()) as { error?: string; status?: number }
  return { status: answer.status, error: json.error, json, headers: answer.headers }
}

test('a caller without the password of a user is told nothing', async () => {
  const wrong = await call('/topics', { method: 'GET', password: 'wrong' })
  expect([wrong.status, wrong.json]).toEqual([
    401,
    { error: expect.stringMatching(/^Unauthorized/) as string, status: 401 },
  ])
  expect(wrong.headers.get('www-authenticate')).toContain('Basic')
  for (const authorization of [
    '',
    'Bearer password-of-the-shop',
    'Basic ***',
    `Basic ${btoa('shop')}`,
    `Basic ${btoa('nobody:\u0000')}`,
  ])
    expect((await call('/no-such-call', { headers: { authorization } })).status).toBe(401)
})

test('a user does only what the config allows: topics to read, topics to write, groups', async () => {
  const reader = { user: 'reader' } as const
  const topic = 'orders'
  const value = 'Order Completed'
  expect((await call('/topics', { ...reader, method: 'GET' })).json).toEqual({ orders: 3, 'orders-eu': 1 })
  const refused = [
    await call('/produce', { ...reader, body: { topic, value } }),
    await call('/fetch', { ...reader, body: { topic: 'wages', partition: 0, offset: 0 } }),
    await call('/fetch', { ...reader, body: { topic: 'events', partition: 0, offset: 0 } }),
    await call('/offsets/latest', { ...reader, body: { topic: 'wages', partition: 0 } }),
    await call('/consume/mail-1/a', { ...reader, body: { topic } }),
    await call('/consume/stock-1/a', { ...reader, body: { topics: ['orders', 'wages'] } }),
    await call('/commit/mail-1/a', { ...reader, body: { topic, partition: 0, offset: 0 } }),
    await call('/commit/stock-1/a', { ...reader, body: { topic: 'wages', partition: 0, offset: 0 } }),
    await call('/committed/mail-1/a', { ...reader, body: { topic, partition: 0 } }),
    await call('/delete-consumer/mail-1/a', reader),
  ]
  expect(refused.map(({ status }) => status)).toEqual(refused.map(() => 403))
  expect(refused[0]?.error).toBe('The user reader may not write the topic orders: add it to "write" in the config')
  expect(refused[4]?.error).toContain('mail-1')
  expect((await call('/produce', { ...reader, body: { topic: 'orders-eu', value } })).status).toBe(200)
  expect((await call('/consume/stock-1/a?timeout=0', { ...reader, body: { topic } })).status).toBe(200)
  // What a group of others does is not listed.
  await call('/consume/mail-2/a?timeout=0', { body: { topic } })
  const listed = (await call('/consumers', { ...reader, method: 'GET' })).json as unknown as { name: string }[]
  expect(listed.map(({ name }) => name)).toEqual(['stock-1'])
})

test('nobody produces to events past the edge', async () => {
  const { status, error } = await call('/produce', { body: { topic: 'events', value: '{}' } })
  expect([status, error]).toEqual([403, expect.stringContaining('/v1/track')])
})

test('a record that is too large is refused alone, and a body that is too large as a whole', async () => {
  const { status, json } = await call('/produce', {
    body: [
      { topic: 'orders', value: 'x'.repeat(600_000) },
      { topic: 'orders', value: 'fits' },
    ],
  })
  expect([status, json]).toEqual([
    413,
    [
      { status: 413, retry: 'no', error: expect.stringContaining('600000') as string },
      expect.objectContaining({ topic: 'orders' }),
    ],
  ])
  const packed = gzipSync(JSON.stringify({ topic: 'orders', value: 'x'.repeat(9_000_000) }))
  const large = await call('/produce', { body: packed, headers: { 'content-encoding': 'gzip' } })
  expect([large.status, large.error]).toEqual([413, expect.stringContaining('8388608')])
})

test('calls beyond the bounds are refused with the bound', async () => {
  const place = { topic: 'orders', partition: 0, offset: 0 }
  const many = Array.from({ length: 121 }, (_, partition) => ({ ...place, partition }))
  const answers = [
    await call('/fetch', { body: { topicPartitionOffsets: many } }),
    await call('/fetch', { body: { topicPartitionOffsets: [place, place] } }),
    await call('/offsets/earliest', { body: many }),
    await call('/commit/g/a', { body: many }),
    await call('/consume/g/a', { body: { topics: Array.from({ length: 101 }, (_, i) => `t${i}`) } }),
    await call('/consume/g/a', { body: { topic: 'orders', timeout: -1 } }),
    await call('/consume/g/a', { body: { topic: 'orders', timeout: 'soon' } }),
    await call('/consume/g/a', { body: { topic: 'orders' }, headers: { 'kafka-session-timeout-ms': 'long' } }),
    await call('/consume/g/a', { body: { topic: 'orders' }, headers: { 'kafka-enable-auto-commit': 'yes' } }),
    await call('/consume/g/a', { body: { topic: 'orders' }, headers: { 'kafka-auto-offset-reset': 'first' } }),
    await call(`/consume/${'g'.repeat(250)}/a`, { body: { topic: 'orders' } }),
    await call('/produce', { body: '{"topic": "orders"' }),
    await call('/produce', { body: '' }),
    await call('/produce', { body: '"orders"' }),
  ]
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 400))
  expect(answers.map(({ error }) => error)).toMatchObject([
    expect.stringContaining('at most 120'),
    expect.stringContaining('twice'),
    expect.stringContaining('at most 120'),
    expect.stringContaining('at most 120'),
    expect.stringContaining('at most 100'),
    expect.stringContaining('timeout'),
    expect.stringContaining('timeout'),
    expect.stringContaining('Kafka-Session-Timeout-Ms'),
    expect.stringContaining('Kafka-Enable-Auto-Commit'),
    expect.stringContaining('Kafka-Auto-Offset-Reset'),
    expect.stringContaining('group'),
    expect.stringContaining('JSON'),
    expect.stringContaining('empty'),
    expect.stringContaining('record'),
  ])
})

test('an answer holds as many records as were asked for, and those after them come next', async () => {
  await new Kafka({ url: `${server.url}/kafka`, username: 'shop', password: passwords.shop })
    .producer()
    .produceMany(Array.from({ length: 10 }, (_, i) => ({ topic: 'wages', value: `${i}` })))
  const consume = async (maxRecords: number) =>
    (
      (
        await call('/consume/pay/a', {
          body: { topic: 'wages', maxRecords },
          headers: { 'kafka-auto-offset-reset': 'earliest' },
        })
      ).json as unknown as { value: string }[]
    ).map(({ value }) => value)
  expect(await consume(3)).toEqual(['0', '1', '2'])
  expect(await consume(4)).toEqual(['3', '4', '5', '6'])
  expect(await consume(100_000)).toEqual(['7', '8', '9'])
})

/** A GET request with a body, which `fetch` does not send; Upstash's documents allow it. */
const get = (path: string, body?: object): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const text = body === undefined ? '' : JSON.stringify(body)
    const sent = request(
      `${server.url}/kafka${path}`,
      {
        method: 'GET',
        headers: {
          authorization: `Basic ${btoa(`shop:${passwords.shop}`)}`,
          ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(text) }),
        },
      },
      (answer) => {
        let received = ''
        answer.on('data', (chunk) => (received += String(chunk)))
        answer.on('end', () => resolve(JSON.parse(received)))
      },
    )
    sent.on('error', reject)
    sent.end(text)
  })

test('the short forms with GET produce, consume, commit and list', async () => {
  expect(await get('/produce/orders-eu/Gr%C3%BC%C3%9Fe%20aus%20Bremen?key=ada')).toMatchObject({
    topic: 'orders-eu',
    partition: 0,
  })
  const path = '/consume/stock-get/a/orders-eu?timeout=0'
  await get(path)
  await get('/produce/orders-eu/second')
  expect(await get(path)).toMatchObject([{ value: 'second', key: null }])
  expect(await get('/commit/stock-get/a')).toEqual({ result: 'Success', status: 200 })
  expect(await get('/fetch', { topic: 'orders-eu', partition: 0, offset: 0, maxRecords: 1 })).toHaveLength(1)
})
