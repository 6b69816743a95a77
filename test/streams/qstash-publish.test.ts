import { inspect } from 'node:util'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/core/bindings.ts'
import type { Stream } from '../../src/core/stream.ts'
import { packedOrder } from '../support/sample-events.ts'
import { until } from '../support/until.ts'
import { FakeQstash } from './fake-qstash.ts'
import { currentKey, nextKey, token } from './qstash-signature.ts'
import { address, Lanes, qstashAt, serveCalls } from './qstash-deployment.ts'

const bindings = {} as Bindings
let fake: FakeQstash
let lanes: Lanes
let stream: Stream
let stopServing: () => Promise<void>

async function deploy(more: Parameters<typeof qstashAt>[1] = {}) {
  await stopServing?.()
  stream = qstashAt(fake.url, more)
  stopServing = await serveCalls(stream, lanes.context, fake)
}

beforeEach(async () => {
  vi.spyOn(console, 'error').mockReturnValue()
  fake = await FakeQstash.start()
  lanes = new Lanes()
  await deploy()
})
afterEach(async () => {
  vi.restoreAllMocks()
  await fake.stop()
  await stopServing()
})

const orders = (...names: string[]) => names.map((name) => packedOrder(name, {}, { to: ['webhook'] }))
const arrived = (count: number, lane = 'webhook:0') =>
  until(`${count} events are at ${lane}`, () => lanes.got.get(lane) ?? [], { enough: (got) => got.length >= count })

test('a message of QStash asks for what the driver needs, and tells nobody else what is in it', async () => {
  await stream.append(orders('order-1'), bindings)
  expect(fake.taken.map(({ url, headers }) => [url, headers])).toEqual([
    [
      `${address}/qstash`,
      expect.objectContaining({
        'content-type': 'text/plain; charset=utf-8',
        'upstash-method': 'POST',
        'upstash-retries': '3',
        'upstash-timeout': '30s',
        'upstash-label': 'sluiceway',
        'upstash-redact-fields': 'body',
        'upstash-flow-control-key': 'sluiceway-events_example_com-0',
        'upstash-flow-control-value': 'parallelism=1',
      }),
    ],
  ])
  expect(fake.taken[0]?.headers['upstash-deduplication-id']).toBeUndefined()
})

test('QStash sends one message of a partition at a time, so that a key keeps its order where nothing is retried', async () => {
  await deploy({ partitions: 4 })
  fake.quirks.isPaused = true
  for (let n = 0; n < 12; n++)
    await stream.append(
      ['ada', 'grace', 'alan'].map((key) => packedOrder(`${key} ${n}`, {}, { key, to: ['webhook'] })),
      bindings,
    )
  fake.resume()
  await until('36 events are there', () => lanes.texts.length === 36)
  const all = [...lanes.got.values()]
  for (const key of ['ada', 'grace', 'alan'])
    expect(all.map((ids) => ids.filter((id) => id.startsWith(key))).filter(({ length }) => length > 0)).toEqual([
      Array.from({ length: 12 }, (_, n) => `${key} ${n}`),
    ])
  expect([...fake.mostUnderWay.values()].every((most) => most === 1)).toBe(true)
})

test('a message of QStash that is retried comes after later ones of its key, and nothing is lost', async () => {
  fake.quirks.isPaused = true
  for (const id of ['order-1', 'order-2', 'order-3']) await stream.append(orders(id), bindings)
  lanes.refusals = 1
  fake.resume()
  expect(await arrived(3)).toEqual(['order-2', 'order-3', 'order-1'])
  expect(fake.deliveries[0]).toMatchObject({ status: 503, retried: 0 })
})

test('an error for one message of a batch of QStash fails the append, so that all of it is spilled', async () => {
  await deploy({ partitions: 2 })
  fake.quirks.itemError = (_message, index) => (index === 1 ? 'maximum retries of the plan is 3' : undefined)
  const batch = ['ada', 'grace', 'alan', 'edsger'].map((key) => packedOrder(`order of ${key}`, {}, { key }))
  await expect(stream.append(batch, bindings)).rejects.toMatchObject({
    code: 'stream_unavailable',
    message: 'QStash did not take the events; send them again: maximum retries of the plan is 3',
  })
})

test.each([
  ['the quota of the day is used up', { overQuota: true }, /Exceeded daily rate limit/],
  ['the quota of the second is used up', { overBurst: true }, /Exceeded burst rate limit/],
  ['the token is wrong', { status: 401 }, /told to answer 401/],
  ['it is down', { status: 503 }, /told to answer 503/],
] as const)('QStash takes nothing when %s, and says why', async (_when, quirks, reason) => {
  Object.assign(fake.quirks, quirks)
  const failed: unknown = await stream.append(orders('order-1'), bindings).catch((error: unknown) => error)
  expect(failed).toMatchObject({ code: 'stream_unavailable', message: expect.stringMatching(reason) as string })
  expect(fake.taken).toEqual([])
})

