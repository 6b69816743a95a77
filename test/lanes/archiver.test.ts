import { randomBytes } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { beforeEach, expect, test } from 'vitest'
import type { ArchiveLine } from '../../src/archive/line.ts'
import { createBill } from '../../src/core/billed.ts'
import { type Packed, pack } from '../../src/core/envelope.ts'
import type { ArchiveConfig } from '../../src/core/config.ts'
import { Archiver } from '../../src/lanes/archiver.ts'
import { LaneStore } from '../../src/lanes/lane-store.ts'
import { FakeBucket } from '../support/fake-bucket.ts'
import { fakeContext, fakePort } from '../support/fake-context.ts'
import { chunkOf, headerOf, plainOrder } from '../support/sample-events.ts'
import { withSeed } from '../support/seed.ts'
import { Sqlite } from '../support/sqlite.ts'

const minuteMs = 60_000
const start = Date.parse('2026-11-29T05:10:00Z')

let sqlite: Sqlite
let bucket: FakeBucket
let store: LaneStore
let archiver: Archiver
let now: number
/** The place after the newest event of the stream. */
let head: number

const open = (route: ArchiveConfig = {}) => {
  store = new LaneStore(sqlite.open(), now)
  const target = { kind: 'archive', name: '@archive', displayName: '@archive', route } as const
  archiver = new Archiver(target, {
    ref: { target: '@archive', partition: 0 },
    store,
    bindings: fakeContext({ bindings: { BUCKET: bucket } }).context.bindings,
    port: fakePort({ now: () => now }),
    billed: createBill(),
    changed: () => archiver.pump(),
    spend: () => undefined,
    head: async () => head,
  })
}

beforeEach(() => {
  sqlite = new Sqlite()
  bucket = new FakeBucket()
  now = start
  head = 0
  open()
})

const eventOf = (id: string, source = 'web'): Packed =>
  pack(headerOf(id, { source, to: ['crm', '@archive'] }), plainOrder(id))
const rest = async (one = archiver) => {
  while (one.isBusy) await setImmediate()
}
const pass = async (ms: number) => {
  now += ms
  archiver.pump()
  await rest()
}
const take = async (offset: number, ...events: Packed[]) => {
  archiver.take(chunkOf(offset, events, now))
  archiver.pump()
  await rest()
}
const linesOf = (key: string): ArchiveLine[] =>
  gunzipSync(bucket.kept.get(key)?.bytes ?? new Uint8Array())
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ArchiveLine)
const idsOf = (key: string) => linesOf(key).map(({ messageId }) => messageId)

test('events wait for the end of their hour, and become an object for each source', async () => {
  await take(0, eventOf('a'), eventOf('b', 'server'))
  await pass(20 * minuteMs)
  await take(2, eventOf('c'))
  expect([bucket.keys, archiver.committed, archiver.state]).toEqual([[], 0, 'running'])
  await pass(31 * minuteMs)
  const folder = 'archive/date=2026-11-29/hour=05'
  expect(bucket.keys).toEqual([
    `${folder}/source=server/0-0000000000000001.ndjson.gz`,
    `${folder}/source=web/0-0000000000000000.ndjson.gz`,
  ])
  expect(idsOf(bucket.keys[1] as string)).toEqual(['a', 'c'])
  expect([archiver.committed, archiver.state, store.counters['archived']]).toEqual([3, 'idle', 3])
})

test('a line holds the event as it was accepted, and what replays it', async () => {
  await take(7, eventOf('a'))
  archiver.resume()
  await pass(0)
  expect(linesOf(bucket.keys[0] as string)).toEqual([
    {
      messageId: 'a',
      source: 'web',
      receivedAt: '2026-11-22T10:00:00.500Z',
      storedAt: '2026-11-29T05:10:00.000Z',
      partition: 0,
      offset: 7,
      key: 'ada',
      to: ['crm'],
      facts: {},
      event: plainOrder('a'),
    },
  ])
})

test('what is stored in the next hour is another object, also of a backlog that is read at once', async () => {
  await take(0, eventOf('a'))
  now += 60 * minuteMs
  await take(1, eventOf('b'), eventOf('c'))
  expect(bucket.keys.map(idsOf)).toEqual([['a']])
  await pass(9_000)
  expect(bucket.keys).toHaveLength(1)
  await pass(51 * minuteMs)
  expect(bucket.keys.map(idsOf)).toEqual([['a'], ['b', 'c']])
})

