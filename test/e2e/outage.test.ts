import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import type { LogStatus } from '../../src/core/bindings.ts'
import type { Event } from '../../src/core/event.ts'
import type { SpillSummary } from '../../src/spill/spill.ts'
import type { Random } from '../../scripts/bench/random.ts'
import { withSeed } from '../support/seed.ts'
import { plainOrder } from '../support/sample-events.ts'
import { Server } from '../support/server.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { until } from '../support/until.ts'

/** The default of `limits.appendMs`, and how much later an answer may be. */
const deadlineMs = 2_000
const graceMs = 200

const clients = 20
/** Milliseconds that a client rests between two requests. */
const restMs = 250

const opened: { stop: () => Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.stop()
})

async function start() {
  const sink = await Sink.open()
  opened.push({ stop: () => sink.close() })
  const server = await Server.start({
    config: 'outage.config.ts',
    vars: { SINK: sink.url, WEBHOOK_SECRET: sinkSecret },
  })
  opened.push(server)
  return { sink, server }
}

interface Modes {
  readonly log?: 'there' | 'throws' | 'hangs' | 'late'
  readonly r2?: 'there' | 'throws' | 'hangs' | 'deaf'
}

async function turn(server: Server, modes: Modes): Promise<void> {
  const answer = await fetch(`${server.url}/v1/webhook?writeKey=keyOfTheSwitches`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(modes),
  })
  expect(await answer.json()).toMatchObject(modes)
}

const orderOf = (messageId: string): Event => plainOrder(messageId, { anonymousId: messageId.split('-')[0] ?? '' })

const spilled = (server: Server) => server.admin<SpillSummary & { stuck: SpillSummary }>('/spill')
const logStatus = async (server: Server) => (await server.admin<{ log: LogStatus[] }>('/log')).log[0] as LogStatus

/** Shop visitors who send orders, and try again when they are told to. */
class Visitors {
  readonly acknowledged = new Set<string>()
  /** Everything that was sent, whatever the answer. */
  readonly sent = new Set<string>()
  /** Answers since the last `report`. */
  #answers: { readonly ms: number; readonly status: number; readonly retryAfter: string | null }[] = []
  readonly #server: Server
  readonly #random: Random
  #stopped = false

  constructor(server: Server, random: Random) {
    this.#server = server
    this.#random = random
  }

