import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LaneStatus, LaneTrace, SkippedLane } from '../../src/core/bindings.ts'
import { StreamHarness } from '../streams/stream-harness.ts'
import { packedOrder } from '../support/sample-events.ts'
import { Sink } from '../support/sink.ts'
import { until } from '../support/until.ts'

const ref = { target: 'webhook', partition: 0 }
let sink: Sink
let harness: StreamHarness
beforeAll(async () => {
  sink = await Sink.open()
  harness = await StreamHarness.start({ driver: 'log', sink: sink.url })
})
afterAll(async () => {
  await harness.stop()
  await sink.close()
})

const lane = <T>(method: string, ...args: unknown[]) => harness.lane<T>('webhook:0', method, ref, ...args)
const append = (...ids: string[]) =>
  harness.append(ids.map((id) => packedOrder(id, {}, { key: id.split('-')[0] ?? id, to: ['webhook'] })))
const depthIs = (depth: number) =>
  until(`the lane has ${depth} events`, () => lane<LaneStatus>('status'), { enough: (now) => now.depth === depth })

test('a lane that a person has stopped sends nothing, over a kill -9 as well, until it is resumed', async () => {
  expect(await lane<LaneStatus>('pause', 'grace')).toMatchObject({ state: 'paused', reason: 'stopped by grace' })
  await append('ada-1', 'ada-2', 'joan-1')
  await depthIs(3)
  await harness.restart()
  await lane('poke')
  expect(await depthIs(3)).toMatchObject({ state: 'paused', reason: 'stopped by grace' })
  expect(sink.arrivals).toEqual([])

  await lane('resume')
  await until('all are there', () => sink.arrivals, { enough: (ids) => ids.length >= 3 })
  expect(sink.arrivals.filter((id) => id.startsWith('ada'))).toEqual(['ada-1', 'ada-2'])
  expect((await depthIs(0)).state).toBe('idle')
})

test('a lane that is skipped to now gives up rows and what it has not read, says so in traces, and sends what comes after', async () => {
  sink.received.length = 0
  sink.answer = () => ({ status: 503 })
  await append('mary-1', 'mary-2')
  await until('one has a row', () => lane<LaneStatus>('status'), { enough: ({ waiting }) => waiting > 0 })
  await lane('pause', 'grace')
  await append(...Array.from({ length: 5 }, (_, i) => `dorothy-${i}`))
  await depthIs(7)
  await append('barbara-1', 'barbara-2', 'barbara-3')
  expect(await lane<LaneStatus>('poke')).toMatchObject({ depth: 10 })
  const { events, unread, lane: after } = await lane<SkippedLane>('skip', 'grace')
  expect({ events, unread }).toEqual({ events: 7, unread: 3 })
  expect(after).toMatchObject({ depth: 0, waiting: 0, state: 'paused' })

  sink.received.length = 0
  sink.answer = () => ({ status: 200 })
  await harness.restart()
  await append('mary-3')
  await lane('resume')
  await until('what is new is there', () => sink.arrivals, { enough: (ids) => ids.length > 0 })
  await depthIs(0)
  expect(sink.arrivals).toEqual(['mary-3'])
  for (const [id, offset] of [
    ['mary-1', 3],
    ['dorothy-4', 9],
  ] as const)
    expect(await lane<LaneTrace>('trace', { id, source: 'shop', offset })).toMatchObject({
      status: 'skip',
      reason: 'given up by grace',
    })
  expect(await lane<LaneTrace>('trace', { id: 'mary-3', source: 'shop', offset: 13 })).toMatchObject({ status: 'done' })
})

test('a lane that was not stopped goes on after it was skipped', async () => {
  sink.received.length = 0
  expect((await lane<SkippedLane>('skip', 'grace')).lane.state).toBe('idle')
  await append('katherine-1')
  await until('it is there', () => sink.arrivals, { enough: (ids) => ids.includes('katherine-1') })
})