test('a full object is written at once, and a source with few events goes on waiting', async () => {
  let place = 0
  await take(place++, eventOf('rare', 'server'))
  const noise = () => randomBytes(12_000).toString('base64')
  while (bucket.keys.length === 0) {
    const events = Array.from({ length: 25 }, (_, i) =>
      pack(headerOf(`${place}-${i}`, { source: 'web' }), plainOrder('x', { properties: { noise: noise() } })),
    )
    await take(place, ...events)
    place += events.length
  }
  expect(bucket.keys).toHaveLength(1)
  const ids = idsOf(bucket.keys[0] as string)
  expect(ids.length).toBeGreaterThan(200)
  expect(archiver.committed).toBe(0)
  // What a crash has read again is not archived again.
  open()
  archiver.take({ ...chunkOf(0, [eventOf('rare', 'server')], now) })
  archiver.pump()
  await rest()
  await take(1, ...ids.map((id) => eventOf(id)), eventOf('new'))
  archiver.resume()
  await pass(0)
  expect(bucket.keys.flatMap(idsOf).toSorted()).toEqual(['rare', 'new', ...ids].toSorted())
})

test('while R2 is unavailable events wait, and the lane says why', async () => {
  bucket.before = () => {
    throw new Error('R2 is unavailable')
  }
  await take(0, eventOf('a'))
  await pass(60 * minuteMs)
  expect([archiver.state, archiver.reason, archiver.committed]).toEqual([
    'down',
    'archiving failed: R2 is unavailable',
    0,
  ])
  bucket.before = () => undefined
  await take(1, eventOf('b'))
  await pass(5 * minuteMs)
  await pass(60 * minuteMs)
  expect([bucket.keys.flatMap(idsOf), archiver.state, archiver.committed]).toEqual([['a', 'b'], 'idle', 2])
})

test('objects are deleted when their days are over', async () => {
  open({ days: 30 })
  await take(0, eventOf('a'))
  archiver.resume()
  await pass(0)
  await pass(30 * 1440 * minuteMs)
  expect(bucket.keys).toHaveLength(1)
  await pass(61 * minuteMs)
  while (store.counters['archive objects expired'] === undefined) await setImmediate()
  expect(store.counters['archive objects expired']).toBe(1)
})

test('nothing is lost and nothing is twice, wherever the process is killed', async () => {
  await withSeed(
    async (random) => {
      const chunks = Array.from({ length: 40 }, (_, i) => {
        const events = [0, 1, 2].map((k) => eventOf(`${i}-${k}`, random.chance(0.7) ? 'web' : 'server'))
        return chunkOf(i * 3, events, start + i * 4 * minuteMs)
      })
      sqlite = new Sqlite()
      bucket = new FakeBucket()
      now = start
      open({ everyMinutes: 5 })
      bucket.before = (verb) => {
        if (verb === 'put' && random.chance(0.2)) throw new Error('R2 is unavailable')
      }
      let at = 0
      let kills = 0
      for (let step = 0; step < 250; step++) {
        const chunk = chunks[at]
        if (chunk !== undefined && random.chance(0.7)) {
          now = Math.max(now, chunk.at)
          archiver.take(chunk)
          at++
        }
        archiver.pump()
        if (random.chance(0.5)) await rest()
        now += random.whole(0, 2 * minuteMs)
        if (random.chance(0.3)) store.checkpoint(archiver.committed, now)
        if (random.chance(0.1)) {
          // What was on its way to R2 arrives, and the lane never learns of it.
          store.set = () => {
            throw new Error('killed')
          }
          await rest()
          kills++
          open({ everyMinutes: 5 })
          const next = chunks.findIndex(({ offset, count }) => offset + count > archiver.position)
          at = next < 0 ? chunks.length : next
        }
      }
      expect(kills).toBeGreaterThan(0)
      bucket.before = () => undefined
      for (const chunk of chunks.slice(at)) archiver.take(chunk)
      for (let i = 0; i < 3; i++) {
        archiver.resume()
        await pass(minuteMs)
      }
      const sent = chunks.flatMap((_, i) => [0, 1, 2].map((k) => `${i}-${k}`))
      expect(bucket.keys.flatMap(idsOf).toSorted()).toEqual(sent.toSorted())
    },
    { runs: 30 },
  )
})

test('users are erased only once all that the stream had is archived, though the lane was started anew and has read nothing yet', async () => {
  const grace = { kind: 'userId', id: 'grace', askedAt: start } as const
  const graces = pack(headerOf('b', { to: ['@archive'] }), plainOrder('b', { userId: 'grace' }))
  await take(0, eventOf('a'), graces)
  archiver.erase(grace)
  head = 2
  open()
  await pass(15_000)
  await pass(5_000)
  expect(archiver.erase(grace).isDone).toBe(false)
  // What comes behind it is not waited for.
  await take(0, eventOf('a'), graces, eventOf('c'))
  await pass(1_000)
  await take(3, eventOf('d'))
  await pass(1_000)
  await pass(1_000)
  expect(archiver.erase(grace)).toEqual({ isDone: true })
  expect(bucket.keys.flatMap(idsOf)).toEqual(['a', 'c'])
})
