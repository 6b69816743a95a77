import { afterEach, expect, test } from 'vitest'
import { plainOrder } from '../support/sample-events.ts'
import { Server } from '../support/server.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { until } from '../support/until.ts'
import { seventh } from '../support/seventh-connection.ts'
import { disorderedOf } from './clients.ts'

const answerMs = 200

const opened: { stop: () => Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.stop()
})

/** Requests that waited for their answer at once, at most, within `answerMs` after one came. */
function mostAtOnce(times: readonly number[]): number {
  let from = 0
  let most = 0
  for (const [i, at] of times.entries()) {
    while ((times[from] as number) <= at - answerMs) from++
    most = Math.max(most, i - from + 1)
  }
  return most
}

interface Load {
  readonly clients: number
  readonly each: number
  readonly vars?: Readonly<Record<string, string>>
}

/** A server whose lane is stopped and holds events of all clients, in order, and the slow sink that they are for. */
async function serve({ clients, each, vars = {} }: Load) {
  const sink = await Sink.open({ answer: () => ({ status: 200, afterMs: answerMs }) })
  opened.push({ stop: () => sink.close() })
  const server = await Server.start({
    config: 'slow-destination.config.ts',
    vars: { SINK: sink.url, WEBHOOK_SECRET: sinkSecret, ...vars },
  })
  opened.push(server)
  await server.admin('/lanes/sink/pause', { method: 'POST' })
  const ids: string[] = []
  for (let number = 1; number <= each; number++)
    for (let from = 0; from < clients; from += 100) {
      const batch = Array.from({ length: 100 }, (_, i) => {
        const messageId = `client-${from + i}-${number}`
        ids.push(messageId)
        return plainOrder(messageId, {
          anonymousId: `client-${from + i}`,
          properties: { client: from + i, number, total: 42.5, url: `https://shop.example.com/?utm_term=t${number}` },
        })
      })
      const { status } = await server.post('/v1/batch', { batch })
      expect(status).toBe(200)
    }
  return { sink, server, ids }
}

/** All arrived, in order, by many connections, of which no invocation had a seventh. */
async function expectAll({ sink, server, ids }: Awaited<ReturnType<typeof serve>>): Promise<void> {
  await until('all are there', () => sink.deliveries.size >= ids.length, { seconds: 120 })
  expect(ids.filter((id) => !sink.deliveries.has(id))).toEqual([])
  expect(disorderedOf(sink.firstArrivals)).toEqual([])
  expect(sink.received.filter(({ verified }) => !verified)).toEqual([])
  expect(mostAtOnce(sink.received.map(({ at }) => at))).toBeGreaterThan(24)
  await until('the lane is done', async () => (await server.lane('sink')).depth === 0)
  expect((await server.lane('sink')).deadLetters).toBe(0)
  expect(server.stderr, 'failed attempts').not.toContain(seventh)
}

test('a destination that answers after 200 ms gets all events in order over a kill -9, through many invocations with six connections each', async () => {
  const served = await serve({ clients: 500, each: 5 })
  const { sink, server, ids } = served
  await server.admin('/lanes/sink/resume', { method: 'POST' })
  await until('a third is there', () => sink.received.length > ids.length / 3, { seconds: 90 })
  await server.killWorkerd()
  await expectAll(served)
})

test('a transform in an isolate runs for events that other invocations send', async () => {
  const served = await serve({ clients: 300, each: 3, vars: { ISOLATED: '1' } })
  const { sink, server, ids } = served
  await server.admin('/lanes/sink/resume', { method: 'POST' })
  await expectAll(served)
  const terms = sink.delivered.map(({ context }) => (context?.['campaign'] as { term: string } | undefined)?.term)
  expect(new Set(terms)).toEqual(new Set(['t1', 't2', 't3']))
  const [ran] = (await server.lane('sink')).transforms ?? []
  expect(ran).toMatchObject({ transform: 'campaign-from-url', in: ids.length, out: ids.length })
})
