// The archive on the real bundle and the R2 of the local runtime: read from the disk, with the zlib of this process.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Deletion, LogStatus } from '../../src/core/bindings.ts'
import type { JobStatus } from '../../src/core/jobs.ts'
import { Random } from '../../scripts/bench/random.ts'
import { archivedObjects } from '../support/archived.ts'
import { plainOrder } from '../support/sample-events.ts'
import { basic, Server } from '../support/server.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { until } from '../support/until.ts'
import { Clients } from './clients.ts'

let shop: Sink
let fresh: Sink
let server: Server
/** Events that were accepted while the process was killed again and again. */
let acknowledged: ReadonlySet<string> = new Set()
beforeAll(async () => {
  ;[shop, fresh] = await Promise.all([Sink.open(), Sink.open()])
  server = await Server.start({
    config: 'archive.config.ts',
    vars: { SHOP: shop.url, FRESH: fresh.url, WEBHOOK_SECRET: sinkSecret },
  })
})
afterAll(async () => {
  await server?.stop()
  await Promise.all([shop, fresh].map((sink) => sink?.close()))
})

const archivedIds = () => archivedObjects(server.state).flatMap(({ lines }) => lines.map(({ messageId }) => messageId))
/** Has the archive write now what waits. */
const flush = () =>
  Promise.all(
    [0, 1].map((partition) =>
      server.admin(`/lanes/@archive/${partition}/resume`, { method: 'POST' }).catch(() => undefined),
    ),
  )
const replay = async (body: object) =>
  (
    await server.admin<{ job: JobStatus }>('/history', {
      method: 'POST',
      body: JSON.stringify({ target: 'fresh', ...body }),
    })
  ).job
const jobEnds = async (id: string) =>
  until(
    'the job has ended',
    async () => {
      const { job } = await server.admin<{ job: JobStatus }>(`/jobs/${id}`).catch(() => ({ job: undefined }))
      return job?.state === 'running' ? undefined : job
    },
    { seconds: 60, everyMs: 200 },
  )

test('nothing that was accepted is missing from the archive or twice in it, while the process is killed again and again', async () => {
  const load = new Clients(server, {
    random: new Random(1),
    eventOf: (client, number) =>
      plainOrder(`client-${client}-${number}`, { userId: `client-${client}`, anonymousId: `client-${client}` }),
  })
  const running = load.run(20)
  for (let kill = 1; kill <= 4; kill++) {
    const isOver = sleep(1_500).then(() => true)
    while (!(await Promise.race([isOver, sleep(150).then(() => false)]))) void flush()
    await (kill % 2 === 0 ? server.killAll() : server.killWorkerd())
  }
  load.stop()
  await running
  ;({ acknowledged } = load)
  await until('all is archived', async () => {
    await flush()
    const ids = new Set(archivedIds())
    return load.acknowledged.size > 100 && [...load.acknowledged].every((id) => ids.has(id))
  })
  const ids = archivedIds()
  expect(ids.length).toBe(new Set(ids).size)
  expect(archivedObjects(server.state).length).toBeGreaterThan(10)
  // The tests that follow go on meanwhile.
  await server.admin('/suppression', {
    method: 'POST',
    body: JSON.stringify({ users: [{ kind: 'userId', id: 'client-7' }], delete: ['@archive'] }),
  })
})