test('a connection to QStash that ends after the write fails the append, and the repeat is delivered as well', async () => {
  fake.quirks.breaksAfterWrite = true
  await expect(stream.append(orders('order-1'), bindings)).rejects.toMatchObject({ code: 'stream_unavailable' })
  fake.quirks.breaksAfterWrite = false
  await stream.append(orders('order-1'), bindings)
  expect(await arrived(2)).toEqual(['order-1', 'order-1'])
})

test('QStash that answers too late fails the append', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  fake.quirks.answerAfterMs = 1e9
  const failed = stream.append(orders('order-1'), bindings).catch((error: unknown) => error)
  await vi.advanceTimersByTimeAsync(10_001)
  vi.useRealTimers()
  expect(await failed).toMatchObject({
    message: 'QStash did not take the events; send them again: QStash did not answer within 10000 ms',
  })
})

test('what QStash gives up is fetched from its dead-letter queue each minute, and only what Sluiceway wrote', async () => {
  await deploy({ retries: 0 })
  const foreign = await fetch(`${fake.url}/v2/publish/${address}/qstash`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'upstash-retries': '0' },
    body: 'Hello of another program',
  })
  expect(foreign.status).toBe(201)
  lanes.areBroken = true
  for (let n = 0; n < 250; n++) await stream.append(orders(`order-${n}`), bindings)
  await until('all are dead letters of QStash', () => fake.dead.length === 251)
  lanes.areBroken = false
  await stream.triggers.scheduled?.(lanes.context)
  expect(new Set(await arrived(250)).size).toBe(250)
  expect(fake.calls.filter((call) => call.startsWith('POST /v2/dlq/retry'))).toHaveLength(3)
  expect(fake.dead.map(({ message, responseStatus }) => [message.body, responseStatus])).toEqual([
    ['Hello of another program', 489],
  ])
  expect(lanes.logged.filter((line) => line.includes('given up') || line.includes('gave up'))).toEqual([
    expect.stringContaining('"messages":250'),
  ])
})

test('a dead-letter queue of QStash that does not answer is logged, and asked again in the next minute', async () => {
  fake.quirks.status = 500
  await stream.triggers.scheduled?.(lanes.context)
  expect(lanes.logged).toEqual([expect.stringContaining('the dead-letter queue of QStash could not be asked')])
})

test('events of accents, emoji and lone surrogates pass QStash unchanged, in messages counted by bytes', async () => {
  const notes = ['Žofie 👩‍🚀', '\ud800', '漢字'.repeat(50_000), 'é'.repeat(250_000)]
  const events = notes.map((note, i) => packedOrder(`order-${i}`, { properties: { note } }, { to: ['webhook'] }))
  await stream.append(events, bindings)
  await arrived(events.length)
  expect(lanes.texts).toEqual(events.map(({ text }) => text.split('\n')[1]))
  for (const { body } of fake.taken) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(900_000)
  // 300,000 bytes of one and 500,000 of the other: less than a message holds only if counted by characters.
  expect(fake.taken.length).toBe(1)
  await stream.append([...events.slice(2), ...events.slice(2)], bindings)
  expect(fake.taken.length).toBeGreaterThan(2)
})

test('messages that wait in QStash while its signing keys are rotated are taken with the next key', async () => {
  fake.quirks.isPaused = true
  await stream.append(orders('order-1'), bindings)
  await fetch(`${fake.url}/v2/keys/rotate`, { method: 'POST', headers: { authorization: `Bearer ${token}` } })
  fake.resume()
  expect(await arrived(1)).toEqual(['order-1'])
})

test('the token and the signing keys of QStash are in no log, no error and no answer', async () => {
  const seen: string[] = []
  const spy = vi.spyOn(console, 'error').mockImplementation((...line: unknown[]) => void seen.push(line.join(' ')))
  vi.spyOn(console, 'warn').mockImplementation((...line: unknown[]) => void seen.push(line.join(' ')))
  for (const status of [401, 429, 500]) {
    fake.quirks.status = status
    await stream.append(orders('order-1'), bindings).catch((error: Error) => seen.push(inspect(error)))
    await stream.triggers.scheduled?.(lanes.context)
  }
  const calls = ['no.signature.atall', currentKey, token]
  for (const signature of calls) {
    const request = new Request(`${address}/qstash`, {
      method: 'POST',
      headers: { 'upstash-signature': signature },
      body: 'x',
    })
    const answer = await stream.triggers.fetch?.(request, lanes.context)
    seen.push(`${answer?.status} ${await answer?.text()}`)
  }
  spy.mockRestore()
  const all = [...seen, ...lanes.logged, JSON.stringify(stream)].join('\n')
  expect(all).toContain('401 The signature is wrong')
  for (const secret of [token, currentKey, nextKey]) expect(all).not.toContain(secret)
})

test('settings of qstash that cannot work are problems without secrets in them', () => {
  const { problems } = qstashAt('https://qstash.upstash.io', {
    url: 'https://events.example.com/base',
    token: undefined,
    retries: 2.5,
    partitions: 65,
  })
  expect(problems).toEqual([
    '"url" must have no path',
    expect.stringMatching(/^"token" is missing/),
    expect.stringMatching(/^"partitions" must be a whole number from 1 to 64/),
    expect.stringMatching(/^"retries" must be a whole number/),
  ])
})
