// The front `upstash` before the log of a Sluiceway in workerd.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { upstash } from '../../src/fronts/upstash.ts'
import type { Workerd } from '../support/workerd.ts'
import { startKafkaServer } from '../topics/kafka-server.ts'
import { frontSuite } from './front-suite.ts'
import { errorOfCall, nodePort, recordOf, soon, suiteTopics } from './front-subject.ts'

const password = 'password-of-the-router'
const topics = suiteTopics.map((name) => `'${name}': { partitions: 3 }`).join(', ')
const front = (url: string, given = password) =>
  upstash({ url, username: 'router', password: given, allowPrivate: true })

let server: Workerd
beforeAll(async () => {
  server = await startKafkaServer(
    `{ topics: { ${topics} }, users: { router: { password: '${password}', read: ['*'], write: ['*'] } } }`,
  )
})
afterAll(() => server.stop())

frontSuite({
  name: 'upstash on the log of Sluiceway',
  isFake: false,
  start: async () => ({ url: `${server.url}/kafka`, stop: async () => undefined }),
  front,
})

/** A port that answers once with what is given, and then as the server does. */
const answering = (answer: () => Response) => {
  let isFirst = true
  return {
    now: () => Date.now(),
    fetch: (request: Request) => {
      const isUpset = isFirst
      isFirst = false
      return isUpset ? Promise.resolve(answer()) : nodePort.fetch(request)
    },
  }
}

test('the front upstash judges records by the list that stands in place of an answer or in an error', async () => {
  const results = [
    { topic: 'orders', partition: 0, offset: 7, timestamp: 1 },
    { error: 'the broker is away', status: 503, retry: 'unknown' },
    { error: 'reader may not write to orders', status: 403, retry: 'no' },
    { error: 'the record has 2000000 bytes, a record is too large', status: 413, retry: 'no' },
  ]
  for (const body of [results, { error: 'Not all records were written', status: 503, results }]) {
    const port = answering(() => Response.json(body, { status: 503 }))
    const records = results.map((_, i) => recordOf(i, `order ${i}`))
    expect(await front('http://127.0.0.1').connect(port, 'c').produce('orders', records, soon())).toEqual([
      { written: true, offset: 7 },
      { written: false, retry: 'unknown', reason: 'the broker is away' },
      { written: false, retry: 'yes', reason: 'reader may not write to orders' },
      { written: false, retry: 'no', reason: 'the record has 2000000 bytes, a record is too large' },
    ])
  }
})

test('the front upstash refuses all when no record may be written, and waits as long as it is told when the server is full', async () => {
  const denied = answering(() => Response.json([{ error: 'not allowed', status: 403, retry: 'no' }], { status: 403 }))
  const refused = await errorOfCall(
    front('http://127.0.0.1')
      .connect(denied, 'c')
      .produce('orders', [recordOf(0, 'x')], soon()),
  )
  expect(refused.code).toBe('kafka_refused')
  const full = answering(() =>
    Response.json({ error: 'full', status: 429 }, { status: 429, headers: { 'retry-after': '4' } }),
  )
  const busy = await errorOfCall(
    front('http://127.0.0.1')
      .connect(full, 'c')
      .produce('orders', [recordOf(0, 'x')], soon()),
  )
  expect(busy).toMatchObject({ code: 'kafka_unavailable', details: { afterSeconds: 4 } })
})

test('a call of the front upstash ends at its own deadline, whatever is asked beside it', async () => {
  let asked = 0
  const port = {
    now: () => Date.now(),
    fetch: async (request: Request) => {
      if (request.url.endsWith('/topics')) return Response.json({ orders: 3 })
      asked++
      if (request.url.includes('/offsets/')) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        return Response.json([{ topic: 'orders', partition: 0, offset: 4 }])
      }
      return new Promise<Response>((_resolve, reject) =>
        request.signal.addEventListener('abort', () => reject(new Error('aborted'))),
      )
    },
  }
  const connection = front('http://127.0.0.1').connect(port, 'c')
  const reading = connection.fetch([{ topic: 'orders', partition: 0, offset: 'earliest' }], {
    maxBytes: 1_000,
    waitMs: 10,
    signal: soon(300),
  })
  expect(await connection.partitions('orders', soon(60_000))).toBe(3)
  expect((await errorOfCall(reading)).code).toBe('kafka_unavailable')
  expect(asked).toBe(2)
})

test('the front upstash commits although the read before was ended by its deadline', async () => {
  const connection = front(`${server.url}/kafka`).connect(nodePort, 'reader-9')
  const place = { topic: 'orders', partition: 1 }
  const late = AbortSignal.timeout(1)
  await new Promise((resolve) => setTimeout(resolve, 5))
  await errorOfCall(connection.fetch([{ ...place, offset: 0 }], { maxBytes: 1_000, waitMs: 10, signal: late }))
  await expect(connection.commit('shop', [{ ...place, offset: 0 }])).resolves.toBeUndefined()
})
