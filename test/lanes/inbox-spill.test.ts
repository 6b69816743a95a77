import { beforeEach, expect, test } from 'vitest'
import type { Chunk } from '../../src/core/inbox.ts'
import { unpack } from '../../src/core/envelope.ts'
import type { LogRpc } from '../../src/core/bindings.ts'
import type { LaneConsumer } from '../../src/lanes/lane-consumer.ts'
import { LaneReader } from '../../src/lanes/lane-reader.ts'
import { LaneStore } from '../../src/lanes/lane-store.ts'
import { unframe } from '../../src/storage/frame.ts'
import { fingerprintOf } from '../../src/storage/fingerprint.ts'
import { FakeBucket } from '../support/fake-bucket.ts'
import { fakePort } from '../support/fake-context.ts'
import { packedOrder } from '../support/sample-events.ts'
import { Sqlite } from '../support/sqlite.ts'
import { until } from '../support/until.ts'

/** A destination that takes events while there is room for them. */
class Taker implements LaneConsumer {
  readonly ids: string[] = []
  hasCapacity = false
  position: number
  readonly state = 'down'
  readonly isBusy = false
  readonly reason = undefined
  readonly since = undefined
  readonly lastError = undefined
  readonly oldest = undefined

  constructor(position: number) {
    this.position = position
  }
  get committed(): number {
    return this.position
  }
  take({ offset, count, data }: Chunk): void {
    this.ids.push(
      ...unpack(unframe(data))
        .slice(Math.max(0, this.position - offset))
        .map(({ id }) => id),
    )
    this.position = offset + count
  }
  pump(): void {}
  due(): undefined {
    return undefined
  }
  resume(): void {}
}

const quotaBytes = 6_000
let sqlite: Sqlite
let bucket: FakeBucket
let lane: Taker
let store: LaneStore
let reader: LaneReader
let logged: string[]
let subrequests: number
let now: number
beforeEach(() => {
  sqlite = new Sqlite()
  bucket = new FakeBucket()
  logged = []
  subrequests = 0
  now = Date.now()
})

/** Starts the lane, as after a crash. */
function open(bound: FakeBucket | null = bucket): void {
  const db = sqlite.open()
  store = new LaneStore(db, now)
  lane = new Taker(store.cursor)
  reader = new LaneReader(db, {
    ref: { target: 'webhook', partition: 3 },
    store,
    port: fakePort({
      now: () => now,
      log: (level, message, fields) => void logged.push(`${level}: ${message}: ${String(fields?.['reason'])}`),
    }),
    log: () => ({}) as LogRpc,
    isPushed: true,
    consumer: lane,
    bucket: (bound ?? undefined) as unknown as R2Bucket | undefined,
    quotaBytes,
    spend: (n) => void (subrequests += n),
    changed: pump,
  })
}
function pump(): void {
  reader.readOn()
}
const all = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => `order ${first + i}`)
/** Text that does not compress. */
const noise = (n: number) => Array.from({ length: 40 }, (_, i) => Math.sin(n * 100 + i + 1).toString(36)).join('')
function push(first: number, last: number): void {
  for (let n = first; n <= last; n++)
    reader.storePushed(packedOrder(`order ${n}`, { properties: { note: noise(n) } }, { to: ['webhook'] }).text)
  pump()
}
const rest = () => until('nothing is under way', () => !reader.isBusy)
async function deliverAll(): Promise<void> {
  lane.hasCapacity = true
  pump()
  await until('all is delivered', () => reader.head === lane.position && !reader.isBusy)
  store.checkpoint(lane.position, now)
  reader.trim(store.cursor)
  await rest()
}

test('what is above the quota goes to R2, oldest first, and comes back in its order; its objects are deleted once it is delivered', async () => {
  open()
  push(1, 60)
  await rest()
  expect(reader.storage?.bytes).toBeLessThanOrEqual(quotaBytes)
  expect(reader.storage).toMatchObject({ quota: quotaBytes, spilled: { objects: bucket.keys.length } })
  expect(bucket.keys[0]).toMatch(/^expired\/webhook\/3\/0-\d+$/)
  expect(reader.storage?.warning).toMatch(/^undelivered events take \d+ % of the quota, and \d+ are in R2$/)
  const puts = bucket.calls.filter((call) => call.startsWith('put')).length
  expect(subrequests).toBe(puts)

  await deliverAll()
  expect(lane.ids).toEqual(all(1, 60))
  expect(bucket.keys).toEqual([])
  expect(reader.storage).toBeUndefined()
  expect(subrequests).toBe(bucket.calls.length)
})

test('a lane that is opened again knows what is in R2, and brings it in order', async () => {
  open()
  push(1, 40)
  await rest()
  const before = reader.storage
  open()
  expect(reader.storage).toEqual(before)
  push(41, 80)
  await rest()
  await deliverAll()
  expect(lane.ids).toEqual(all(1, 80))
  expect(bucket.keys).toEqual([])
})

