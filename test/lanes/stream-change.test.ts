import { beforeEach, expect, test } from 'vitest'
import type { LogRpc } from '../../src/core/bindings.ts'
import type { Chunk } from '../../src/core/inbox.ts'
import { ChunkUnpacker } from '../../src/lanes/chunk-unpacker.ts'
import type { LaneConsumer } from '../../src/lanes/lane-consumer.ts'
import { LaneReader } from '../../src/lanes/lane-reader.ts'
import { LaneStore } from '../../src/lanes/lane-store.ts'
import { fingerprintOf } from '../../src/storage/fingerprint.ts'
import { Segments } from '../../src/storage/segments.ts'
import { FakeBucket } from '../support/fake-bucket.ts'
import { fakePort } from '../support/fake-context.ts'
import { chunkOf, packedOrder } from '../support/sample-events.ts'
import { withSeed } from '../support/seed.ts'
import { Sqlite } from '../support/sqlite.ts'

const to = ['webhook']
const packed = (ids: readonly string[]) => ids.map((id) => packedOrder(id, {}, { to }))
const textOf = (...ids: string[]) =>
  packed(ids)
    .map(({ text }) => text)
    .join('')
const all = (name: string, first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => `${name} ${first + i}`)

/** A lane that takes what it is given, event by event, while it has room for one. */
class Taker implements LaneConsumer {
  /** Events for it, with their places. */
  readonly taken: (readonly [place: number, id: string])[] = []
  room = Infinity
  position: number
  readonly state = 'idle'
  readonly isBusy = false
  readonly reason = undefined
  readonly since = undefined
  readonly lastError = undefined
  readonly oldest = undefined
  readonly #unpacker = new ChunkUnpacker()

  constructor(position: number) {
    this.position = position
  }

  get ids(): string[] {
    return this.taken.map(([, id]) => id)
  }
  get hasCapacity(): boolean {
    return this.room > 0
  }
  get committed(): number {
    return this.position
  }
  take(chunk: Chunk): void {
    for (const { offset: first, envelopes } of this.#unpacker.framesOf(chunk)) {
      for (const [i, { id, header }] of envelopes.entries()) {
        if (first + i < this.position || !header.to.includes('webhook')) continue
        this.taken.push([first + i, id])
        this.room--
      }
      this.position = Math.max(this.position, first + envelopes.length)
      if (this.position < chunk.offset + chunk.count && !this.hasCapacity) return
    }
    this.position = Math.max(this.position, chunk.offset + chunk.count)
  }
  pump(): void {}
  due(): undefined {
    return undefined
  }
  resume(): void {}
}

let sqlite: Sqlite
let lane: Taker
let reader: LaneReader
let store: LaneStore
/** The log's partition, from where it was read, and the milliseconds that a read takes. */
let log: { chunks: Chunk[]; reads: number[]; readMs?: () => number }
beforeEach(() => {
  sqlite = new Sqlite()
  log = { chunks: [], reads: [] }
  logged = []
})

const headOf = () => {
  const last = log.chunks.at(-1)
  return last === undefined ? 0 : last.offset + last.count
}
const append = (...ids: string[]): Chunk => {
  const chunk = chunkOf(headOf(), packed(ids), Date.now())
  log.chunks.push(chunk)
  return chunk
}
const object = {
  read: async (from: number) => {
    log.reads.push(from)
    const asked = life
    const answer = { chunks: log.chunks.filter(({ offset, count }) => offset + count > from), head: headOf() }
    const ms = log.readMs?.() ?? 0
    await (ms === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms)))
    // A crash takes what is under way.
    return asked === life ? answer : new Promise<typeof answer>(() => {})
  },
  status: async () => ({ head: headOf() }),
}
/** Where the inbox spills what is above its quota. */
let bucket = new FakeBucket()
let quotaBytes = 1e9
/** How calls of R2 end. */
let crashing: (call: () => Promise<unknown>) => Promise<unknown> = (call) => call()
const bucketOfLane = () =>
  ({
    put: (key: string, body: Uint8Array) => crashing(() => bucket.put(key, body)),
    get: (key: string, range: { range: R2Range }) => crashing(() => bucket.get(key, range as never)),
    delete: (keys: string[]) => crashing(() => bucket.delete(keys)),
  }) as unknown as R2Bucket
