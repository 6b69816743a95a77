import { beforeEach, expect, test, vi } from 'vitest'
import type { LogRpc } from '../../src/core/bindings.ts'
import { unframe } from '../../src/storage/frame.ts'
import { unpack } from '../../src/core/envelope.ts'
import { LaneStore } from '../../src/lanes/lane-store.ts'
import { LaneReader } from '../../src/lanes/lane-reader.ts'
import type { LaneConsumer } from '../../src/lanes/lane-consumer.ts'
import { fakePort } from '../support/fake-context.ts'
import { chunkOf, packedOrder } from '../support/sample-events.ts'
import { Sqlite } from '../support/sqlite.ts'
import type { Chunk } from '../../src/core/inbox.ts'

const packed = (...ids: string[]) => ids.map((id) => packedOrder(id))
const text = (...ids: string[]) =>
  packed(...ids)
    .map((one) => one.text)
    .join('')
const chunk = (offset: number, ...ids: string[]): Chunk => chunkOf(offset, packed(...ids))

/** A lane that takes what it is given, while it has room. */
class Taker implements LaneConsumer {
  readonly ids: string[] = []
  hasCapacity = true
  position = 0
  committed = 0
  readonly state = 'idle'
  readonly isBusy = false
  readonly reason = undefined
  readonly since = undefined
  readonly lastError = undefined
  readonly oldest = undefined
  take({ offset, count, data }: Chunk): void {
    this.ids.push(...unpack(unframe(data)).map(({ id }) => id))
    this.position = offset + count
  }
  pump(): void {}
  due(): undefined {
    return undefined
  }
  resume(): void {}
}

let work: Taker
let sqlite: Sqlite
let reads: number[]
let log: { chunks: Chunk[]; head: number; broken?: boolean; silent?: boolean }
beforeEach(() => {
  work = new Taker()
  sqlite = new Sqlite()
  reads = []
  log = { chunks: [], head: 0 }
})

function open(readable: boolean): LaneReader {
  const object = {
    read: async (from: number) => {
      reads.push(from)
      const { chunks, head, silent } = log
      await (silent === true ? new Promise(() => {}) : Promise.resolve())
      if (log.broken === true) throw new Error('the log is unavailable')
      return { chunks: chunks.filter(({ offset, count }) => offset + count > from), head }
    },
    status: async () => ({ head: log.head }),
  }
  const feed: LaneReader = new LaneReader(sqlite.open(), {
    port: fakePort(),
    ref: { target: 'webhook', partition: 0 },
    store: new LaneStore(sqlite.open(), Date.now()),
    log: () => object as unknown as LogRpc,
    isPushed: !readable,
    consumer: work,
    bucket: undefined,
    quotaBytes: 1e9,
    spend: () => {},
    changed: () => {
      work.pump()
      feed.readOn()
    },
  })
  return feed
}
const settled = () => new Promise((resolve) => setTimeout(resolve, 5))

test('an offer that follows on is taken without a read', () => {
  const feed = open(true)
  feed.takeOffer({ chunks: [chunk(0, 'ada 1', 'ada 2')], head: 2 })
  feed.readOn()
  expect(work.ids).toEqual(['ada 1', 'ada 2'])
  expect(reads).toEqual([])
})

test('an offer behind a gap is read, from where the lane is', async () => {
  const feed = open(true)
  log = { chunks: [chunk(0, 'ada 1', 'ada 2'), chunk(2, 'ada 3')], head: 3 }
  feed.takeOffer({ chunks: [chunk(2, 'ada 3')], head: 3 })
  feed.readOn()
  await settled()
  expect(work.ids).toEqual(['ada 1', 'ada 2', 'ada 3'])
  expect(reads).toEqual([0])
})

test('a read that began before an offer does not hide what the offer told of', async () => {
  const feed = open(true)
  log = { chunks: [chunk(0, 'ada 1')], head: 1 }
  feed.takeOffer({ chunks: [], head: 1 })
  feed.readOn()
  log = { chunks: [chunk(0, 'ada 1'), chunk(1, 'ada 2')], head: 2 }
  feed.takeOffer({ chunks: [chunk(1, 'ada 2')], head: 2 })
  await settled()
  expect(work.ids).toEqual(['ada 1', 'ada 2'])
  expect(feed.head).toBe(2)
})

test('a lane without room takes and reads nothing, however often it looks, and knows how far the stream is', async () => {
  const feed = open(true)
  work.hasCapacity = false
  log = { chunks: [chunk(0, 'ada 1')], head: 1 }
  feed.takeOffer({ chunks: log.chunks, head: 1 })
  feed.readOn()
  log = { chunks: [...log.chunks, chunk(1, 'ada 2')], head: 2 }
  await feed.askForHead()
  await feed.askForHead()
  expect([work.ids, reads, feed.head]).toEqual([[], [], 2])
})

