import { expect, test } from 'vitest'
import type { Chunk } from '../../src/core/inbox.ts'
import { joinFrames, frame } from '../../src/storage/frame.ts'
import { packedOrder } from '../support/sample-events.ts'
import { SimulatedLane } from '../support/simulated-lane.ts'

// Repeated text packs 1:900: a chunk of some hundred KB may unpack to hundreds of MB.

const kilobytes = 'a shop that is open all day '.repeat(1_200).slice(0, 32_000)

/** One chunk of many appends, each of 25 events of 32 KB. */
function appendLarge(lane: SimulatedLane, appends: number): Chunk {
  const frames: Uint8Array[] = []
  let count = 0
  const offset = lane.head
  for (let n = 0; n < appends; n++) {
    const events = Array.from({ length: 25 }, () => {
      const id = `order ${offset + count++}`
      return packedOrder(id, { properties: { note: kilobytes } }, { key: `user ${count % 50}`, to: ['webhook'] })
    })
    frames.push(frame(events.map(({ text }) => text).join('')))
  }
  const chunk = { offset, count, at: lane.now, data: joinFrames(frames) }
  lane.head += count
  lane.chunks.push(chunk)
  return chunk
}

test('a lane whose destination is down holds the events of one append, not what a chunk of 2,000 events unpacks to', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 1 } })
  lane.append(Array.from({ length: 5 }, (_, i) => ({ id: `early ${i}`, key: `early ${i}` })))
  await lane.feed()
  for (let i = 0; i < 5; i++) await lane.requests[0]?.answer(503)
  expect(lane.sender.state).toBe('down')
  await lane.pass((lane.sender.due() as number) - lane.now)
  await lane.requests[0]?.answer(503)
  expect(lane.sender.held).toBe(0)
  const { data } = appendLarge(lane, 80)
  expect(data.byteLength).toBeLessThan(1_000_000)
  for (let i = 0; i < 20; i++) await lane.feed()
  expect(lane.sender.held).toBe(25)
})

test('a lane that delivers holds 17 MB of text and one append at most, goes on inside a chunk, and delivers all of it in order', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 6 } })
  appendLarge(lane, 40)
  appendLarge(lane, 2)
  let most = 0
  const arrived: string[] = []
  for (let i = 0; i < 3_000; i++) {
    await lane.feed()
    most = Math.max(most, lane.sender.held)
    const [request] = lane.requests
    if (request === undefined) break
    arrived.push(...request.ids)
    await request.answer(200)
  }
  expect(most * 32_000).toBeLessThan(17_000_000 + 25 * 33_000)
  expect(new Set(arrived).size).toBe(1_050)
  expect(arrived).toHaveLength(1_050)
  expect(lane.sender.committed).toBe(1_050)
  for (const user of Map.groupBy(arrived, (id) => (Number(id.slice(6)) + 1) % 50).values())
    expect(user).toEqual(user.toSorted((a, b) => Number(a.slice(6)) - Number(b.slice(6))))
})

test('a crash inside a chunk loses nothing of it', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 6 } })
  appendLarge(lane, 30)
  const arrived = new Set<string>()
  for (let i = 0; i < 3_000; i++) {
    await lane.feed()
    const [request] = lane.requests
    if (request === undefined) break
    for (const id of request.ids) arrived.add(id)
    await request.answer(200)
    if (i === 100 || i === 400) {
      lane.checkpoint()
      lane.crash()
    }
  }
  expect(arrived.size).toBe(750)
})
