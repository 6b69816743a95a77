import { expect, test } from 'vitest'
import { eventsOf, SimulatedLane } from '../support/simulated-lane.ts'

const subrequests = () =>
  new Error('Too many subrequests by single Worker invocation. To configure this limit, refer to the documentation.')

test('a limit of the platform is no attempt, no dead letter and no mark against the destination; the lane waits it out', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 2 } })
  lane.append([...eventsOf('ada', 1, 2), ...eventsOf('grace', 1, 2), ...eventsOf('joan', 1)])
  await lane.feed()
  await lane.carrying('ada 1').breakOff(subrequests())
  await lane.carrying('grace 1').breakOff(subrequests())
  expect(lane.pendingIds).toEqual([])
  expect(lane.rows()).toEqual([])
  expect(lane.sender.reason).toMatch(/^platform: Too many subrequests/)
  // Later than ten seconds, so that the alarm wakes the lane: another invocation has limits of its own.
  expect((lane.sender.due() as number) - lane.now).toBeGreaterThan(10_000)

  await lane.pass((lane.sender.due() as number) - lane.now)
  for (const id of ['ada 1', 'grace 1', 'ada 2', 'grace 2', 'joan 1']) await lane.carrying(id).answer(200)
  expect(lane.sender.committed).toBe(5)
  expect(lane.sender.reason).toBeUndefined()
  expect(lane.letters.list({ limit: 100 })).toEqual([])
  expect(lane.store.counters).toEqual({ done: 5 })
})

test('an event that runs into limits of the platform again and again waits by itself, and the others go on', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 1 } })
  lane.append([...eventsOf('ada', 1), ...eventsOf('grace', 1)])
  await lane.feed()
  for (let i = 0; i < 5; i++) {
    await lane.carrying('ada 1').breakOff(subrequests())
    await lane.pass((lane.sender.due() as number) - lane.now)
  }
  await lane.carrying('ada 1').breakOff(subrequests())
  expect(lane.rows()).toEqual(['ada 1'])
  await lane.carrying('grace 1').answer(200)
  expect(lane.letters.list({ limit: 100 })).toEqual([])
})
