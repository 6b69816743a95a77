// A destination that fails shows however few users it has, and what waited arrives at once when it is back.
import { expect, test } from 'vitest'
import { plainOrder } from '../support/sample-events.ts'
import { serveWithSinks } from '../support/serve-with-sinks.ts'
import type { Server } from '../support/server.ts'
import type { Sink } from '../support/sink.ts'
import { until } from '../support/until.ts'

const outageMs = 20_000
/** The longest that a recovery may go unnoticed, and some for the machine. */
const recoveryMs = 20_000

let sink: Sink
let server: Server
serveWithSinks({ config: 'failures.config.ts', sinks: { SINK: 'sink', BATCHES: 'sink', CHOOSY: 'sink' } }, (served) => {
  server = served.server
  ;({ sink } = served.sinks)
})

interface HealthAnswer {
  readonly status: string
  readonly stuck: readonly { readonly target: string; readonly state: string }[]
}

const health = async (): Promise<HealthAnswer> =>
  (await fetch(`${server.url}/health`, { headers: { authorization: `Bearer ${server.adminToken}` } })).json() as never

const lineOf = (message: string, level: string) =>
  server.stderr.split('\n').filter((line) => line.includes(` ${level} ${message} `))

test.each([
  { users: ['ada'], state: 'failing', perUser: 300 },
  { users: ['grace', 'joan', 'mary', 'dorothy'], state: 'down', perUser: 150 },
])(
  'while a destination answers 503, the lane of the users $users is $state and health says why; afterwards all arrive in order within seconds',
  async ({ users, state, perUser }) => {
    const began = Date.now()
    sink.answer = () => ({ status: 503, body: 'not now' })
    const ids = new Map<string, string[]>(users.map((user) => [user, []]))
    for (let n = 0; n < perUser; n += 50)
      for (const userId of users) {
        const events = Array.from({ length: 50 }, (_, i) => plainOrder(`${userId}-${n + i}`, { userId }))
        ids.get(userId)?.push(...events.map(({ messageId }) => messageId))
        expect((await server.post('/v1/batch', { batch: events })).status).toBe(200)
      }
    const lane = await until(`the lane is ${state}`, async () => {
      const now = await server.lane('sink')
      return now.state === state && now.depth === users.length * perUser && now
    })
    expect(lane).toMatchObject({ reason: 'HTTP 503', lastError: { reason: 'HTTP 503' } })
    expect(lane.since).toBeGreaterThanOrEqual(began)
    const stuck = await until(
      'health tells it',
      async () => (await health()).stuck.find(({ target, state: now }) => target === 'sink' && now === state),
      { seconds: 30 },
    )
    expect(stuck).toMatchObject({ reason: 'HTTP 503', since: lane.since, depth: users.length * perUser })
    const next = await until('a try is due', async () => (await server.lane('sink')).nextAttemptAt)
    expect(next - Date.now()).toBeLessThan(15_000)
    await until('the outage lasts', () => Date.now() - began > outageMs, { seconds: 30 })
    expect(sink.received.filter(({ status, at }) => status === 503 && at >= began).length).toBeLessThan(80)

    const recovery = Date.now()
    sink.answer = () => undefined
    await sink.untilDelivered(...[...ids.values()].flat())
    const took = Date.now() - recovery
    expect(took).toBeLessThan(recoveryMs)
    const arrived = sink.firstArrivals.map(({ messageId }) => messageId)
    for (const [user, sent] of ids) expect(arrived.filter((id) => id.startsWith(`${user}-`))).toEqual(sent)
    for (const id of [...ids.values()].flat()) expect([id, sink.deliveries.get(id)]).toEqual([id, 1])
    await until('the lane is idle', async () => {
      const { since, lastError, state: now } = await server.lane('sink')
      return now === 'idle' && since === undefined && lastError === undefined
    })
    await until('health is up again', async () => (await health()).status === 'UP', { seconds: 30 })
    expect(lineOf('a destination fails: all that its lane sends is tried again', 'warn')[0]).toMatch(
      /^\d{4}-\d\d-\d\dT\S+Z warn .*"target":"sink".*"reason":"HTTP 503"/,
    )
    expect(lineOf('a destination is back: all that waited is sent', 'info')[0]).toContain('"target":"sink"')
    // Gathered: far fewer lines than requests.
    expect(lineOf('a delivery failed; its events are tried again', 'warn').length).toBeLessThan(6)
  },
)

test('a person who resumes a lane of one user gets everything at once, although the destination had asked for an hour', async () => {
  sink.answer = () => ({ status: 429, headers: { 'retry-after': '3600' } })
  const ids = Array.from({ length: 20 }, (_, n) => `hedy-${n}`)
  await server.post('/v1/batch', { batch: ids.map((id) => plainOrder(id, { userId: 'hedy' })) })
  await until('all of them wait', async () => (await server.lane('sink')).waiting === ids.length)
  sink.answer = () => undefined
  const { lane } = await server.admin<{ lane: { target: string } }>('/lanes/sink/0/resume', { method: 'POST' })
  expect(lane.target).toBe('sink')
  const resumed = Date.now()
  await sink.untilDelivered(...ids)
  expect(Date.now() - resumed).toBeLessThan(5_000)
  expect(sink.firstArrivals.map(({ messageId }) => messageId).filter((id) => id.startsWith('hedy-'))).toEqual(ids)
})

test('the dead letters of a single user are logged with the destination and why, and not one line each', async () => {
  sink.answer = () => ({ status: 400, body: 'no such order' })
  const ids = Array.from({ length: 40 }, (_, n) => `katherine-${n}`)
  await server.post('/v1/batch', { batch: ids.map((id) => plainOrder(id, { userId: 'katherine' })) })
  await until('all are dead letters', async () => (await server.lane('sink')).deadLetters === ids.length)
  const lines = await until('it is logged', () => lineOf('an event is a dead letter', 'error'), {
    enough: (found) => found.length > 0,
  })
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('"target":"sink","partition":0,"code":"http_400","reason":"HTTP 400"')
})
