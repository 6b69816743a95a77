// What a person does with dead letters, on the real bundle.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Cause, DeadLetter, DryRun } from '../../src/core/dead-letter.ts'
import type { LaneTrace } from '../../src/core/bindings.ts'
import type { JobStatus, NumberedAction } from '../../src/core/jobs.ts'
import type { Server } from '../support/server.ts'
import { serveWithSinks } from '../support/serve-with-sinks.ts'
import type { Sink } from '../support/sink.ts'
import { until } from '../support/until.ts'

let server: Server
let sinks: Readonly<Record<'shop' | 'fresh', Sink>>

serveWithSinks({ config: 'letters.config.ts', sinks: { SHOP: 'shop', FRESH: 'fresh' } }, (served) => {
  ;({ server, sinks } = served)
})

/** Orders of 20 people, some of which the shop refuses for one of three reasons. */
const order = (n: number, total: unknown = 42) => ({
  type: 'track',
  event: n % 2 === 0 ? 'Order Completed' : 'Order Refunded',
  messageId: `order-${n}`,
  userId: `user-${n % 20}`,
  anonymousId: `anon-${n % 20}`,
  properties: { order_id: `${n}`, total },
})
const send = async (orders: readonly object[]) => {
  for (let i = 0; i < orders.length; i += 500) {
    const answer = await server.post('/v1/batch', { batch: orders.slice(i, i + 500) })
    expect(answer.status).toBe(200)
  }
}
const reasonsOf = (n: number, total: unknown): string | undefined => {
  if (total === 'much') return `{"error":"total must be a number","request":"${crypto.randomUUID()}"}`
  if (total === 0) return `{"error":"order ${n} has no total"}`
  return total === -1 ? `{"error":"user-${n % 20} may not refund"}` : undefined
}
/** Refuses what has something wrong in it. */
const refuse = () => {
  sinks.shop.answer = ([event]) => {
    const { order_id, total } = event?.properties ?? {}
    const body = reasonsOf(Number(order_id), total)
    return body === undefined ? undefined : { status: 400, body }
  }
}
const letters = (query = '') => server.admin<{ deadLetters: DeadLetter[] }>(`/dead-letters?limit=1000${query}`)
const causes = async () => (await server.admin<{ causes: Cause[] }>('/dead-letters/causes')).causes

test('letters read as their causes, are found by what they are about, and hold the request and the answer without secrets', async () => {
  refuse()
  await send(Array.from({ length: 60 }, (_, i) => order(i + 1, [42, 'much', 0, -1][i % 4])))
  await until('all are decided', async () => (await causes()).reduce((sum, { count }) => sum + count, 0) === 45)
  expect((await causes()).map(({ message, count }) => [message, count])).toEqual(
    expect.arrayContaining([
      ['HTTP 400: {"error":"total must be a number","request":"<uuid>"}', 15],
      ['HTTP 400: {"error":"order <n> has no total"}', 15],
      ['HTTP 400: {"error":"<id> may not refund"}', 15],
    ]),
  )
  const { cause = '', sample = '' } = (await causes()).find(({ message }) => message.includes('number')) ?? {}
  const { deadLetters } = await letters(`&cause=${cause}`)
  expect(deadLetters).toHaveLength(15)
  expect(deadLetters.map(({ id }) => id)).toContain(sample)
  expect(
    (await letters('&event=Order%20Refunded&user=user-3')).deadLetters.map(({ messageId }) => messageId).toSorted(),
  ).toEqual(['order-3', 'order-23', 'order-43'].toSorted())
  expect((await letters('&to=2020-01-01T00:00:00Z')).deadLetters).toEqual([])

  const [letter] = deadLetters
  expect(letter).toMatchObject({
    request: {
      method: 'POST',
      headers: { 'webhook-signature': '***', 'x-account': '***', 'webhook-id': letter?.messageId },
    },
    response: { status: 400, body: expect.stringContaining('total must be a number') },
    attempts: [{ status: 400 }],
  })
  expect(letter?.request?.url).toMatch(/\?api_key=\*\*\*$/)
  expect(JSON.parse(letter?.request?.body ?? '')).toMatchObject({ properties: { total: 'much', currency: 'EUR' } })
  expect(JSON.stringify(letter)).not.toMatch(/key-of-the-shop|account-of-the-shop/)

  const { deadLetter } = await server.admin<{ deadLetter: DeadLetter }>(`/dead-letters/${letter?.id}`, {
    method: 'PATCH',
    body: JSON.stringify([{ op: 'replace', path: '/properties/total', value: 43 }]),
  })
  expect(deadLetter).toMatchObject({
    edited: true,
    event: { properties: { total: 43 } },
    original: { properties: { total: 'much' } },
  })
})

