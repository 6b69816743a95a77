import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { LaneStatus } from '../../src/core/bindings.ts'
import type { AppContext } from '../../src/core/app-context.ts'
import { about, version } from '../../src/ingest/health.ts'
import { append } from '../../src/edge/accept.ts'
import { spill } from '../../src/spill/spill.ts'
import { packedOrder } from '../support/sample-events.ts'
import { adminToken } from '../support/fake-context.ts'
import { fakeEdge } from '../support/fake-edge.ts'
import { fakeStream } from '../support/fake-stream.ts'

interface Given {
  /** By name of the lane; idle when left out. */
  readonly lanes?: Readonly<Record<string, Partial<LaneStatus>>>
  /** What does not answer: `log`, `webhook:0`, `put` (R2 takes nothing), `r2` (no call). */
  readonly unavailable?: readonly string[]
  /** What never answers. */
  readonly hangs?: readonly string[]
}

/** A deployment whose parts can be made unavailable, on a clock that the test sets. */
function deployment({ lanes = {}, unavailable = [], hangs = [] }: Given = {}) {
  const edge = fakeEdge({
    onAppend: () => {
      if (unavailable.includes('log')) throw new Error('the log is unavailable')
    },
    limits: { appendMs: 40 },
    resolved: { adminToken },
    bindings: {
      LANE: { getByName: (name: string) => ({ status: () => ask(name) }) },
      LOG: { getByName: () => ({ status: () => ask('log') }) },
    },
  })
  edge.bucket.before = (verb) => {
    if (unavailable.includes('r2') || unavailable.includes(verb)) throw new Error('R2 is unavailable')
  }
  const asked: string[] = []
  const ask = async (name: string): Promise<Partial<LaneStatus>> => {
    asked.push(name)
    if (hangs.includes(name)) await new Promise(() => {})
    if (unavailable.includes(name)) throw new Error('the object is unavailable')
    return { state: 'idle', oldestSeconds: 0, ...lanes[name] }
  }
  const { context, clock } = edge
  const get = async (path = '/health', init: RequestInit = {}) => {
    const answer = await about.fetch(new Request(`https://edge.example${path}`, init), context)
    const text = await answer.text()
    const body = text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>)
    return { status: answer.status, headers: answer.headers, body }
  }
  return { context, get, asked, clock, bucket: edge.bucket }
}

const spilledOrders = (context: AppContext) =>
  spill({ kind: 'events', packed: [packedOrder('order-1'), packedOrder('order-2')] }, context)

test.each(['/', '/health'])('%s says that all is well, with the version and the stream', async (path) => {
  const { status, body } = await deployment().get(path)
  expect(status).toBe(200)
  expect(body).toEqual({
    status: 'UP',
    version,
    stream: 'log',
    log: { partitions: 1, unavailable: 0 },
    spilling: false,
    lanes: { all: 3, stuck: 0 },
    warehouses: { all: 0, stuck: 0 },
    spill: { objects: 0, events: 0, bytes: 0, oldestSeconds: 0, more: false, stuck: 0 },
  })
})

test('the version that is told at /health is that of the package', () => {
  const text = readFileSync('package.json', { encoding: 'utf8' })
  expect(JSON.parse(text)).toMatchObject({ version })
})

test('HEAD /health has the status and no body', async () => {
  const { status, body } = await deployment({ unavailable: ['log', 'r2'] }).get('/health', { method: 'HEAD' })
  expect([status, body]).toEqual([503, undefined])
})

test.each<[string, Partial<LaneStatus>, string]>([
  [
    'fails',
    {
      state: 'failing',
      reason: 'HTTP 503',
      since: 1_795_878_300_000,
      nextAttemptAt: 1_795_878_309_000,
      lastError: { at: 1_795_878_301_000, reason: 'HTTP 503' },
      depth: 1913,
      oldestSeconds: 9,
    },
    'failing',
  ],
  ['is paused', { state: 'paused', reason: 'HTTP 401', oldestSeconds: 9 }, 'paused'],
  ['is down', { state: 'down', reason: 'HTTP 503', oldestSeconds: 9 }, 'down'],
  ['is more than five minutes behind', { state: 'running', oldestSeconds: 301 }, 'running'],
])('a lane that %s degrades the health; only who has the admin token is told which', async (_what, lane, state) => {
  const { get } = deployment({ lanes: { 'crm:0': lane } })
  const open = await get()
  expect([open.status, open.body]).toEqual([200, expect.objectContaining({ status: 'DEGRADED' })])
  expect(open.body).toMatchObject({ lanes: { all: 3, stuck: 1 } })
  expect(JSON.stringify(open.body)).not.toContain('crm')
  for (const bearer of ['wrong-token-of-the-admin', '']) {
    const { body } = await get('/health', { headers: { authorization: `Bearer ${bearer}` } })
    expect(body).not.toHaveProperty('stuck')
  }
  const admin = await get('/health', { headers: { authorization: `Bearer ${adminToken}` } })
  expect(admin.body).toMatchObject({ stuck: [{ target: 'crm', partition: 0, state, ...lane }] })
})