/** What the lane logged. */
let logged: string[] = []
/** Counts the starts of the lane. */
let life = 0

/** Starts the lane, as after a crash, in a deployment with this stream. */
function open(stream: 'log' | 'queues'): void {
  life++
  const db = sqlite.open()
  store = new LaneStore(db, Date.now())
  lane = new Taker(store.cursor)
  const opened: LaneReader = new LaneReader(db, {
    ref: { target: 'webhook', partition: 0 },
    store,
    port: fakePort({ log: (_level, message) => void logged.push(message) }),
    log: () => object as unknown as LogRpc,
    isPushed: stream === 'queues',
    consumer: lane,
    bucket: bucketOfLane(),
    quotaBytes,
    spend: () => {},
    changed: () => opened.readOn(),
  })
  reader = opened
}
const settled = () => new Promise((resolve) => setTimeout(resolve, 5))
const woken = async () => {
  await reader.askForHead()
  reader.readOn()
  await settled()
}
const push = async (...ids: string[]) => {
  reader.storePushed(textOf(...ids))
  reader.readOn()
  await settled()
}
const offer = async (...ids: string[]) => {
  const chunk = append(...ids)
  reader.takeOffer({ chunks: [chunk], head: headOf() })
  reader.readOn()
  await settled()
}
const placeOf = (id: string, logOffset?: number) => reader.placeOf(fingerprintOf('shop', id), logOffset)

test('a lane whose stream becomes a queue takes what is pushed, and behind it what the log gets once it is the stream again', async () => {
  open('log')
  await offer('ada 1', 'ada 2', 'ada 3')
  store.checkpoint(lane.position, Date.now())
  open('queues')
  await push(...all('ada', 4, 8))
  expect(lane.ids).toEqual(all('ada', 4, 8))
  store.checkpoint(lane.position, Date.now())
  open('log')
  await offer('ada 9', 'ada 10')
  expect(lane.taken).toEqual([
    [8, 'ada 9'],
    [9, 'ada 10'],
  ])
  expect(log.reads).toEqual([3])
})

test('what a log still holds for a lane when its stream becomes a queue is taken before what is pushed', async () => {
  open('log')
  await offer('ada 1')
  lane.room = 0
  await offer('ada 2', 'ada 3')
  store.checkpoint(lane.position, Date.now())
  open('queues')
  await push('ada 4')
  expect(lane.ids).toEqual(['ada 2', 'ada 3', 'ada 4'])
  expect(log.reads).toEqual([1])
})

test('what an inbox still holds when the stream becomes the log is taken before what the log has', async () => {
  open('queues')
  lane.room = 0
  await push('ada 1', 'ada 2')
  open('log')
  await offer('ada 3')
  expect(lane.ids).toEqual(['ada 1', 'ada 2', 'ada 3'])
  expect(reader.head).toBe(3)
})

test('a lane of a deployment whose stream always was a queue never asks for a log', async () => {
  open('queues')
  await woken()
  await push('ada 1')
  open('queues')
  await woken()
  await push('ada 2')
  expect([lane.ids, log.reads]).toEqual([['ada 1', 'ada 2'], []])
})

test('a lane that has all of an earlier log does not ask it again, and takes what it is offered late', async () => {
  open('log')
  await offer('ada 1')
  store.checkpoint(lane.position, Date.now())
  open('queues')
  await woken()
  open('queues')
  await woken()
  expect(log.reads).toEqual([1])
  await push('ada 3')
  await offer('ada 2')
  await push('ada 4')
  expect(lane.ids).toEqual(['ada 3', 'ada 2', 'ada 4'])
})

