// One request per event, faster than the time-out of a delivery ends: the platform's limits must never be a verdict on an event.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Server } from '../support/server.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { until } from '../support/until.ts'

/** Six times as many as an object may have active timers (10,000), all within the time-out of one delivery or two. */
const events = 60_000
const perRequest = 1_000

let sink: Sink
let server: Server

beforeAll(async () => {
  sink = await Sink.open({ keep: 'ids' })
  server = await Server.start({
    config: 'burst.config.ts',
    vars: { WEBHOOK_URL: sink.url, WEBHOOK_SECRET: sinkSecret },
  })
})

afterAll(async () => {
  await server?.stop()
  await sink?.close()
})

test('a burst of 60,000 single deliveries to a healthy webhook arrives whole, and none is a dead letter', async () => {
  for (let first = 0; first < events; first += perRequest) {
    const batch = Array.from({ length: perRequest }, (_, i) => ({
      type: 'track',
      messageId: `order-${first + i}`,
      userId: `customer-${(first + i) % 500}`,
      event: 'Order Completed',
      properties: { order_id: `${first + i}`, total: 129.9 },
    }))
    const response = await server.post('/v1/batch', { batch })
    expect(await response.json()).toEqual({ success: true, accepted: perRequest })
  }
  await until('all of them are at the sink', () => sink.ids.size >= events, { seconds: 150, everyMs: 500 })
  const lane = await server.lane('webhook')
  expect(lane.deadLetters).toBe(0)
  // Not one retry either: the sink answers every request with 200.
  expect(lane.counters).toEqual({ done: events })
  expect(await server.deadLetters()).toEqual([])
})
