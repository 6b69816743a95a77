import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { admin } from '../../src/admin/app.ts'
import type { AppContext } from '../../src/core/app-context.ts'
import type { KafkaSourceStatus } from '../../src/core/kafka-source.ts'
import type { KafkaStatus } from '../../src/core/stream.ts'
import { healthOf } from '../../src/observe/health.ts'
import { strimzi } from '../../src/fronts/strimzi.ts'
import { kafka } from '../../src/streams/kafka.ts'
import { ordersOf } from '../edge/kafka-events.ts'
import { adminToken } from '../support/fake-context.ts'
import { fakeEdge } from '../support/fake-edge.ts'

interface Given {
  readonly source?: Partial<KafkaSourceStatus>
  /** By partition. */
  readonly stream?: readonly Partial<KafkaStatus>[]
  /** Objects that do not answer: `source`, `0`. */
  readonly broken?: readonly string[]
}

/** A deployment with a Kafka source, and where it is given with kafka() as its stream. */
function deployment({ source = {}, stream, broken = [] }: Given) {
  const idle = async () => ({ state: 'idle', oldestSeconds: 0 })
  const made = fakeEdge({
    source: { kafka: ordersOf() },
    bindings: {
      LANE: { getByName: () => ({ status: idle }) },
      LOG: { getByName: () => ({ status: idle }) },
      POLLER: {
        getByName: (name: string) => ({
          status: async () => {
            if (broken.includes('source')) throw new Error('the object is unavailable')
            return {
              source: name,
              state: 'running',
              partitions: [{ topic: 'orders', partition: 0, next: 7 }],
              ...source,
            }
          },
        }),
      },
      KAFKA: {
        getByName: (name: string) => ({
          status: async () => {
            if (broken.includes(name)) throw new Error('the object is unavailable')
            return { partition: Number(name), next: 7, head: 9, lag: 2, ...stream?.[Number(name)] }
          },
        }),
      },
    },
  })
  const front = strimzi({ url: 'https://bridge.example.com' })
  const resolved = {
    ...made.context.resolved,
    adminToken,
    ...(stream === undefined ? {} : { stream: kafka({ front, topic: 'events', partitions: stream.length }) }),
  }
  const context = { ...made.context, resolved }
  const app = new Hono<{ Bindings: AppContext }>().route('/admin', admin)
  const list = async (path: string) => {
    const headers = { authorization: `Bearer ${adminToken}` }
    const answer = await app.fetch(new Request(`http://edge.test/admin${path}`, { headers }), context)
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  return { health: () => healthOf(context), list, now: made.clock.now }
}

test('/health is UP while every Kafka source reads, and says how many there are', async () => {
  const { status, sources, stuck } = await deployment({}).health()
  expect([status, sources, stuck]).toEqual(['UP', { all: 1, stuck: 0 }, []])
})

test.each<[string, Given, object]>([
  [
    'cannot be read',
    {
      source: {
        state: 'failing',
        problem: 'orders: HTTP 401 Unauthorized',
        nextStep: 'Correct the credential.',
        lag: 120,
      },
    },
    {
      source: 'shop',
      state: 'failing',
      reason: 'orders: HTTP 401 Unauthorized',
      nextStep: 'Correct the credential.',
      lag: 120,
    },
  ],
  [
    'lacks one of its topics',
    { source: { state: 'partial', problem: 'refunds: there is no such topic', since: 1 } },
    { source: 'shop', state: 'partial', reason: 'refunds: there is no such topic', since: 1 },
  ],
  [
    'has not read for minutes, and says nothing of it',
    { source: { readAt: 1 } },
    { source: 'shop', state: 'late', reason: 'it has not read for minutes', since: 310_001 },
  ],
  ['does not answer', { broken: ['source'] }, { source: 'shop', state: 'unavailable' }],
])('a Kafka source that %s degrades the health, with a reason', async (_what, given, stuck) => {
  const health = await deployment(given).health()
  expect(health).toMatchObject({ status: 'DEGRADED', sources: { all: 1, stuck: 1 }, stuck: [stuck] })
})

test('one read of a Kafka that fails degrades no health for the first fifteen seconds', async () => {
  const { now } = deployment({})
  const failing = { state: 'failing', problem: 'HTTP 503' } as const
  expect((await deployment({ source: { ...failing, since: now - 5_000 } }).health()).status).toBe('UP')
  expect((await deployment({ source: { ...failing, since: now - 16_000 } }).health()).status).toBe('DEGRADED')
})

test('a partition of the stream kafka() that fails degrades the health, with a reason', async () => {
  const stream = [
    {},
    {
      problem: 'the topic events has 1 partitions, and the config says 2',
      nextStep: 'Give the topic 2 partitions.',
      since: 5,
    },
  ]
  expect(await deployment({ stream }).health()).toMatchObject({
    status: 'DEGRADED',
    kafka: { partitions: 2, stuck: 1 },
    stuck: [
      {
        stream: 'kafka',
        partition: 1,
        state: 'failing',
        reason: 'the topic events has 1 partitions, and the config says 2',
        nextStep: 'Give the topic 2 partitions.',
        since: 5,
        lag: 2,
      },
    ],
  })
  expect((await deployment({ stream: [{}], broken: ['0'] }).health()).stuck).toEqual([
    { stream: 'kafka', partition: 0, state: 'unavailable' },
  ])
})

test('GET /admin/sources lists the Kafka sources, and GET /admin/stream the partitions of a stream that is Kafka', async () => {
  const source = { source: 'shop', state: 'running', partitions: [{ topic: 'orders', partition: 0, next: 7 }] }
  const { list } = deployment({ stream: [{}, { problem: 'HTTP 503' }] })
  expect((await list('/sources')).body).toEqual({ sources: [source], failures: [] })
  expect((await list('/stream')).body).toEqual({
    stream: 'kafka',
    partitions: [
      { topic: 'events', partition: 0, next: 7, head: 9, lag: 2 },
      { topic: 'events', partition: 1, next: 7, head: 9, lag: 2, problem: 'HTTP 503' },
    ],
    failures: [],
  })
  expect(await deployment({}).list('/stream')).toEqual({
    status: 200,
    body: { stream: 'log', partitions: [], failures: [] },
  })
})

test('GET /admin/sources and GET /admin/stream name what does not answer, and refuse a query that they do not know', async () => {
  const { body } = await deployment({ stream: [{}, {}], broken: ['1'] }).list('/stream')
  expect(body).toMatchObject({
    failures: ['partition 1 of the stream does not answer: the object is unavailable'],
    partitions: [{ partition: 0 }],
  })
  expect(await deployment({ broken: ['source'] }).list('/sources')).toMatchObject({
    status: 503,
    body: { code: 'stream_unavailable' },
  })
  for (const path of ['/sources', '/stream'])
    expect(await deployment({}).list(`${path}?source=shop`)).toMatchObject({
      status: 400,
      body: { message: 'There is no query parameter "source": this call takes none.' },
    })
})