test('an hour that the log has forgotten is replayed from the archive, then what the log has, in order and to one destination', async () => {
  const order = (n: number) =>
    plainOrder(`order-${n}`, { userId: `user-${n % 10}`, anonymousId: `user-${n % 10}`, properties: { number: n } })
  const send = async (from: number, key: string) => {
    const batch = Array.from({ length: 20 }, (_, i) => order(from + i))
    const answer = await server.post('/v1/batch', { batch }, { headers: { authorization: basic(key) } })
    expect(await answer.json()).toMatchObject({ accepted: 20 })
  }
  // One user's events come by way of both sources.
  for (let n = 0; n < 600; n += 20) await send(n, n % 40 === 0 ? server.writeKey : 'key-of-the-server')
  const heads = (await server.admin<{ log: LogStatus[] }>('/log')).log.map(({ head }) => head)
  await server.restart({ FORWARD_HOURS: '3' })
  await until('the log has forgotten the hour', async () => {
    await flush()
    const { log } = await server.admin<{ log: LogStatus[] }>('/log')
    return log.every(({ first }, i) => first >= (heads[i] as number))
  })
  for (let n = 600; n < 700; n += 20) await send(n, server.writeKey)
  await until('the shop has all', () => [...shop.ids].filter((id) => id.startsWith('order-')).length === 700)

  const filter = { event: 'Order Completed' }
  const counted = await jobEnds((await replay({ ...filter, user: 'user-3' })).id)
  expect(counted).toMatchObject({ kind: 'count history', state: 'done', done: 70 })
  const web = await jobEnds((await replay({ source: 'web', user: 'user-3' })).id)
  expect(web.done).toBe(40)
  expect(fresh.received).toEqual([])

  const atShop = shop.received.length
  const { id } = await replay({ user: 'user-3', dryRun: false, perSecond: 20 })
  await until('it is in the middle of the archive', () => fresh.ids.size > 20)
  await server.killAll()
  expect(await jobEnds(id)).toMatchObject({ kind: 'replay history', state: 'done', done: 70 })
  await until('all have arrived', () => fresh.ids.size === 70)
  const numbers = fresh.firstTaken.map(({ properties }) => properties?.['number'])
  expect(numbers).toEqual(Array.from({ length: 70 }, (_, i) => 3 + i * 10))
  expect(shop.received.length).toBe(atShop)
})

test('the events of a user who was deleted are gone from the archive, and no others', async () => {
  const deletion = async () => (await server.admin<{ deletions: Deletion[] }>('/suppression/deletions')).deletions[0]
  expect(await deletion()).toMatchObject({ destination: '@archive', id: 'client-7' })
  await until('no event of the user is there', () =>
    archivedObjects(server.state).every(({ lines }) => lines.every(({ event }) => event.userId !== 'client-7')),
  )
  const others = [...acknowledged].filter((id) => !id.startsWith('client-7-'))
  const ids = archivedIds().filter((id) => id.startsWith('client-'))
  expect(ids.length).toBe(new Set(ids).size)
  expect(others.filter((id) => !ids.includes(id))).toEqual([])
  expect(acknowledged.size).toBeGreaterThan(others.length)
})

test('an event that waits for its object is not archived any more once its user was deleted, though the lane forgot it meanwhile', async () => {
  // Nothing but its alarm wakes the lane, as when it was put to sleep between two sweeps.
  const asleep = await Server.start({
    config: 'archive.config.ts',
    vars: { SHOP: shop.url, FRESH: fresh.url, WEBHOOK_SECRET: sinkSecret },
    tick: 3_600,
  })
  try {
    const ids = () => archivedObjects(asleep.state).flatMap(({ lines }) => lines.map(({ messageId }) => messageId))
    const sent = await asleep.post('/v1/batch', {
      batch: ['grace', 'linus'].map((userId) => ({ type: 'track', event: 'Signed In', messageId: userId, userId })),
    })
    expect(await sent.json()).toEqual({ success: true, accepted: 2 })
    const users = [{ kind: 'userId', id: 'grace' }]
    await asleep.admin('/suppression', { method: 'POST', body: JSON.stringify({ users, delete: ['@archive'] }) })
    await until('the erasure is asked for', async () => {
      const { deletions } = await asleep.admin<{ deletions: Deletion[] }>('/suppression/deletions')
      return deletions.some(({ attempts }) => attempts > 0)
    })
    // The erasure begins 15 seconds after the call.
    await sleep(13_000)
    await asleep.killAll()
    await sleep(5_000)
    await until(
      'what waited is archived',
      async () => {
        for (const partition of [0, 1]) await asleep.admin(`/lanes/@archive/${partition}/resume`, { method: 'POST' })
        return ids()
      },
      { enough: (archived) => archived.includes('linus'), everyMs: 1_000 },
    )
    await until('no event of the user is there', () => !ids().includes('grace'))
  } finally {
    await asleep.stop()
  }
})
