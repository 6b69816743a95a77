import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LaneStatus, LaneTrace } from '../../src/core/bindings.ts'
import { partitionOf } from '../../src/storage/murmur2.ts'
import { plainOrder } from '../support/sample-events.ts'
import { Server } from '../support/server.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { d1Tables } from '../support/tables.ts'
import { until } from '../support/until.ts'

/** Of two partitions, Ada's events are in the second one and Grace's in the first. */
const [ada, grace] = [1, 0].map((partition) =>
  ['ada', 'grace', 'barbara', 'katherine', 'annie'].find((key) => partitionOf(key, 2) === partition),
) as [string, string]

interface Health {
  readonly status: string
  readonly log?: object
  readonly lanes: { readonly all: number }
  readonly stuck: readonly { readonly target: string; readonly state: string; readonly reason?: string }[]
}
interface Trace {
  readonly found: boolean
  readonly partition?: number
  readonly lanes: readonly LaneTrace[]
}

let hook: Sink
let crm: Sink
let server: Server
beforeEach(async () => {
  hook = await Sink.open()
  crm = await Sink.open()
})
afterEach(async () => {
  await server.stop()
  await hook.close()
  await crm.close()
})

const serve = async (vars: Readonly<Record<string, string>>) => {
  server = await Server.start({
    config: 'layout.config.ts',
    vars: { HOOK: hook.url, CRM: crm.url, WEBHOOK_SECRET: sinkSecret, WITHOUT: '', ...vars },
  })
}
const send = async (userId: string, ...ids: readonly string[]) => {
  for (const id of ids) expect((await server.post('/v1/track', plainOrder(id, { userId }))).status).toBe(200)
}
const fail = () => ({ status: 503 })
const well = () => undefined
const lanes = async () => (await server.admin<{ lanes: LaneStatus[] }>('/lanes')).lanes
const laneOf = async (name: string) => (await lanes()).find((one) => `${one.target}:${one.partition}` === name)
const laneWhen = (name: string, enough: (lane: LaneStatus) => boolean) =>
  until(`the lane ${name} is so far`, () => laneOf(name), { enough: (lane) => lane !== undefined && enough(lane) })
const traceOf = (id: string) => server.admin<Trace>(`/trace/${id}`)
const statusIn = ({ lanes }: Trace, target: string) => lanes.find((lane) => lane.target === target)?.status
const health = async () => {
  const response = await fetch(`${server.url}/health`, { headers: { authorization: `Bearer ${server.adminToken}` } })
  return (await response.json()) as Health
}
const arrivedFor = (userId: string, sink = hook) =>
  sink.firstTaken.filter((event) => event.userId === userId).map(({ messageId }) => messageId)
const loaded = async () => (await d1Tables(server.state).rows('order_completed')).map(({ id }) => id)

