import { beforeEach, expect, test } from 'vitest'
import { SluicewayError } from '../../src/core/errors.ts'
import type { JobOrder } from '../../src/core/jobs.ts'
import { DeadLetters } from '../../src/lanes/dead-letters.ts'
import { JobRunner } from '../../src/lanes/job-runner.ts'
import { LaneStore } from '../../src/lanes/lane-store.ts'
import { fakePort } from '../support/fake-context.ts'
import { Sqlite } from '../support/sqlite.ts'

const order: JobOrder = { id: 'a-job', kind: 'replay', filter: {}, by: 'ada' }
let sqlite: Sqlite
let clock = 0
let letters: DeadLetters
let replayed: number[]
let waiting: number
let fails: (number: number) => Error | undefined

function open(): JobRunner {
  const db = sqlite.open()
  const store = new LaneStore(db, 1)
  letters = new DeadLetters(db, { target: 'crm', partition: 0 })
  const runner: JobRunner = new JobRunner({
    store,
    letters,
    port: fakePort({ now: () => clock }),
    waiting: () => waiting,
    replay: async (number) => {
      const error = fails(number)
      if (error !== undefined) throw error
      if (!letters.remove(number)) return false
      replayed.push(number)
      return true
    },
    changed: () => undefined,
  })
  return runner
}
beforeEach(() => {
  sqlite = new Sqlite()
  ;[clock, waiting, replayed, fails] = [1_000, 0, [], () => undefined]
  letters = new DeadLetters(sqlite.open(), { target: 'crm', partition: 0 })
})
const add = (count: number, event = 'Order Completed') => {
  for (let n = 0; n < count; n++)
    letters.add(
      {
        stage: 'delivery',
        messageId: `order-${n}`,
        source: 'shop',
        key: 'ada',
        reason: 'HTTP 400',
        code: 'http_400',
        receivedAt: '2026-11-25T12:00:00.000Z',
        event: JSON.stringify({ event }),
        attempts: [],
      },
      n,
    )
}
const step = async (runner: JobRunner, ms = 100) => {
  clock += ms
  runner.pump()
  await new Promise<void>((resolve) => setImmediate(resolve))
}

test('a job replays what its filter lets through, oldest first, and leaves alone what comes after its start', async () => {
  add(150)
  add(10, 'Cart Viewed')
  const runner = open()
  runner.start({ ...order, filter: { event: 'Order Completed' } })
  add(5)
  await step(runner)
  expect([replayed.length, replayed[0], replayed.at(-1)]).toEqual([100, 1, 100])
  expect(runner.list()).toMatchObject([{ state: 'running', done: 100 }])
  await step(runner)
  expect(runner.list()).toMatchObject([{ state: 'done', done: 150, failed: 0, endedAt: clock }])
  expect(letters.count).toBe(15)
})

test('a job goes on after a crash where it was, and repeats nothing', async () => {
  add(250)
  let runner = open()
  runner.start(order)
  await step(runner)
  runner = open()
  expect(runner.due()).toBeDefined()
  for (let i = 0; i < 3; i++) await step(runner)
  expect(replayed).toEqual(Array.from({ length: 250 }, (_, i) => i + 1))
  expect(runner.list()).toMatchObject([{ state: 'done', done: 250 }])
})

test('a job that is started again under its id is the same job', async () => {
  add(3)
  const runner = open()
  runner.start(order)
  await step(runner)
  add(3)
  expect(runner.start(order)).toMatchObject({ state: 'done', done: 3 })
  expect(runner.list()).toHaveLength(1)
})

test('a job passes over a letter that cannot be replayed, and waits where time may mend it', async () => {
  add(5)
  fails = (number) => (number === 2 ? new SluicewayError('bad_request', 'it is still no good') : undefined)
  const runner = open()
  runner.start(order)
  await step(runner)
  expect(runner.list()).toMatchObject([{ state: 'done', done: 4, failed: 1, reason: 'it is still no good' }])
  fails = () => new SluicewayError('stream_unavailable', 'the log is away')
  runner.start({ ...order, id: 'another' })
  await step(runner)
  await step(runner)
  expect(runner.list().at(-1)).toMatchObject({ state: 'running', done: 0, failed: 0, reason: 'the log is away' })
  fails = () => undefined
  await step(runner, 20_000)
  expect(runner.list().at(-1)).toMatchObject({ state: 'done', done: 1 })
})

test('a job is held while too much waits in the lane, and ends when it is canceled', async () => {
  add(250)
  const runner = open()
  runner.start(order)
  waiting = 2_000
  await step(runner)
  expect(replayed).toEqual([])
  waiting = 0
  await step(runner, 1_000)
  expect(replayed).toHaveLength(100)
  expect(runner.cancel('a-job')).toMatchObject({ state: 'canceled', done: 100 })
  await step(runner, 1_000)
  expect([replayed.length, letters.count, runner.due()]).toEqual([100, 150, undefined])
  expect(runner.cancel('nobody')).toBe(null)
})

test('a job that waits says why: for the events in front of it, or for a job that began before', async () => {
  add(1)
  const runner = open()
  waiting = 2_000
  runner.start(order)
  runner.start({ ...order, id: 'another-job', kind: 'discard' })
  await step(runner)
  const [first, second] = runner.list()
  expect(first).toMatchObject({
    state: 'running',
    done: 0,
    reason: '2000 events wait in the lane: it goes on once there are fewer than 2000',
  })
  expect(second).toMatchObject({ state: 'running', reason: 'the job a-job of this lane comes first' })
  waiting = 0
  for (let i = 0; i < 3; i++) await step(runner, 500)
  for (const job of runner.list()) expect(job).not.toHaveProperty('reason')
  expect(runner.list()).toMatchObject([
    { state: 'done', done: 1 },
    { state: 'done', done: 0 },
  ])
})
