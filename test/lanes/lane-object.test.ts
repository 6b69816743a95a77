import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LaneStatus, LaneTrace } from '../../src/core/bindings.ts'
import type { DeadLetter } from '../../src/core/dead-letter.ts'
import { StreamHarness } from '../streams/stream-harness.ts'
import { packedOrder, receivedAt } from '../support/sample-events.ts'
import { until } from '../support/until.ts'
import { Sink } from '../support/sink.ts'

const ref = { target: 'webhook', partition: 0 }
let sink: Sink
let harness: StreamHarness
beforeEach(async () => {
  sink = await Sink.open()
})
afterEach(async () => {
  await harness.stop()
  await sink.close()
})
const start = async (driver: 'log' | 'queues') => (harness = await StreamHarness.start({ driver, sink: sink.url }))

const to = { to: ['webhook'] }
const lane = <T>(method: string, ...args: unknown[]) => harness.lane<T>('webhook:0', method, ref, ...args)
const statusWhen = (enough: (status: LaneStatus) => boolean) =>
  until('the lane is so far', () => lane<LaneStatus>('status'), { enough, seconds: 15 })
const requestsSo = (many: number) =>
  until(`${many} requests are at the sink`, () => sink.arrivals, { enough: (ids) => ids.length >= many, seconds: 15 })

test.each(['log', 'queues'] as const)(
  'every event reaches the destination once, in order per key, unchanged, by way of the stream %s',
  async (driver) => {
    await start(driver)
    const batch = Array.from({ length: 30 }, (_, i) =>
      packedOrder(`order ${i}`, { properties: { total: i } }, { key: `key ${i % 3}`, ...to }),
    )
    for (const packed of batch) await harness.append([packed])
    await requestsSo(30)
    expect(new Set(sink.arrivals).size).toBe(30)
    for (const key of [0, 1, 2])
      expect(sink.arrivals.filter((id) => Number(id.slice(6)) % 3 === key)).toEqual(
        Array.from({ length: 10 }, (_, i) => `order ${i * 3 + key}`),
      )
    expect(
      sink.received.every(({ headers, events }) => headers['x-id'] === encodeURIComponent(events[0]?.messageId ?? '')),
    ).toBe(true)
    expect(sink.received.find(({ events }) => events[0]?.messageId === 'order 7')?.body).toBe(
      batch[7]?.text.split('\n')[1],
    )
    expect(await statusWhen(({ counters }) => counters['done'] === 30)).toMatchObject({
      state: 'idle',
      depth: 0,
      waiting: 0,
    })
  },
)

test.each(['log', 'queues'] as const)(
  'a second append of the same event within the window reaches no destination, by way of the stream %s',
  async (driver) => {
    await start(driver)
    await harness.append([packedOrder('ada 1', {}, to)])
    await harness.append([packedOrder('ada 1', {}, to), packedOrder('ada 2', {}, to)])
    await requestsSo(2)
    await harness.append([packedOrder('ada 1', {}, to), packedOrder('ada 3', {}, to)])
    await requestsSo(3)
    // The cursor is stored within a second.
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    await harness.restart()
    await harness.append([packedOrder('ada 2', {}, to), packedOrder('ada 4', {}, to)])
    await requestsSo(4)
    expect(sink.arrivals).toEqual(['ada 1', 'ada 2', 'ada 3', 'ada 4'])
  },
)

test('a lane that queues pushed to keeps what it has stored over a kill -9, and sends it at the next sweep', async () => {
  await start('queues')
  sink.answer = () => ({ status: 503 })
  await harness.append(Array.from({ length: 20 }, (_, i) => packedOrder(`order ${i}`, {}, { key: `key ${i}`, ...to })))
  await statusWhen(({ state }) => state === 'down')
  await harness.restart()
  sink.answer = () => ({ status: 200 })
  sink.received.length = 0
  await harness.ahead(60_000)
  await lane('poke')
  await requestsSo(20)
  expect(new Set(sink.arrivals).size).toBe(20)
})