describe.each(['log', 'queues'])('a deployment on the stream %s whose number of partitions is lowered', (stream) => {
  test(`what waited in a partition above the number, of the stream ${stream}, is seen, delivered and loaded in its order`, async () => {
    await serve({ PARTITIONS: '2', STREAM: stream, STAGE_SECONDS: '300' })
    hook.answer = fail
    await send(ada, 'ada-1', 'ada-2', 'ada-3')
    await send(grace, 'grace-1', 'grace-2')
    await laneWhen('hook:1', ({ depth }) => depth === 3)
    await laneWhen('tables:1', ({ depth }) => depth === 3)
    await server.restart({ PARTITIONS: '1', STAGE_SECONDS: '1' })

    const waits = await laneWhen('hook:1', ({ depth }) => depth === 3)
    expect(waits.oldestSeconds).toBeGreaterThanOrEqual(0)
    const isLog = stream === 'log'
    expect(await health()).toMatchObject({
      lanes: { all: 7 },
      ...(isLog ? { log: { partitions: 1, former: 1, unavailable: 0 } } : {}),
    })
    const trace = await traceOf('ada-1')
    expect([trace.found, trace.partition]).toEqual([true, isLog ? 1 : undefined])
    expect(['pending', 'waiting']).toContain(statusIn(trace, 'hook'))
    if (isLog) {
      const { events } = await server.admin<{ events: { event: { messageId: string } }[] }>('/events')
      expect(events.map(({ event }) => event.messageId).toSorted()).toEqual(
        ['ada-1', 'ada-2', 'ada-3', 'grace-1', 'grace-2'].toSorted(),
      )
    }

    hook.answer = well
    await send(grace, 'grace-3')
    await hook.untilDelivered('ada-1', 'ada-2', 'ada-3', 'grace-1', 'grace-2', 'grace-3')
    expect(arrivedFor(ada)).toEqual(['ada-1', 'ada-2', 'ada-3'])
    expect(arrivedFor(grace)).toEqual(['grace-1', 'grace-2', 'grace-3'])
    await until('all are loaded', async () => (await loaded()).length === 6)
    expect((await loaded()).toSorted()).toEqual(['ada-1', 'ada-2', 'ada-3', 'grace-1', 'grace-2', 'grace-3'])
    await laneWhen('hook:1', ({ depth }) => depth === 0)
    const done = await traceOf('ada-1')
    expect([done.found, statusIn(done, 'hook'), statusIn(done, 'tables')]).toEqual([true, 'done', 'done'])
  })
})

test('a dead letter of a partition above the number is listed, and replayed in its lane', async () => {
  await serve({ PARTITIONS: '2' })
  hook.answer = ([event]) => ({ status: event?.messageId === 'ada-1' ? 400 : 200 })
  await send(ada, 'ada-1', 'ada-2')
  await laneWhen('hook:1', ({ deadLetters }) => deadLetters === 1)
  await server.restart({ PARTITIONS: '1' })
  expect((await server.deadLetters()).map(({ id }) => id)).toEqual(['hook:1:1'])
  hook.answer = well
  await server.admin('/dead-letters/replay', { method: 'POST', body: JSON.stringify({ all: true, target: 'hook' }) })
  await hook.untilDelivered('ada-1')
  expect(await server.deadLetters()).toEqual([])
})

test('a number of partitions that is lowered and raised again goes on with the offsets that each partition had', async () => {
  await serve({ PARTITIONS: '2' })
  await send(ada, 'ada-1', 'ada-2')
  await hook.untilDelivered('ada-2')
  await server.restart({ PARTITIONS: '1' })
  await send(ada, 'ada-3')
  await hook.untilDelivered('ada-3')
  await server.restart({ PARTITIONS: '2' })
  await send(ada, 'ada-4')
  await hook.untilDelivered('ada-4')
  expect(arrivedFor(ada)).toEqual(['ada-1', 'ada-2', 'ada-3', 'ada-4'])
  const places = await Promise.all(
    ['ada-1', 'ada-2', 'ada-3', 'ada-4'].map(async (id) => {
      const { partition, offset } = await server.admin<{ partition: number; offset: number }>(`/trace/${id}`)
      return [partition, offset]
    }),
  )
  expect(places).toEqual([
    [1, 0],
    [1, 1],
    [0, 0],
    [1, 2],
  ])
  expect((await health()).log).toEqual({ partitions: 2, unavailable: 0 })
})

