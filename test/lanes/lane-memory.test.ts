import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import type { Envelope } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import type { Chunk } from '../../src/core/inbox.ts'
import { LaneMemory } from '../../src/lanes/lane-memory.ts'
import { joinFrames, frame } from '../../src/storage/frame.ts'
import { packedOrder } from '../support/sample-events.ts'
import { SimulatedLane } from '../support/simulated-lane.ts'

// Repeated text packs 1:900: a chunk of some hundred KB may unpack to hundreds of MB.

const kilobytes = 'a shop that is open all day '.repeat(1_200).slice(0, 32_000)

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Megabytes that are in use after a collection of garbage. */
function heapMegabytes(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed / 1e6
}

const userOf = (n: number) => `user ${n % 50}`

interface Large {
  /** The key of the n-th event. */
  readonly keyOf?: (n: number) => string
  readonly note?: string
  /** Events of an append. */
  readonly perAppend?: number
}

/** One chunk of many appends, each of 25 events of 32 KB. */
function appendLarge(
  lane: SimulatedLane,
  appends: number,
  { keyOf = userOf, note = kilobytes, perAppend = 25 }: Large = {},
): Chunk {
  const frames: Uint8Array[] = []
  let count = 0
  const offset = lane.head
  for (let n = 0; n < appends; n++) {
    const events = Array.from({ length: perAppend }, () => {
      const id = `order ${offset + count++}`
      return packedOrder(id, { properties: { note } }, { key: keyOf(count), to: ['webhook'] })
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

test('a lane that delivers has 2 MB of events and one append in hand, goes on inside a chunk, and delivers all of it in order', async () => {
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
  expect(most * 33_000).toBeLessThan(2_100_000 + (25 + 6) * 33_000)
  expect(new Set(arrived).size).toBe(1_050)
  expect(arrived).toHaveLength(1_050)
  expect(lane.sender.committed).toBe(1_050)
  for (const user of Map.groupBy(arrived, (id) => (Number(id.slice(6)) + 1) % 50).values())
    expect(user).toEqual(user.toSorted((a, b) => Number(a.slice(6)) - Number(b.slice(6))))
})

/** Answers what is under way and not of Ada, until nothing else is; returns whose it was. */
async function deliverOthers(lane: SimulatedLane): Promise<string[]> {
  const arrived: string[] = []
  for (;;) {
    await lane.feed()
    const request = lane.requests.find(({ ids: [id] }) => !isOfAda(id))
    if (request === undefined) return arrived
    arrived.push(...request.ids)
    await request.answer(200)
  }
}
/** Ada has the first of each 25 events. */
const adaOrUser = (n: number) => (n % 25 === 1 ? 'ada' : userOf(n))
const isOfAda = (id = '') => (Number(id.slice('order '.length)) + 1) % 25 === 1

test('events of one user that wait for her request take no more memory than they are, whatever was read with them', async () => {
  const lane = new SimulatedLane({ limits: { parallel: 6 } })
  appendLarge(lane, 80, { keyOf: adaOrUser })
  await lane.feed()
  const before = heapMegabytes()
  const arrived = await deliverOthers(lane)
  expect(arrived).toHaveLength(80 * 24)
  expect(lane.sender.held).toBe(80)
  expect(lane.sender.committed).toBe(0)
  // 80 events of 32 KB, of 64 MB that were read.
  expect(heapMegabytes() - before).toBeLessThan(4)
})

const smallNote = 'a shop that is open all day'
const kinds = [
  { what: '32 KB of ASCII', note: kilobytes, perAppend: 25, least: 14 },
  { what: '64 KB of text that takes two bytes for a character', note: `店${kilobytes}`, perAppend: 12, least: 14 },
  { what: '200 bytes', note: smallNote, perAppend: 500, least: 8 },
]
test.each(kinds)(
  'a lane whose events of $what wait for one request holds 17 MB and one append of them, as the heap has it, and delivers all in order',
  async ({ note, perAppend, least }) => {
    const lane = new SimulatedLane({ limits: { parallel: 6, events: 100 } })
    for (let appends = 0; appends < 60; appends += 10) appendLarge(lane, 10, { keyOf: () => 'ada', note, perAppend })
    const before = heapMegabytes()
    for (let i = 0; i < 60; i++) await lane.feed()
    const grown = heapMegabytes() - before
    expect(lane.requests).toHaveLength(1)
    expect(lane.sender.held).toBeLessThan(60 * perAppend)
    expect(grown).toBeLessThan(17 + 1)
    expect(grown).toBeGreaterThan(least)
    const arrived: string[] = []
    for (let [request] = lane.requests; request !== undefined; [request] = lane.requests) {
      arrived.push(...request.ids)
      await request.answer(200)
      await lane.feed()
    }
    expect(arrived).toEqual(Array.from({ length: 60 * perAppend }, (_, i) => `order ${i}`))
  },
)

test('the lanes of an isolate hold 34 MB between them, and one more takes its share of half of that', async () => {
  const memory = new LaneMemory()
  const lanes = Array.from({ length: 4 }, () => new SimulatedLane({ memory }))
  for (const lane of lanes) appendLarge(lane, 40, { keyOf: () => 'ada' })
  const megabytes: number[] = []
  for (const lane of lanes) {
    for (let i = 0; i < 40; i++) await lane.feed()
    megabytes.push(Math.round((lane.sender.held * 33_000) / 1e6))
  }
  // 34 / 2 / 3, 34 / 2 / 4, and one append of 0.8 MB.
  expect(megabytes).toEqual([17, 17, 6, 5])
  // What the first lets go of is there for the others.
  lanes[0]?.sender.giveUp('skipped by a person')
  for (let i = 0; i < 40; i++) await lanes[3]?.feed()
  expect((lanes[3]?.sender.held ?? 0) * 33_000).toBeGreaterThan(10_000_000)
})

test('what was parsed of an event is not kept while its request is under way', async () => {
  const parsed: { readonly envelope: Envelope; readonly event: Event }[] = []
  const lane = new SimulatedLane({
    route: { filter: ({ event }) => event === 'Order Completed' },
    use: {
      encode: (envelope) => {
        parsed.push({ envelope, event: envelope.event })
        return { id: envelope.id, text: envelope.text }
      },
    },
  })
  lane.append([{ id: 'order 1', key: 'ada' }])
  await lane.feed()
  expect(lane.requests).toHaveLength(1)
  const [{ envelope, event }] = parsed as [(typeof parsed)[0]]
  expect(envelope.event).toEqual(event)
  expect(envelope.event).not.toBe(event)
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