const startJob = async (body: object) => {
  const answer = await fetch(`${server.url}/admin/dead-letters/jobs`, {
    method: 'POST',
    headers: { authorization: 'Bearer token-of-ada-lovelace' },
    body: JSON.stringify(body),
  })
  const { job, message } = (await answer.json()) as { job: JobStatus; message?: string }
  expect([answer.status, message]).toEqual([200, undefined])
  return job
}
const job = async (id: string) => (await server.admin<{ job: JobStatus }>(`/jobs/${id}`)).job
const jobEnds = (id: string) =>
  until(
    'the job has ended',
    async () => {
      const now = await job(id)
      return now.state !== 'running' && now
    },
    { seconds: 30 },
  )

test('a dry-run tells what a replay would send now, and what is not as in the request that failed', async () => {
  const edited = (await letters()).deadLetters.find((one) => one.edited)
  const before = sinks.shop.received.length
  const { dryRun } = await server.admin<{ dryRun: DryRun }>(`/dead-letters/${edited?.id}/dry-run`, { method: 'POST' })
  expect(dryRun).toMatchObject({
    outcome: 'send',
    requests: [{ request: { method: 'POST', headers: { 'webhook-signature': '***' } } }],
    differences: [{ path: '/body/properties/total', before: 'much', after: 43 }],
  })
  expect(JSON.stringify(dryRun)).not.toMatch(/key-of-the-shop|account-of-the-shop/)
  expect(sinks.shop.received.length).toBe(before)
})

test('a trace tells where an event was routed, what the transforms make of it, each attempt and the answer', async () => {
  const edited = (await letters()).deadLetters.find((one) => one.edited)
  const traced = await server.admin<{ to: string[]; lanes: LaneTrace[] }>(`/trace/${edited?.messageId}?preview=true`)
  expect(traced).toMatchObject({ found: true, source: 'web', to: ['shop'], transforms: [] })
  expect(traced.lanes.find(({ target }) => target === 'shop')).toMatchObject({
    status: 'dead',
    letter: edited?.id,
    attempts: [{ status: 400 }],
    request: { method: 'POST' },
    response: { status: 400, body: expect.stringContaining('total must be a number') },
    preview: { outcome: 'send', changes: [[{ path: '/properties/currency', after: 'EUR' }]] },
  })
  expect(traced.lanes.find(({ target }) => target === 'fresh')).toMatchObject({ status: 'not routed' })
  expect(JSON.stringify(traced)).not.toMatch(/key-of-the-shop|account-of-the-shop/)
})

test('an export has all letters of a filter, a line each', async () => {
  const answer = await fetch(`${server.url}/admin/dead-letters/export?target=shop`, {
    headers: { authorization: `Bearer ${server.adminToken}` },
  })
  expect(answer.headers.get('content-type')).toBe('application/x-ndjson')
  const lines = (await answer.text()).trim().split('\n')
  const { deadLetters } = await letters('&target=shop')
  expect(lines.map((line) => (JSON.parse(line) as DeadLetter).id)).toEqual(deadLetters.map(({ id }) => id))
})

test('a job replays a cause: each letter once, in the order of each user, though everything is killed in the middle', async () => {
  refuse()
  const many = Array.from({ length: 600 }, (_, i) => order(i + 1_000, 'much'))
  await send(many)
  const { cause = '' } = (await causes()).find(({ message }) => message.includes('number')) ?? {}
  const waiting = async () => (await causes()).find((one) => one.cause === cause)?.count ?? 0
  await until('all are letters', async () => (await waiting()) === 615, { seconds: 60 })
  const ofCause = new Set((await letters(`&cause=${cause}`)).deadLetters.map(({ messageId }) => messageId))
  const attempts = new Map<string, number>()
  const arrived: { readonly id: string; readonly user: string }[] = []
  sinks.shop.answer = ([event]) => {
    const { messageId = '', userId } = event ?? {}
    // A kill repeats what the shop took shortly before, as ever: orders of the tests before, too.
    if (!ofCause.has(messageId)) return undefined
    if (!attempts.has(messageId)) arrived.push({ id: messageId, user: userId ?? '' })
    attempts.set(messageId, (attempts.get(messageId) ?? 0) + 1)
    return undefined
  }
  const { id } = await startJob({ action: 'replay', cause })
  await until('it is in the middle', () => arrived.length > 100)
  await server.killAll()
  const middle = arrived.length
  expect(middle).toBeLessThan(600)
  const ended = await jobEnds(id)
  expect(ended).toMatchObject({ state: 'done', done: 615, failed: 0, by: 'ada', kind: 'replay' })
  await until('all have arrived', () => attempts.size >= 615, { seconds: 60 })
  expect(await waiting()).toBe(0)
  // What was on its way when everything was killed comes again with the same id; nothing else does.
  const repeated = [...attempts.values()].filter((count) => count > 1).length
  expect(repeated).toBeLessThan(150)
  expect(Math.max(...attempts.values())).toBeLessThanOrEqual(2)
  for (const [user, own] of Map.groupBy(arrived, (one) => one.user)) {
    const numbers = own.map((one) => Number(one.id.slice('order-'.length)))
    expect([user, numbers]).toEqual([user, numbers.toSorted((a, b) => a - b)])
  }
})