test('events that are read again after a crash have the places that they had, whatever came to their source meanwhile', async () => {
  open('log')
  await offer('ada 1', 'ada 2')
  await offer('ada 3')
  store.checkpoint(1, Date.now())
  open('queues')
  await push('ada 4')
  append('ada 5')
  const before = [...lane.taken]
  open('log')
  await woken()
  expect(before).toEqual([
    [1, 'ada 2'],
    [2, 'ada 3'],
    [3, 'ada 4'],
  ])
  expect(lane.taken).toEqual([...before, [4, 'ada 5']])
})

test('a stretch of the log that ended inside a chunk ends there also when it is read again', async () => {
  open('queues')
  await push('ada 1')
  open('log')
  await woken()
  store.checkpoint(lane.position, Date.now())
  log.chunks.push(chunkOf(0, packed(['ada 2', 'ada 3', 'ada 4']), 0))
  // An older version left off inside the chunk.
  store.set(
    'stretches',
    JSON.stringify([
      ['inbox', 0, 0],
      ['log', 0, 1],
      ['inbox', 1, 3],
    ]),
  )
  open('log')
  await push('ada 5')
  await woken()
  expect(lane.taken).toEqual([
    [1, 'ada 2'],
    [2, 'ada 3'],
    [3, 'ada 5'],
    [4, 'ada 4'],
  ])
})

test('what a stream has lost of a stretch that is read again is passed over and told, and what follows keeps its place', async () => {
  open('log')
  await offer('ada 1', 'ada 2')
  open('queues')
  await push('ada 3')
  log.chunks = [chunkOf(5, packed(['ada 4']))]
  open('log')
  await woken()
  expect(lane.taken).toEqual([
    [2, 'ada 3'],
    [6, 'ada 4'],
  ])
  expect(logged).toEqual(['a lane finds events gone that its stream had'])
})

test('an event that was handed to a lane, and comes by the log again after the change, is taken once', async () => {
  open('queues')
  await push('ada 1', 'ada 2')
  open('log')
  await offer('ada 2', 'ada 3')
  expect(lane.taken).toEqual([
    [0, 'ada 1'],
    [1, 'ada 2'],
    [3, 'ada 3'],
  ])
})

test('the log is told in its own offsets what a lane has got, also while another stream feeds it', async () => {
  open('log')
  await offer('ada 1', 'ada 2')
  store.checkpoint(1, Date.now())
  open('queues')
  expect(reader.progress(1, undefined)).toEqual({ next: 1, committed: 1 })
  await push('ada 3', 'ada 4')
  expect(reader.progress(2, undefined)).toEqual({ next: 2, committed: 2 })
  expect(reader.progress(4, 4)).toEqual({ next: 2, committed: 2 })
  open('log')
  await woken()
  await offer('ada 5')
  expect(reader.progress(4, undefined)).toEqual({ next: 3, committed: 2 })
  expect(reader.progress(5, 5)).toEqual({ next: 3, committed: 3, until: 3 })
})

test('an event is found by the offset that its stream knows, before, between and after changes', async () => {
  open('log')
  await offer('ada 1', 'ada 2')
  open('queues')
  await push('ada 3')
  lane.room = 0
  await push('ada 4')
  append('ada 5')
  expect([placeOf('ada 1', 0), placeOf('ada 2', 1)]).toEqual([0, 1])
  expect([placeOf('ada 3'), placeOf('ada 4')]).toEqual([2, 3])
  expect([placeOf('ada 5', 2), placeOf('ada 6')]).toEqual([Infinity, undefined])
  open('log')
  await woken()
  expect([placeOf('ada 3'), placeOf('ada 5', 2)]).toEqual([2, 4])
})

