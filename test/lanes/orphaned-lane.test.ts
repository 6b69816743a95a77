import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LaneStatus, LogStatus } from '../../src/core/bindings.ts'
import { StreamHarness } from '../streams/stream-harness.ts'
import { packedOrder } from '../support/sample-events.ts'
import { Sink } from '../support/sink.ts'
import { until } from '../support/until.ts'

const hour = 3_600_000
/** No destination of the harness has this name: its lane is orphaned. */
const ref = { target: 'old-crm', partition: 0 }
let sink: Sink
let harness: StreamHarness
beforeEach(async () => {
  sink = await Sink.open()
})
afterEach(async () => {
  await harness.stop()
  await sink.close()
})

const lane = <T>(method: string) => harness.lane<T>('old-crm:0', method, ref)
const sweepLog = (orphans: readonly string[] | null) => harness.log<LogStatus>(0, 'sweep', orphans)
const readLog = async () => {
  const { chunks } = await harness.log<{ chunks: { offset: number }[] }>(0, 'read', 0, 1_000_000)
  return chunks.map(({ offset }) => offset)
}

test('retention of the log keeps in R2 what a target that is gone has not got, for 14 days and no longer', async () => {
  harness = await StreamHarness.start({ driver: 'log', options: { retentionDays: 0.05 }, sink: sink.url })
  await harness.append([packedOrder('ada 1', {}, { to: ['webhook'] })])
  await harness.append([packedOrder('ada 2', {}, { to: ['webhook', 'old-crm'] })])
  await until('both are delivered', () => sink.arrivals.length === 2)
  await until('the lane has looked', () => lane<LaneStatus>('poke'), { enough: ({ depth }) => depth === 1 })
  await harness.ahead(hour)
  await harness.append([packedOrder('ada 3', {}, { to: ['webhook'] })])
  await until('all are delivered', () => sink.arrivals.length === 3)
  // Cursors are stored within a second.
  await sleep(1_500)

  await harness.ahead(6 * hour)
  expect(await sweepLog(null)).toMatchObject({ first: 0, head: 3 })
  expect(await sweepLog(['old-crm'])).toMatchObject({ first: 3, head: 3, segments: 0 })
  expect(await readLog()).toEqual([1])
  expect(await lane<LaneStatus>('status')).toMatchObject({ state: 'orphaned', depth: 1, counters: {} })

  await harness.ahead(15 * 24 * hour)
  const dropped = { 'dropped: the target is no longer in the config': 1 }
  const status = await until('it gives up', () => lane<LaneStatus>('poke'), {
    enough: ({ depth, counters }) => depth === 0 && Object.keys(counters).length > 0,
  })
  expect(status.counters).toEqual(dropped)
  await until('nothing is left in R2', async () => {
    await sweepLog(['old-crm'])
    return (await readLog()).length === 0
  })
})

test('events that a queue brings for a target that is gone are kept, and the lane of the edge knows of the lane', async () => {
  harness = await StreamHarness.start({ driver: 'queues', sink: sink.url })
  await harness.append([packedOrder('ada 1', {}, { to: ['old-crm'] })])
  await until('it is there', () => lane<LaneStatus>('status'), { enough: ({ depth }) => depth === 1 })
  const edge = { target: '@edge', partition: 0 }
  const layout = await until(
    'it is known',
    () => harness.lane<{ targets: object[] }>('@edge:0', 'layout', edge, { seen: { partitions: 0, targets: [] } }),
    { enough: ({ targets }) => targets.length > 0 },
  )
  expect(layout.targets).toEqual([{ name: 'old-crm', kind: 'destination', partitions: 1 }])
})
