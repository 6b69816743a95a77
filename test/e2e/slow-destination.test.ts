import { afterEach, expect, test } from 'vitest'
import { plainOrder } from '../support/sample-events.ts'
import { Server } from '../support/server.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { until } from '../support/until.ts'
import { disorderedOf } from './clients.ts'

const clients = 500
const each = 8
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

test('a destination that answers after 200 ms gets all events in order over a kill -9, through many invocations with six connections each', async () => {
  const sink = await Sink.open({ answer: () => ({ status: 200, afterMs: answerMs }) })
  opened.push({ stop: () => sink.close() })
  const server = await Server.start({
    config: 'slow-destination.config.ts',
    vars: { SINK: sink.url, WEBHOOK_SECRET: sinkSecret },
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
          properties: { client: from + i, number, total: 42.5, currency: 'EUR' },
        })
      })
      const { status } = await server.post('/v1/batch', { batch })
      expect(status).toBe(200)
    }
  await server.admin('/lanes/sink/resume', { method: 'POST' })
  await until('a third is there', () => sink.received.length > ids.length / 3, { seconds: 90 })
  await server.killWorkerd()
  await until('all are there', () => sink.deliveries.size >= ids.length, { seconds: 120 })

  expect(ids.filter((id) => !sink.deliveries.has(id))).toEqual([])
  expect(disorderedOf(sink.firstArrivals)).toEqual([])
  expect(sink.received.filter(({ verified }) => !verified)).toEqual([])
  expect(mostAtOnce(sink.received.map(({ at }) => at))).toBeGreaterThan(24)
  await until('the lane is done', async () => (await server.lane('sink')).depth === 0)
  const { counters, deadLetters } = await server.lane('sink')
  // A seventh connection would have been a failed attempt.
  expect([counters['retry'], deadLetters]).toEqual([undefined, 0])
})