test('a lane that is drained delivers what its stream held then, retries included, and takes nothing newer until it is resumed', async () => {
  sink.received.length = 0
  sink.answer = (events) => (events[0]?.messageId === 'ada-11' ? { status: 503 } : { status: 200 })
  await append('ada-11', 'ada-12', 'joan-11')
  await until('one has a row', () => lane<LaneStatus>('status'), { enough: ({ waiting }) => waiting === 2 })
  const begun = await lane<LaneStatus>('drain', 'grace')
  expect(begun.state).not.toBe('paused')
  expect(begun.drain).toMatchObject({ by: 'grace', left: 2 })
  await append('mary-11', 'mary-12')
  await harness.restart()
  await lane('poke')
  await until('it goes on', () => lane<LaneStatus>('status'), { enough: ({ drain }) => drain?.left === 2 })

  sink.answer = () => ({ status: 200 })
  const done = await until('it is drained', () => lane<LaneStatus>('status'), {
    enough: ({ state }) => state === 'paused',
    seconds: 20,
  })
  expect(done).toMatchObject({ reason: 'drained by grace', waiting: 0, drain: { by: 'grace', left: 0 } })
  expect(done.drain?.doneAt).toBeGreaterThanOrEqual(done.drain?.at ?? Infinity)
  await harness.restart()
  expect(await lane<LaneStatus>('poke')).toMatchObject({ state: 'paused', reason: 'drained by grace', depth: 2 })
  const order = (name: string) => sink.firstTaken.map(({ messageId }) => messageId).filter((id) => id.startsWith(name))
  expect([order('ada'), order('mary')]).toEqual([['ada-11', 'ada-12'], []])

  await lane('resume')
  await depthIs(0)
  expect(order('mary')).toEqual(['mary-11', 'mary-12'])
  expect((await lane<LaneStatus>('status')).drain).toBeUndefined()
})

test('a lane that has nothing to deliver is drained at once, and drained again it takes what has come since', async () => {
  sink.received.length = 0
  expect(await lane<LaneStatus>('drain', 'grace')).toMatchObject({ state: 'paused', drain: { left: 0 } })
  await append('ada-21')
  expect((await lane<LaneStatus>('poke')).depth).toBe(1)
  await lane('drain', 'joan')
  const done = await until('it is drained again', () => lane<LaneStatus>('status'), {
    enough: ({ state, depth }) => state === 'paused' && depth === 0,
  })
  expect(done.reason).toBe('drained by joan')
  expect(sink.arrivals).toEqual(['ada-21'])
  await lane('resume')
})

test('a lane that is skipped while it is drained is drained then', async () => {
  sink.received.length = 0
  sink.answer = () => ({ status: 503 })
  await append('ada-31')
  await until('it has a row', () => lane<LaneStatus>('status'), { enough: ({ waiting }) => waiting > 0 })
  await lane('drain', 'grace')
  await append('ada-32')
  await lane('skip', 'joan')
  sink.answer = () => ({ status: 200 })
  const done = await until('it is drained', () => lane<LaneStatus>('status'), {
    enough: ({ state }) => state === 'paused',
  })
  expect(done).toMatchObject({ reason: 'drained by grace', depth: 0 })
  await lane('resume')
})

test('a lane that is killed while it is skipped is not stopped afterwards: nobody had asked for that', async () => {
  sink.received.length = 0
  sink.answer = () => ({ status: 200, afterMs: 3_000 })
  await append('ada-41')
  await until('it is under way', () => sink.arrivals, { enough: (ids) => ids.length === 1 })
  const skipping = lane('skip', 'grace').catch(() => 'it was killed')
  await sleep(200)
  await harness.restart()
  expect(await skipping).toBe('it was killed')
  sink.answer = () => ({ status: 200 })
  await lane('poke')
  expect(await depthIs(0)).not.toHaveProperty('reason')
  await append('ada-42')
  await until('what is new is there', () => sink.arrivals, { enough: (ids) => ids.includes('ada-42') })
})

test('a lane that a person stops while another skips it is stopped afterwards', async () => {
  sink.received.length = 0
  sink.answer = () => ({ status: 200, afterMs: 1_000 })
  await append('ada-61')
  await until('it is under way', () => sink.arrivals, { enough: (ids) => ids.length === 1 })
  const skipping = lane<SkippedLane>('skip', 'grace')
  await sleep(200)
  await lane('pause', 'joan')
  expect((await skipping).lane).toMatchObject({ state: 'paused', reason: 'stopped by joan' })
  await harness.restart()
  expect(await lane<LaneStatus>('poke')).toMatchObject({ state: 'paused', reason: 'stopped by joan' })
  await lane('resume')
})

test('a lane that has just begun again says how much waits in its log, before anybody has woken it', async () => {
  sink.received.length = 0
  sink.answer = () => ({ status: 200 })
  await lane('pause', 'grace')
  await append('ada-71', 'ada-72', 'joan-71')
  await depthIs(3)
  await harness.restart()
  expect(await lane<LaneStatus>('status')).toMatchObject({ state: 'paused', depth: 3 })
  await harness.restart()
  expect((await lane<LaneStatus>('resume')).depth).toBe(3)
  await depthIs(0)
  expect(sink.arrivals.toSorted()).toEqual(['ada-71', 'ada-72', 'joan-71'])
})