test('a lane that does not answer is stuck, and keeps the answer waiting for two seconds only', async () => {
  const { get } = deployment({ hangs: ['webhook:0'] })
  const began = Date.now()
  const { body } = await get('/health', { headers: { authorization: `Bearer ${adminToken}` } })
  expect(Date.now() - began).toBeLessThan(2_500)
  expect(body).toMatchObject({ status: 'DEGRADED', stuck: [{ target: 'webhook', state: 'unavailable' }] })
})

test('a log that is unavailable degrades the health as long as R2 takes events, and takes it down when it does not', async () => {
  const spilling = await deployment({ unavailable: ['log'] }).get()
  expect([spilling.status, spilling.body]).toMatchObject([
    200,
    { status: 'DEGRADED', log: { partitions: 1, unavailable: 1 } },
  ])
  for (const gone of ['put', 'r2']) {
    const { status, headers, body } = await deployment({ unavailable: ['log', gone] }).get()
    expect([status, body?.['status'], headers.get('retry-after')]).toEqual([503, 'DOWN', '10'])
  }
})

test('a listing of R2 that fails does not take the health down: R2 takes events all the same', async () => {
  const { status, body } = await deployment({ unavailable: ['log', 'list'] }).get()
  expect([status, body]).toMatchObject([200, { status: 'DEGRADED', spill: null }])
})

test('R2 that is unavailable alone degrades the health', async () => {
  const { status, body } = await deployment({ unavailable: ['r2'] }).get()
  expect([status, body]).toMatchObject([200, { status: 'DEGRADED', spill: null }])
})

test('an append that failed a moment ago shows in the health, even when the log answers', async () => {
  const given = { unavailable: ['log'] }
  const { context, get, clock } = deployment(given)
  await append([packedOrder('order-1')], context)
  given.unavailable.length = 0
  expect((await get()).body).toMatchObject({ status: 'DEGRADED', spilling: true, log: { unavailable: 0 } })
  clock.now += 61_000
  expect((await get()).body).toMatchObject({ spilling: false })
})

test('what was spilled is counted, and degrades the health once it is older than two minutes', async () => {
  const { context, get, clock } = deployment()
  await spilledOrders(context)
  expect((await get()).body).toMatchObject({ status: 'UP', spill: { objects: 1, events: 2, oldestSeconds: 0 } })
  clock.now += 121_000
  await spilledOrders(context)
  const { body } = await get()
  expect(body).toMatchObject({ status: 'DEGRADED', spill: { objects: 2, events: 4, oldestSeconds: 121 } })
})

test('an object that was set aside degrades the health', async () => {
  const { get, bucket } = deployment()
  await bucket.put('spill-stuck/2026-11-22T10:00:00.000Z-1', new Uint8Array(3))
  expect((await get()).body).toMatchObject({ status: 'DEGRADED', spill: { objects: 0, stuck: 1 } })
})

test('/health asks every part at most every ten seconds', async () => {
  const { get, asked, clock } = deployment()
  for (let i = 0; i < 20; i++) {
    await get()
    clock.now += 400
  }
  expect(asked.filter((name) => name === 'log')).toHaveLength(1)
  clock.now += 2_000
  await get()
  expect(asked.filter((name) => name === 'log')).toHaveLength(2)
})

test.each([
  ['answers', false, 'UP', 0],
  ['does not answer', true, 'DEGRADED', 1],
])('the health tells of a log that was the stream before and %s', async (_how, isGone, status, unavailable) => {
  const { context } = fakeEdge({
    resolved: { stream: fakeStream({ name: 'queues' }).stream },
    bindings: {
      LANE: {
        getByName: () => ({
          status: async () => ({ state: 'idle', oldestSeconds: 0 }),
          layout: async () => ({ partitions: 2, targets: [] }),
        }),
      },
      LOG: {
        getByName: (name: string) => ({
          status: async () => {
            if (isGone && name === '1') throw new Error('the object is being moved')
            return {}
          },
        }),
      },
    },
  })
  const answer = await about.fetch(new Request('https://edge.example/health'), context)
  expect(await answer.json()).toMatchObject({
    status,
    stream: 'queues',
    log: { partitions: 0, former: 2, unavailable },
  })
})