  run(): Promise<unknown> {
    return Promise.all(Array.from({ length: clients }, (_, client) => this.#visit(client)))
  }

  stop(): void {
    this.#stopped = true
  }

  /** What was answered since the last report. */
  report(phase: string) {
    const answers = this.#answers
    this.#answers = []
    const sorted = answers.map(({ ms }) => ms).toSorted((a, b) => a - b)
    const quantile = (q: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0)
    const report = {
      phase,
      answers: answers.length,
      refused: answers.filter(({ status }) => status !== 200),
      p50: quantile(0.5),
      p99: quantile(0.99),
      most: quantile(1),
    }
    console.log(
      `${phase}: ${report.answers} answers, ${report.refused.length} of them 503, p50 ${report.p50} ms, p99 ${report.p99} ms, at most ${report.most} ms`,
    )
    return report
  }

  async #visit(client: number): Promise<void> {
    await sleep(this.#random.next() * restMs)
    for (let number = 1; !this.#stopped; number++) {
      // Every tenth request is a batch.
      const size = number % 10 === 0 ? 5 : 1
      const batch = Array.from({ length: size }, (_, i) => orderOf(`visitor${client}-${number}-${i}`))
      for (const { messageId } of batch) this.sent.add(messageId)
      while (!(await this.#send(batch))) await sleep(200)
      for (const { messageId } of batch) this.acknowledged.add(messageId)
      await sleep(restMs)
    }
  }

  async #send(batch: readonly Event[]): Promise<boolean> {
    const began = performance.now()
    const answer = await this.#server.post('/v1/batch', { batch })
    const text = await answer.text()
    const { status, headers } = answer
    this.#answers.push({ ms: performance.now() - began, status, retryAfter: headers.get('retry-after') })
    if (status === 200) return (JSON.parse(text) as { accepted: number }).accepted === batch.length
    expect([status, JSON.parse(text)]).toMatchObject([503, { code: 'stream_unavailable' }])
    return false
  }
}

test(
  'nothing is lost or doubled when the log is unavailable for a minute under load, in three ways, then R2, then both',
  { timeout: 300_000 },
  () => withSeed(outage),
)

async function outage(random: Random): Promise<void> {
  const { sink, server } = await start()
  const visitors = new Visitors(server, random)
  const running = visitors.run()
  await sleep(4_000)
  const before = visitors.report('all is well')
  expect(before.refused).toEqual([])

  for (const log of ['hangs', 'throws', 'late'] as const) {
    await turn(server, { log })
    await sleep(20_000)
    const { refused, p99, answers } = visitors.report(`the log ${log === 'late' ? 'answers late' : log}`)
    expect(refused).toEqual([])
    expect(answers).toBeGreaterThan(500)
    expect(p99).toBeLessThan(deadlineMs + graceMs)
    if (log === 'hangs') {
      const health = await fetch(`${server.url}/health`)
      expect([health.status, await health.json()]).toMatchObject([200, { status: 'DEGRADED', spilling: true }])
      expect((await spilled(server)).objects).toBeGreaterThan(500)
    }
  }
  await turn(server, { log: 'there' })
  const back = Date.now()
  await until('everything that was spilled is in the log', async () => (await spilled(server)).objects === 0, {
    seconds: 60,
    everyMs: 500,
  })
  console.log(`what was spilled was in the log ${((Date.now() - back) / 1_000).toFixed(1)} s after it was back`)
  visitors.report('the log is back')

  await turn(server, { r2: 'hangs' })
  await sleep(3_000)
  const alone = visitors.report('R2 hangs')
  expect(alone.refused).toEqual([])
  expect(alone.p99).toBeLessThan(1_000)
  await turn(server, { r2: 'throws', log: 'throws' })
  await sleep(4_000)
  const both = visitors.report('both throw')
  expect(both.refused.length).toBeGreaterThan(20)
  expect(both.refused.every(({ retryAfter }) => Number(retryAfter) > 0)).toBe(true)
  await until('it says that it is down', async () => (await fetch(`${server.url}/health`)).status === 503)
  await turn(server, { r2: 'there', log: 'there' })

  // Once a second, a request tries a stream that has failed.
  await sleep(2_500)
  visitors.stop()
  await running
  expect((await spilled(server)).stuck.objects).toBe(0)
  expect(visitors.acknowledged).toEqual(visitors.sent)
  const missing = () => [...visitors.sent].filter((id) => !sink.deliveries.has(id))
  await until('every event is at the sink', () => missing().length === 0, { seconds: 90 }).catch(
    async (late: unknown) => {
      const where = { waiting: await spilled(server), log: await logStatus(server), lane: await server.lane('sink') }
      throw new Error(`${missing().length} events are not at the sink: ${JSON.stringify(where)}\n${server.stderr}`, {
        cause: late,
      })
    },
  )
  await until('nothing waits in R2', async () => (await spilled(server)).objects === 0)
  await sleep(1_500)
  const { deliveries } = sink
  expect([...visitors.acknowledged].filter((id) => deliveries.get(id) !== 1)).toEqual([])
  const { duplicates, head } = await logStatus(server)
  expect(head).toBe(visitors.sent.size)
  // Appends that were late but went through were spilled as well.
  expect(duplicates).toBeGreaterThan(0)
  console.log(`${head} events, each once; the log told ${duplicates} duplicates`)
  // A failure is news for a minute, should no request have come since.
  await until(
    'all is well again',
    async () => {
      const health = await fetch(`${server.url}/health`)
      return ((await health.json()) as { status: string }).status === 'UP'
    },
    { seconds: 75, everyMs: 500 },
  )
}

test('a kill -9 between the append of what was spilled and its deletion doubles nothing', async () => {
  const { sink, server } = await start()
  await turn(server, { log: 'throws', r2: 'deaf' })
  const ids = Array.from({ length: 300 }, (_, i) => `ada-${i}`)
  for (let i = 0; i < ids.length; i += 10)
    await Promise.all(
      ids.slice(i, i + 10).map(async (id) => {
        expect((await server.post('/v1/track', orderOf(id))).status).toBe(200)
      }),
    )
  expect(await spilled(server)).toMatchObject({ objects: 300, events: 300 })
  await turn(server, { log: 'there' })
  await until('some of it is in the log', async () => (await logStatus(server)).head > 0)
  expect((await spilled(server)).objects).toBe(300)
  await server.killWorkerd()
  await until('nothing waits in R2', async () => (await spilled(server)).objects === 0)
  await until('every event is at the sink', () => sink.deliveries.size === ids.length)
  const { head, duplicates } = await logStatus(server)
  expect(head).toBe(ids.length)
  expect(duplicates).toBeGreaterThan(0)
})