test('a retry that is due in more than 10 s survives a kill -9 and goes out by its alarm, at its time', async () => {
  await start('log')
  // The lane's clock is nine seconds late until the kill: what is eleven seconds away for it comes in two.
  await harness.ahead(-9_000)
  sink.answer = ([event], attempt) =>
    event?.messageId === 'ada 1' && attempt === 1 ? { status: 429, headers: { 'retry-after': '11' } } : { status: 200 }
  await harness.append([packedOrder('ada 1', {}, to), packedOrder('ada 2', {}, to)])
  const { nextAttemptAt = 0 } = await statusWhen(({ waiting }) => waiting >= 1)
  await harness.restart()
  // Nobody calls the lane.
  await requestsSo(2)
  const late = (sink.received[1]?.at ?? 0) - nextAttemptAt
  expect(late).toBeGreaterThanOrEqual(0)
  expect(late).toBeLessThan(5_000)
  await requestsSo(3)
  expect(sink.arrivals).toEqual(['ada 1', 'ada 1', 'ada 2'])
})

test('a retry whose alarm is lost goes out at the next sweep', async () => {
  await start('log')
  sink.answer = (_, attempt) => (attempt === 1 ? { status: 429, headers: { 'retry-after': '3600' } } : { status: 200 })
  await harness.append([packedOrder('ada 1', {}, to)])
  await statusWhen(({ waiting }) => waiting === 1)
  await harness.restart()
  await harness.ahead(3_600_000)
  await lane('poke')
  await requestsSo(2)
})

test('a killed lane reads on from its cursor and sends again at most what it had not noted', async () => {
  await start('log')
  await harness.append(Array.from({ length: 50 }, (_, i) => packedOrder(`early ${i}`, {}, { key: `key ${i}`, ...to })))
  await requestsSo(50)
  // The cursor is stored within a second.
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  await harness.restart()
  await harness.append([packedOrder('late', {}, to)])
  await requestsSo(51)
  expect(sink.arrivals.at(-1)).toBe('late')
  expect(sink.arrivals).toHaveLength(51)
})

test('a destination that is down makes neither rows nor dead letters, and its lane tells how far it is behind', async () => {
  await start('log')
  sink.answer = () => ({ status: 503 })
  for (let n = 0; n < 20; n++)
    await harness.append(
      Array.from({ length: 20 }, (_, i) => packedOrder(`order ${n}-${i}`, {}, { key: `key ${n}-${i}`, ...to })),
    )
  await statusWhen(({ state }) => state === 'down')
  const status = await lane<LaneStatus>('poke')
  expect(status).toMatchObject({ state: 'down', reason: 'HTTP 503', deadLetters: 0 })
  expect(status.waiting).toBeLessThan(10)
  expect(status.depth).toBe(400)
})

test('a refused event is a dead letter that can be read, edited and sent again under its own messageId', async () => {
  await start('log')
  sink.answer = ([event], attempt) => ({ status: event?.messageId === 'ada 1' && attempt === 1 ? 400 : 200 })
  await harness.append([packedOrder('ada 1', { properties: { total: 'many' } }, to), packedOrder('ada 2', {}, to)])
  await statusWhen(({ deadLetters, counters }) => deadLetters === 1 && counters['done'] === 1)
  const [letter] = await lane<DeadLetter[]>('letters', { limit: 10 })
  expect(letter).toMatchObject({ id: 'webhook:0:1', messageId: 'ada 1', code: 'http_400', edited: false })
  expect(await lane<LaneTrace>('trace', { id: 'ada 1', source: 'shop', offset: 0 })).toMatchObject({
    status: 'dead',
    attempts: [{ status: 400 }],
  })

  const edited = '{"messageId":"ada 1","properties":{"total":7}}'
  expect(await lane('editDeadLetter', 1, edited)).toMatchObject({ edited: true })
  expect(await lane('replay', [1, 99])).toEqual([1])
  await requestsSo(3)
  const times = { originalTimestamp: receivedAt, sentAt: receivedAt, timestamp: receivedAt, receivedAt }
  expect(JSON.parse(sink.received.at(-1)?.body ?? '')).toEqual({ ...JSON.parse(edited), context: {}, ...times })
  expect(await lane('letters', { limit: 10 })).toEqual([])
  const trace = await until(
    'the letter is delivered',
    () => lane<LaneTrace>('trace', { id: 'ada 1', source: 'shop', offset: 0 }),
    { enough: ({ status }) => status === 'done' },
  )
  expect(trace.attempts.map(({ status }) => status)).toEqual([400, 200])
})
