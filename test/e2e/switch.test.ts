import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LaneStatus, LaneTrace } from '../../src/core/bindings.ts'
import { plainOrder } from '../support/sample-events.ts'
import { Server } from '../support/server.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { d1Tables } from '../support/tables.ts'
import { until } from '../support/until.ts'

type Driver = 'log' | 'queues' | 'kafka'

const password = 'password-of-kafka'
let sink: Sink
let server: Server
/** Another deployment, whose log is the Kafka of the first one. */
let broker: Server | undefined
beforeEach(async () => {
  sink = await Sink.open()
})
afterEach(async () => {
  await server.stop()
  await broker?.stop()
  broker = undefined
  await sink.close()
})

const serve = async (stream: Driver, { withKafka = false, stageSeconds = 1 } = {}) => {
  if (withKafka) broker = await Server.start({ vars: { KAFKA_PASSWORD: password } })
  server = await Server.start({
    config: 'switch.config.ts',
    vars: {
      STREAM: stream,
      HOOK: sink.url,
      WEBHOOK_SECRET: sinkSecret,
      STAGE_SECONDS: `${stageSeconds}`,
      KAFKA_URL: broker === undefined ? '' : `${broker.url}/kafka`,
      KAFKA_PASSWORD: password,
    },
  })
}
/** Once the lane's cursor is stored, which takes a second: what it knows of what it has sent is not what this is about. */
const changeTo = async (stream: Driver, vars: Readonly<Record<string, string>> = {}) => {
  await laneWhen('hook', ({ changedAt = Infinity }) => changedAt < Date.now() - 1_500)
  await server.restart({ STREAM: stream, ...vars })
}
const send = async (userId: string, ...ids: readonly string[]) => {
  for (const id of ids) expect((await server.post('/v1/track', plainOrder(id, { userId }))).status).toBe(200)
}
const fail = () => ({ status: 503 })
const well = () => undefined
const laneWhen = (name: string, enough: (lane: LaneStatus) => boolean) =>
  until(`the lane ${name} is so far`, () => server.lane(name), { enough, seconds: 60 })
const statusesOf = async (id: string) => {
  const { lanes } = await server.admin<{ lanes: LaneTrace[] }>(`/trace/${id}`)
  return Object.fromEntries(lanes.map(({ target, status }) => [target, status]))
}
const arrivedFor = (userId: string) =>
  sink.delivered.filter((event) => event.userId === userId).map(({ messageId }) => messageId)
const loaded = async () => (await d1Tables(server.state).rows('order_completed')).map(({ id }) => String(id)).toSorted()
const untilLoaded = async (ids: readonly string[]) => {
  await until('all are loaded', loaded, { enough: (found) => found.length >= ids.length, seconds: 90 })
  expect(await loaded()).toEqual(ids.toSorted())
}
const all = (name: string, first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => `${name}-${first + i}`)
const untilTraced = (id: string) =>
  until(`${id} is traced`, () => statusesOf(id), {
    enough: ({ hook, tables }) => hook === 'done' && tables === 'done',
    seconds: 60,
  })

describe.each([
  ['log', 'queues'],
  ['queues', 'log'],
] as const)('a deployment whose stream %s becomes %s and is changed back', (first, second) => {
  test(`every event of a change from ${first} to ${second} and back is delivered once, in order, and loaded once`, async () => {
    await serve(first)
    await send('ada', ...all('ada', 1, 3))
    await sink.untilDelivered(...all('ada', 1, 3))
    await changeTo(second)
    await send('ada', ...all('ada', 4, 8))
    await sink.untilDelivered(...all('ada', 4, 8))
    await changeTo(first)
    await send('ada', ...all('ada', 9, 10))
    await sink.untilDelivered(...all('ada', 9, 10))
    await untilLoaded(all('ada', 1, 10))
    await sleep(1_500)
    expect(arrivedFor('ada')).toEqual(all('ada', 1, 10))
    for (const id of ['ada-1', 'ada-4', 'ada-8', 'ada-10']) await untilTraced(id)
    expect(await server.deadLetters()).toEqual([])
  })

  test(`what waits, is retried or is dead when the stream ${first} becomes ${second} is delivered, replayed and traced after it`, async () => {
    await serve(first, { stageSeconds: 300 })
    sink.answer = ([event]) => ({ status: event?.messageId === 'grace-1' ? 400 : 503 })
    await send('grace', 'grace-1')
    await laneWhen('hook', ({ deadLetters }) => deadLetters === 1)
    await send('ada', ...all('ada', 1, 3))
    await send('grace', 'grace-2')
    await laneWhen('hook', ({ depth, state }) => depth === 4 && state !== 'running')
    await laneWhen('tables', ({ depth }) => depth === 5)
    await changeTo(second)
    await send('ada', ...all('ada', 4, 5))
    await send('grace', 'grace-3')
    await laneWhen('hook', ({ depth }) => depth === 7)
    expect((await statusesOf('ada-1'))['hook']).toMatch(/pending|waiting/)
    expect((await statusesOf('ada-4'))['hook']).toMatch(/pending|waiting/)
    expect((await statusesOf('grace-1'))['hook']).toBe('dead')
    await changeTo(first)
    await send('ada', 'ada-6')
    await laneWhen('hook', ({ depth }) => depth === 8)
    sink.answer = well
    await sink.untilDelivered(...all('ada', 1, 6), 'grace-2', 'grace-3')
    // What the warehouse's lane gathered over three streams, it gathers again.
    await changeTo(second, { STAGE_SECONDS: '1' })
    const [letter] = await server.deadLetters()
    expect(letter).toMatchObject({ messageId: 'grace-1', code: 'http_400' })
    await server.admin(`/dead-letters/${letter?.id}/replay`, { method: 'POST' })
    await sink.untilDelivered('grace-1')
    await untilLoaded([...all('ada', 1, 6), ...all('grace', 1, 3)])
    await sleep(1_500)
    expect(arrivedFor('ada')).toEqual(all('ada', 1, 6))
    expect(arrivedFor('grace')).toEqual(['grace-2', 'grace-3', 'grace-1'])
    for (const id of ['ada-1', 'ada-4', 'ada-6', 'grace-1', 'grace-3']) await untilTraced(id)
    await laneWhen('hook', ({ depth, state }) => depth === 0 && state === 'idle')
    expect(await server.deadLetters()).toEqual([])
  })
})

test('what a stream of the three log, Kafka and queues holds when the runtime is killed and the stream changed arrives once', async () => {
  await serve('log', { withKafka: true })
  sink.answer = fail
  await send('ada', ...all('ada', 1, 3))
  await laneWhen('hook', ({ depth }) => depth === 3)
  await server.killAll()
  await changeTo('kafka')
  await send('ada', ...all('ada', 4, 6))
  await laneWhen('hook', ({ depth }) => depth === 6)
  await server.killAll()
  await changeTo('queues')
  await send('ada', ...all('ada', 7, 8))
  await laneWhen('hook', ({ depth }) => depth === 8)
  await changeTo('log')
  await send('ada', 'ada-9')
  await laneWhen('hook', ({ depth }) => depth === 9)
  sink.answer = well
  await sink.untilDelivered(...all('ada', 1, 9))
  await changeTo('kafka')
  await send('ada', 'ada-10')
  await sink.untilDelivered('ada-10')
  await untilLoaded(all('ada', 1, 10))
  await sleep(1_500)
  expect(arrivedFor('ada')).toEqual(all('ada', 1, 10))
  for (const id of ['ada-1', 'ada-5', 'ada-8', 'ada-9', 'ada-10']) await untilTraced(id)
})