test('an event that is in R2 is still known as a duplicate, and is found', async () => {
  open()
  push(1, 60)
  await rest()
  push(1, 60)
  expect(reader.head).toBe(60)
  const isSpilled = (id: string) => reader.isSpilled(fingerprintOf('shop', id))
  expect([isSpilled('order 2'), isSpilled('order 60'), isSpilled('order 61')]).toEqual([true, false, false])
  await deliverAll()
  expect(lane.ids).toEqual(all(1, 60))
  expect(reader.placeOf(fingerprintOf('shop', 'order 2'))).toBe(1)
})

test('a crash after the object was written, and before the lane knew of it, loses nothing and leaves no object behind', async () => {
  open()
  let writes = 0
  bucket.before = (verb) => (verb === 'put' && ++writes === 1 ? new Promise(() => {}) : undefined)
  push(1, 60)
  await until('a write is under way', () => writes === 1)
  // The write went through, and nobody was told.
  const key = store.get('spilling') ?? ''
  bucket.before = () => {}
  await bucket.put(key, new Uint8Array([1, 2, 3]))
  open()
  pump()
  await rest()
  push(61, 90)
  await rest()
  await deliverAll()
  expect(lane.ids).toEqual(all(1, 90))
  expect(bucket.keys).toEqual([])
})

test('a version that knows of no spill stops at a row that is in R2, instead of passing over it', async () => {
  open()
  push(1, 60)
  await rest()
  const [row] = sqlite.exec("SELECT name FROM sqlite_master WHERE name GLOB 'inbox_[0-9]*'").toArray()
  const [first] = sqlite.exec(`SELECT data FROM ${String(row?.['name'])} ORDER BY offset LIMIT 1`).toArray()
  expect(() => unframe(new Uint8Array(first?.['data'] as ArrayBuffer))).toThrow('ends inside a frame')
})

test('while R2 takes nothing, all stays in the lane, which says so; it goes to R2 once that is back', async () => {
  open()
  bucket.before = () => Promise.reject(new Error('R2 is unavailable'))
  push(1, 60)
  await rest()
  expect(reader.storage?.bytes).toBeGreaterThan(quotaBytes)
  expect(reader.storage?.warning).toMatch(/R2 does not take what is beyond it: R2 is unavailable$/)
  expect(logged).toEqual([
    'warn: R2 does not take what is too much for a lane; it stays in the lane: R2 is unavailable',
  ])
  bucket.before = () => {}
  pump()
  expect(reader.isBusy).toBe(false)
  now += 10_000
  pump()
  await rest()
  expect(reader.storage?.bytes).toBeLessThanOrEqual(quotaBytes)
  await deliverAll()
  expect(lane.ids).toEqual(all(1, 60))
})

test('where no bucket is bound, all stays in the lane, which says what to do', async () => {
  open(null)
  push(1, 60)
  await rest()
  expect(reader.storage?.warning).toMatch(/no R2 bucket is bound as BUCKET: see wrangler\.toml$/)
  await deliverAll()
  expect(lane.ids).toEqual(all(1, 60))
})

test('an object that somebody deleted is never passed over: the lane says so and waits, until what waits is given up', async () => {
  open()
  push(1, 60)
  await rest()
  bucket.kept.clear()
  lane.hasCapacity = true
  pump()
  await rest()
  expect(lane.ids).toEqual([])
  expect(logged.join('\n')).toMatch(
    /the object in R2 is gone that holds what is at 0 of the inbox: skip the lane to go on/,
  )
  reader.passAll('given up by ada')
  expect(reader.head).toBe(lane.position)
})

test('a lane says once that it comes to 80 % of its quota, and nothing below', () => {
  open()
  push(1, 3)
  reader.trim(store.cursor)
  expect([logged, reader.storage?.warning]).toEqual([[], undefined])
  for (let n = 4; (reader.storage?.bytes ?? 0) < quotaBytes * 0.8; n++) push(n, n)
  reader.trim(store.cursor)
  reader.trim(store.cursor)
  expect(logged).toHaveLength(1)
  expect(logged[0]).toMatch(/^warn: a lane comes to its quota: undelivered events take 8\d % of the quota$/)
})

test('a lane whose failed events take all of its quota reads nothing more until some are gone, and loses none', async () => {
  open()
  const text = { header: '{}', event: 'x'.repeat(1_000) }
  for (let n = 0; n < 8; n++)
    store.waiting.put(
      { offset: n, origin: n, key: `user ${n}`, id: `failed ${n}`, due: 0, attempts: 1, first: 1, at: 1, history: [] },
      text,
      0,
    )
  lane.hasCapacity = true
  push(1, 20)
  await rest()
  expect([reader.hasRoom, lane.ids]).toEqual([false, []])
  expect(reader.storage?.warning).toMatch(/as rows of failed events: the lane reads nothing more until some are gone$/)
  for (let n = 0; n < 4; n++) store.waiting.delete(n)
  await deliverAll()
  expect(lane.ids).toEqual(all(1, 20))
})