describe.each(['log', 'queues'])('a destination that is taken out of the config, on the stream %s,', (stream) => {
  test(`what waits for a destination that is gone is told, kept and delivered when it is back, by way of ${stream}`, async () => {
    await serve({ PARTITIONS: '1', STREAM: stream })
    crm.answer = ([event]) => ({ status: event?.messageId === 'ada-0' ? 400 : 503 })
    await send(ada, 'ada-0')
    await laneWhen('crm:0', ({ deadLetters }) => deadLetters === 1)
    await send(ada, 'ada-1', 'ada-2')
    await send(grace, 'grace-1')
    await laneWhen('crm:0', ({ depth }) => depth === 3)
    await server.restart({ WITHOUT: 'crm' })
    await send(ada, 'ada-3')

    const lane = await laneWhen('crm:0', ({ depth }) => depth > 0)
    expect(lane).toMatchObject({ kind: 'destination', state: 'orphaned', deadLetters: 1 })
    expect(lane.reason).toMatch(/^"crm" is no longer in the config: put it back under this name to deliver what waits/)
    const told = await until('the health tells it', health, { enough: ({ status }) => status === 'DEGRADED' })
    expect(told.stuck).toMatchObject([
      { target: 'crm', state: 'orphaned', reason: expect.stringContaining('put it back under this name') as string },
    ])
    expect((await server.deadLetters()).map(({ id, messageId }) => [id, messageId])).toEqual([['crm:0:1', 'ada-0']])
    expect(statusIn(await traceOf('grace-1'), 'crm')).toMatch(/pending|waiting/)
    expect(statusIn(await traceOf('ada-3'), 'crm')).toBeUndefined()
    const line = await until('the log tells it', () =>
      server.stderr.split('\n').find((one) => one.includes('a target is no longer in the config')),
    )
    expect(line).toContain('"target":"crm"')
    await hook.untilDelivered('ada-3')
    expect(crm.ids.size).toBe(0)

    crm.answer = well
    await server.restart({ WITHOUT: '' })
    await send(ada, 'ada-4')
    await crm.untilDelivered('ada-1', 'ada-2', 'grace-1', 'ada-4')
    expect(arrivedFor(ada, crm)).toEqual(['ada-1', 'ada-2', 'ada-4'])
    await laneWhen('crm:0', ({ state, depth }) => state !== 'orphaned' && depth === 0)
    expect(server.stderr).toContain('a target is in the config again; its lane goes on where it was')
    await server.admin('/dead-letters/crm:0:1/replay', { method: 'POST' })
    await crm.untilDelivered('ada-0')
  })
})

test('a destination that is gone and has nothing left troubles nobody', async () => {
  await serve({ PARTITIONS: '1' })
  await send(ada, 'ada-1')
  await crm.untilDelivered('ada-1')
  // The cursor is stored within a second.
  await laneWhen('crm:0', ({ changedAt = Infinity }) => changedAt < Date.now() - 1_500)
  await server.restart({ WITHOUT: 'crm' })
  await send(ada, 'ada-2', 'ada-3')
  await hook.untilDelivered('ada-3')
  await laneWhen('crm:0', ({ orphanedAt }) => orphanedAt !== undefined)
  expect(await laneOf('crm:0')).toMatchObject({ state: 'orphaned', depth: 0, oldestSeconds: 0 })
  expect((await health()).status).toBe('UP')
  expect(server.stderr).not.toContain('a target is no longer in the config')
})

test('what waits for a warehouse that is gone is told, and loaded when it is back', async () => {
  await serve({ PARTITIONS: '1', STAGE_SECONDS: '300' })
  await send(ada, 'ada-1', 'ada-2')
  await laneWhen('tables:0', ({ depth }) => depth === 2)
  await server.restart({ WITHOUT: 'tables', STAGE_SECONDS: '1' })
  await send(ada, 'ada-3')
  const lane = await laneWhen('tables:0', ({ depth }) => depth > 0)
  expect(lane).toMatchObject({ kind: 'warehouse', state: 'orphaned' })
  const { warehouses } = await server.admin<{ warehouses: { warehouse: string; orphaned?: true }[] }>('/warehouses')
  expect(warehouses).toMatchObject([{ warehouse: 'tables', orphaned: true }])
  const told = await until('the health tells it', health, { enough: ({ status }) => status === 'DEGRADED' })
  expect(told.stuck).toMatchObject([{ target: 'tables', state: 'orphaned' }])
  await server.restart({ WITHOUT: '' })
  await until('both are loaded', async () => (await loaded()).length === 2)
  expect((await loaded()).toSorted()).toEqual(['ada-1', 'ada-2'])
})
