import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LaneStatus } from '../../src/core/bindings.ts'
import { StreamHarness } from '../streams/stream-harness.ts'
import { packedOrder } from '../support/sample-events.ts'
import { Sink } from '../support/sink.ts'
import { until } from '../support/until.ts'

let sink: Sink
let harness: StreamHarness
beforeAll(async () => {
  sink = await Sink.open()
  harness = await StreamHarness.start({ driver: 'log', sink: sink.url, subrequests: 100 })
})
afterAll(async () => {
  await harness.stop()
  await sink.close()
})

test('a lane that works off a backlog begins new invocations before the subrequests of one are used up', async () => {
  for (let n = 0; n < 10; n++)
    await harness.append(
      Array.from({ length: 60 }, (_, i) =>
        packedOrder(`order ${n}-${i}`, {}, { key: `key ${i % 20}`, to: ['webhook'] }),
      ),
    )
  await until('all have arrived', () => sink.arrivals, { enough: (ids) => ids.length >= 600, seconds: 10 })
  expect(new Set(sink.arrivals).size).toBe(600)
  expect(sink.arrivals).toHaveLength(600)
  const ref = { target: 'webhook', partition: 0 }
  const status = await until('all are done', () => harness.lane<LaneStatus>('webhook:0', 'status', ref), {
    enough: ({ counters }) => counters['done'] === 600,
  })
  expect(status.reason).toBeUndefined()
  expect(status.counters).toEqual({ done: 600 })
  expect(status.billed.alarms).toBeGreaterThanOrEqual(10)
  expect(status.billed.alarms).toBeLessThan(40)
  for (let key = 0; key < 20; key++) {
    const order = sink.arrivals.filter((id) => Number(id.split('-')[1]) % 20 === key)
    const wanted = order.toSorted((a, b) => {
      const [n = 0, i = 0] = a.slice(6).split('-').map(Number)
      const [m = 0, j = 0] = b.slice(6).split('-').map(Number)
      return n - m || i - j
    })
    expect(order).toEqual(wanted)
  }
})