test('a job discards what a filter lets through, and is told by who and when', async () => {
  const { id } = await startJob({ action: 'discard', event: 'Order Refunded' })
  expect(await jobEnds(id)).toMatchObject({ state: 'done', by: 'ada' })
  expect((await letters('&event=Order%20Refunded')).deadLetters).toEqual([])
  expect((await letters()).deadLetters.length).toBeGreaterThan(0)
  const { actions } = await server.admin<{ actions: NumberedAction[] }>('/actions')
  expect(actions.map(({ by, action, status }) => [by, action, status])).toEqual([
    ['ada', 'POST /admin/dead-letters/jobs', 200],
    ['ada', 'POST /admin/dead-letters/jobs', 200],
    ['admin', expect.stringMatching(/^PATCH \/admin\/dead-letters\/shop:\d:\d+$/), 200],
  ])
  expect(JSON.parse(actions[0]?.about ?? '')).toMatchObject({ action: 'discard', event: 'Order Refunded', id })
})

test('history goes to one destination, also a new one: counted first, each event once and in order, and to no other', async () => {
  const start = async (body: object) =>
    (
      await server.admin<{ job: JobStatus }>('/history', {
        method: 'POST',
        body: JSON.stringify({ target: 'fresh', ...body }),
      })
    ).job
  sinks.shop.answer = () => undefined
  await send([
    { ...order(9_001, 1), integrations: { All: true, webhook: false } },
    ...Array.from({ length: 40 }, (_, i) => ({ ...order(9_100 + i, 1), event: 'Cart Viewed' })),
  ])
  await until('all have arrived', () => [...sinks.shop.ids].filter((id) => id.startsWith('order-91')).length === 40)
  // A kill repeats what the shop got within the last second, as ever: the letters that were just replayed, too.
  await sleep(1_200)
  const atShop = () =>
    sinks.shop.received.flatMap(({ events }) => events).filter(({ event }) => event !== 'Cart Viewed').length
  const before = atShop()
  const counted = await jobEnds((await start({ source: 'web' })).id)
  // All but the one that its integrations keep from webhooks.
  expect(counted).toMatchObject({ kind: 'count history', state: 'done', done: 60 + 600 + 40, read: 60 + 600 + 41 })
  expect((await jobEnds((await start({ event: 'Cart Viewed', user: 'user-3' })).id)).done).toBe(2)
  expect(sinks.fresh.received).toEqual([])

  const { id } = await start({ dryRun: false, perSecond: 400 })
  await until('it is in the middle', () => sinks.fresh.ids.size > 100)
  await server.killAll()
  expect(await jobEnds(id)).toMatchObject({ kind: 'replay history', state: 'done', done: 700 })
  await until('all have arrived', () => sinks.fresh.ids.size === 700)
  const first = [
    ...new Map(sinks.fresh.received.flatMap(({ events }) => events).map((one) => [one.messageId, one])).values(),
  ]
  for (const [user, own] of Map.groupBy(first, ({ userId }) => userId)) {
    const numbers = own.map(({ messageId }) => Number(messageId.slice('order-'.length)))
    expect([user, numbers]).toEqual([user, numbers.toSorted((a, b) => a - b)])
  }
  expect(atShop()).toBe(before)
})

test('changes that several people make of a letter at the same time are all kept', async () => {
  refuse()
  await send([order(9_501, -1)])
  const [letter] = await until(
    'it is a dead letter',
    async () => (await letters('&messageId=order-9501')).deadLetters,
    { enough: (found) => found.length === 1 },
  )
  const path = `/dead-letters/${letter?.id ?? ''}`
  const change = (n: number) => [{ op: 'add', path: `/properties/of-${n}`, value: n }]
  const numbers = Array.from({ length: 12 }, (_, n) => n)
  await Promise.all(numbers.map((n) => server.admin(path, { method: 'PATCH', body: JSON.stringify(change(n)) })))
  const { deadLetter } = await server.admin<{ deadLetter: DeadLetter }>(path)
  expect(deadLetter.event).toMatchObject({
    properties: Object.fromEntries(numbers.map((n) => [`of-${n}`, n])),
  })
})