test('a lane that had no room reads on once it has, also beyond what it was told of', async () => {
  const feed = open(true)
  feed.takeOffer({ chunks: [chunk(0, 'ada 1')], head: 1 })
  work.hasCapacity = false
  feed.takeOffer({ chunks: [], head: 1 })
  log = { chunks: [chunk(1, 'ada 2')], head: 2 }
  feed.readOn()
  work.hasCapacity = true
  feed.readOn()
  await settled()
  expect(work.ids).toEqual(['ada 1', 'ada 2'])
})

/** A lane that has room for one event at a time. */
class Sipper extends Taker {
  override take({ offset, data }: Chunk): void {
    const { id } = unpack(unframe(data))[this.position - offset] as { readonly id: string }
    this.ids.push(id)
    this.position++
    this.hasCapacity = false
  }
}

test.each([{ stream: 'log' }, { stream: 'inbox' }])(
  'a lane with room for one event at a time reads a chunk of its $stream once',
  async ({ stream }) => {
    work = new Sipper()
    const feed = open(stream === 'log')
    const exec = sqlite.exec.bind(sqlite)
    let queries = 0
    sqlite.exec = (query, ...values) => {
      if (query.startsWith('SELECT offset, count, at, data FROM inbox_')) queries++
      return exec(query, ...values)
    }
    log = { chunks: [chunk(0, 'ada 1', 'ada 2', 'ada 3', 'ada 4')], head: 4 }
    if (stream === 'inbox') feed.storePushed(text('ada 1', 'ada 2', 'ada 3', 'ada 4'))
    else feed.takeOffer({ chunks: [], head: 4 })
    for (let i = 0; i < 4; i++) {
      feed.readOn()
      await settled()
      work.hasCapacity = true
    }
    expect(work.ids).toEqual(['ada 1', 'ada 2', 'ada 3', 'ada 4'])
    expect(stream === 'log' ? reads : queries).toEqual(stream === 'log' ? [0] : 1)
  },
)

test('a read that fails is tried again after a while', async () => {
  const feed = open(true)
  log = { chunks: [chunk(0, 'ada 1')], head: 1, broken: true }
  feed.takeOffer({ chunks: [], head: 1 })
  feed.readOn()
  await settled()
  feed.readOn()
  expect(reads).toEqual([0])
  delete log.broken
  await expect.poll(() => work.ids, { timeout: 3000 }).toEqual(['ada 1'])
})

test('a push is taken once, also after a restart', async () => {
  open(false).storePushed(text('ada 1', 'ada 2', 'ada 1'))
  expect(work.ids).toEqual(['ada 1', 'ada 2'])
  work = new Taker()
  const feed = open(false)
  feed.storePushed(text('ada 2', 'ada 3'))
  feed.readOn()
  await settled()
  expect(work.ids).toEqual(['ada 1', 'ada 2', 'ada 3'])
})

test('a push that could not be stored is taken when it comes again', () => {
  const feed = open(false)
  feed.storePushed(text('ada 1'))
  const exec = sqlite.exec.bind(sqlite)
  sqlite.exec = (query, ...values) => {
    if (query.startsWith('INSERT INTO inbox_')) throw new Error('the disk is full')
    return exec(query, ...values)
  }
  expect(() => feed.storePushed(text('ada 2'))).toThrow('the disk is full')
  sqlite.exec = exec
  feed.storePushed(text('ada 2', 'ada 1'))
  expect(work.ids).toEqual(['ada 1', 'ada 2'])
})

test('a read that is never answered is given up, and the lane goes on', async () => {
  vi.useFakeTimers()
  try {
    const feed = open(true)
    log = { chunks: [chunk(0, 'ada 1')], head: 1, silent: true }
    feed.takeOffer({ chunks: [], head: 1 })
    feed.readOn()
    log.silent = false
    await vi.advanceTimersByTimeAsync(17_000)
    expect(work.ids).toEqual(['ada 1'])
  } finally {
    vi.useRealTimers()
  }
})

test('a read that works ends the pause after one that failed', async () => {
  vi.useFakeTimers()
  try {
    const feed = open(true)
    log = { chunks: [chunk(0, 'ada 1')], head: 1, broken: true }
    feed.takeOffer({ chunks: [], head: 1 })
    // The sweep looks, however long the lane pauses.
    for (let i = 0; i < 6; i++) await feed.askForHead()
    log.broken = false
    await feed.askForHead()
    log = { chunks: [chunk(0, 'ada 1'), chunk(1, 'ada 2')], head: 2 }
    feed.takeOffer({ chunks: [], head: 2 })
    feed.readOn()
    await vi.advanceTimersByTimeAsync(1)
    expect(work.ids).toEqual(['ada 1', 'ada 2'])
  } finally {
    vi.useRealTimers()
  }
})
