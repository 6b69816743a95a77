import { gunzipSync } from 'node:zlib'
import { setImmediate } from 'node:timers/promises'
import { beforeEach, expect, test } from 'vitest'
import { gzip } from '../../src/archive/gzip.ts'
import { type ArchiveLine, lineOf } from '../../src/archive/line.ts'
import { keyOf } from '../../src/archive/object-name.ts'
import { Envelope } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import { ArchiveEraser } from '../../src/lanes/archive-eraser.ts'
import { LaneStore } from '../../src/lanes/lane-store.ts'
import { FakeBucket } from '../support/fake-bucket.ts'
import { fakeContext, fakePort } from '../support/fake-context.ts'
import { headerOf, plainOrder } from '../support/sample-events.ts'
import { Sqlite } from '../support/sqlite.ts'

const hour = Date.parse('2026-11-29T05:00:00Z')
const ada = { kind: 'userId', id: 'ada' } as const

let sqlite: Sqlite
let bucket: FakeBucket
let store: LaneStore
let now: number
let archivedUntil: number

beforeEach(() => {
  sqlite = new Sqlite()
  bucket = new FakeBucket()
  now = hour
  archivedUntil = Infinity
})

const open = (): ArchiveEraser => {
  store = new LaneStore(sqlite.open(), now)
  return new ArchiveEraser({
    ref: { target: '@archive', partition: 0 },
    store,
    bindings: fakeContext({ bindings: { BUCKET: bucket } }).context.bindings,
    port: fakePort({ now: () => now }),
    spend: () => undefined,
    changed: () => undefined,
    head: async () => 100,
    isArchived: (place) => archivedUntil >= place,
  })
}
const put = async (place: number, events: readonly Partial<Event>[], partition = 0) => {
  const lines = events.map((event, i) => {
    const id = `order-${place + i}`
    const text = JSON.stringify(plainOrder(id, { userId: 'grace', ...event }))
    return lineOf({ at: hour, place: place + i, envelope: new Envelope(headerOf(id), text) }, partition)
  })
  const key = keyOf({ hour, source: 'web', partition, place })
  await bucket.put(key, await gzip([new TextEncoder().encode(lines.map((line) => `${line}\n`).join(''))]))
}
const ids = () =>
  bucket.keys.map((key) =>
    gunzipSync(bucket.kept.get(key)?.bytes ?? new Uint8Array())
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as ArchiveLine).messageId),
  )
const step = async (eraser: ArchiveEraser, ms = 1_000) => {
  now += ms
  eraser.pump()
  while (eraser.isBusy) await setImmediate()
}

test('every event of a user goes, by each id that names them, and objects without others go with them', async () => {
  await put(0, [{}, { userId: 'ada' }, { properties: { customer: 'ada' } }, { type: 'alias', previousId: 'ada' }])
  await put(4, [{ userId: 'ada' }, { type: 'merge', mergeProperties: [{ type: 'email', value: 'ada' }] }])
  await put(6, [{ anonymousId: 'ada' }])
  await put(0, [{ userId: 'ada' }], 1)
  bucket.calls.length = 0
  const eraser = open()
  const askedAt = now
  expect(eraser.erase({ ...ada, askedAt })).toEqual({ isDone: false, reason: 'it waits for its turn' })
  await step(eraser, 14_000)
  expect(bucket.calls).toEqual([])
  await step(eraser)
  expect(eraser.erase({ ...ada, askedAt })).toEqual({ isDone: false, reason: '0 objects of partition 0 are done' })
  await step(eraser)
  expect(eraser.erase({ ...ada, askedAt })).toEqual({ isDone: true })
  // The other partition has a lane of its own.
  expect(ids()).toEqual([['order-0', 'order-2'], ['order-6'], ['order-0']])
  expect(bucket.calls.filter((call) => call.startsWith('put'))).toHaveLength(1)
  expect([store.counters['erased'], eraser.due()]).toEqual([4, undefined])
})

test('an erasure begins once what was accepted before is archived, and goes on after a crash where it was', async () => {
  for (let i = 0; i < 45; i++) await put(i * 2, [{ userId: 'ada' }, {}])
  let eraser = open()
  eraser.erase({ ...ada, askedAt: now })
  archivedUntil = 99
  await step(eraser, 20_000)
  expect(eraser.erase({ ...ada, askedAt: hour }).reason).toBe('it waits for its turn')
  archivedUntil = Infinity
  await step(eraser)
  await step(eraser)
  expect(ids().filter((one) => one.length === 1)).toHaveLength(20)
  bucket.calls.length = 0
  eraser = open()
  for (let i = 0; i < 4; i++) await step(eraser)
  expect(ids().flat()).toEqual(Array.from({ length: 45 }, (_, i) => `order-${i * 2 + 1}`))
  expect(bucket.calls.filter((call) => call.startsWith('get'))).toHaveLength(25)
  expect(eraser.erase({ ...ada, askedAt: hour })).toEqual({ isDone: true })
})

test('while R2 is unavailable an erasure waits, and a user who is asked for again is looked for again', async () => {
  await put(0, [{ userId: 'ada' }, {}])
  const eraser = open()
  eraser.erase({ ...ada, askedAt: hour })
  bucket.before = () => {
    throw new Error('R2 is unavailable')
  }
  await step(eraser, 20_000)
  await step(eraser)
  expect(eraser.due()).toBe(now + 30_000)
  bucket.before = () => undefined
  await step(eraser, 30_000)
  expect(eraser.erase({ ...ada, askedAt: hour })).toEqual({ isDone: true })
  await put(2, [{ userId: 'ada' }, {}])
  expect(eraser.erase({ ...ada, askedAt: now }).isDone).toBe(false)
  await step(eraser, 20_000)
  await step(eraser)
  expect(ids()).toEqual([['order-1'], ['order-3']])
})

test('an alias or a merge names a user by a number, or with blanks around the id, as for the suppression list', async () => {
  const merge = (...values: unknown[]) => ({ type: 'merge', mergeProperties: values.map((value) => ({ value })) })
  // A client sends what it likes.
  const alias = (previousId: unknown) => ({ type: 'alias', previousId }) as Partial<Event>
  await put(0, [alias(1843), alias(' 1843 '), merge({}, 1843)])
  await put(3, [alias(18_430), { properties: { order: 1843 } }, merge({ toString: 1 }, '1843')])
  const eraser = open()
  eraser.erase({ kind: 'userId', id: '1843', askedAt: now })
  await step(eraser, 15_000)
  await step(eraser)
  expect(ids()).toEqual([['order-3', 'order-4']])
})