test('a lane that an older version left with a cursor into the log goes on there, and so does one with a cursor into its inbox', async () => {
  append(...all('ada', 1, 3))
  open('log')
  store.checkpoint(2, Date.now())
  open('queues')
  await push('ada 4')
  expect(lane.ids).toEqual(['ada 3', 'ada 4'])

  sqlite = new Sqlite()
  log.chunks = []
  const inbox = new Segments(sqlite.open(), { name: 'inbox', spanMs: 600_000 })
  const [one, two] = packed(['ada 1', 'ada 2']).map((event) => chunkOf(0, [event]))
  for (const { data } of [one, two] as Chunk[]) inbox.append({ count: 1, prints: new Uint8Array(8), data }, Date.now())
  open('queues')
  store.checkpoint(1, Date.now())
  open('log')
  await offer('ada 3')
  expect(lane.ids).toEqual(['ada 2', 'ada 3'])
})

test('a lane that an older version had taken from the log to a queue gets what it passed over in its inbox', async () => {
  const inbox = new Segments(sqlite.open(), { name: 'inbox', spanMs: 600_000 })
  const [{ data }] = [chunkOf(0, packed(['ada 4', 'ada 5']))]
  inbox.append({ count: 2, prints: new Uint8Array(16), data }, Date.now())
  append(...all('ada', 1, 3))
  open('log')
  store.checkpoint(3, Date.now())
  open('queues')
  await woken()
  expect(lane.ids).toEqual(['ada 4', 'ada 5'])
})

test.each([
  ['', 1e9],
  [', also of those that R2 has', 700],
])(
  'whatever the stream is, was and becomes, and wherever a lane crashes, each event has one place and none is missed%s',
  async (_, bytes) => {
    let spilled = 0
    await withSeed(
      async (random) => {
        sqlite = new Sqlite()
        bucket = new FakeBucket()
        quotaBytes = bytes
        crashing = async (call) => {
          const asked = life
          const never = () => new Promise<never>(() => {})
          if (random.chance(0.5)) await new Promise((resolve) => setTimeout(resolve, random.whole(1, 4)))
          // A crash takes calls that are under way, before or after R2 has done its part.
          if (asked !== life && random.chance(0.5)) return never()
          const done = await call()
          return asked === life ? done : never()
        }
        log = { chunks: [], reads: [] }
        const places = new Map<number, string>()
        const accepted: string[] = []
        const fresh = (n: number) => {
          const ids = Array.from({ length: n }, (_, i) => `order ${accepted.length + i}`)
          accepted.push(...ids)
          return ids
        }
        let stream: 'log' | 'queues' = random.chance(0.5) ? 'log' : 'queues'
        const note = () => {
          for (const [place, id] of lane.taken) expect(places.get(place) ?? id).toBe(id)
          for (const [place, id] of lane.taken) places.set(place, id)
        }
        open(stream)
        log.readMs = () => (random.chance(0.5) ? 0 : random.whole(1, 4))
        for (let step = 0; step < 60; step++) {
          const what = random.whole(0, 9)
          const ids = () => fresh(random.whole(1, 4))
          const feed = () => (stream === 'log' ? offer(...ids()) : push(...ids()))
          if (what < 3) await feed()
          else if (what === 3) append(...ids())
          else if (what === 4) await push(...ids())
          else if (what === 5) lane.room = random.chance(0.5) ? random.whole(0, 3) : Infinity
          else if (what === 6) await woken()
          else if (what === 7) void feed()
          else if (what === 8) void woken()
          else {
            note()
            store.checkpoint(Math.max(store.cursor, random.whole(0, lane.position)), Date.now())
            if (random.chance(0.7)) stream = stream === 'log' ? 'queues' : 'log'
            open(stream)
          }
        }
        note()
        open(stream)
        reader.takeOffer({ chunks: [], head: headOf() })
        for (let i = 0; i < 10; i++) await woken()
        note()
        expect([...places.values()].toSorted()).toEqual(accepted.toSorted())
        // What is not done is all taken again.
        const left = [...places].filter(([place]) => place >= store.cursor).toSorted(([a], [b]) => a - b)
        expect(lane.taken.toSorted(([a], [b]) => a - b)).toEqual(left)
        expect(reader.head).toBe(lane.position)
        spilled += bucket.calls.filter((call) => call.startsWith('put')).length
      },
      { runs: 40 },
    )
    expect(spilled > 40).toBe(bytes < 1e9)
  },
)
