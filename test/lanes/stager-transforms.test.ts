import { beforeEach, expect, test } from 'vitest'
import { createBill } from '../../src/core/billed.ts'
import type { StagedFile } from '../../src/core/bindings.ts'
import { unpack } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import type { ResolvedConfig } from '../../src/core/resolved-config.ts'
import type { PrivacyRules } from '../../src/core/privacy.ts'
import type { Transform } from '../../src/core/transform.ts'
import { DeadLetters } from '../../src/lanes/dead-letters.ts'
import { LaneStore } from '../../src/lanes/lane-store.ts'
import { replayLetter } from '../../src/lanes/replay-letter.ts'
import { Stager } from '../../src/lanes/stager.ts'
import { unframe } from '../../src/storage/frame.ts'
import { fakeContext, fakePort } from '../support/fake-context.ts'
import { chunkOf, packedOrder } from '../support/sample-events.ts'
import { Sqlite } from '../support/sqlite.ts'

let sqlite: Sqlite
let store: LaneStore
let letters: DeadLetters
let stager: Stager
let now: number
let files: Map<string, string>
let staged: StagedFile[]
let isBucketDown: boolean
let transforms: Transform[]
let privacy: PrivacyRules | undefined
let seen: string[]

const ref = { target: 'tables', partition: 2 }
const bindings = () => {
  const put = async (key: string, bytes: Uint8Array) => {
    if (isBucketDown) throw new Error('R2 is unavailable')
    files.set(key, unframe(bytes))
  }
  const register = async (_: string, file: StagedFile) => void staged.push(file)
  return fakeContext({ bindings: { BUCKET: { put }, LOADER: { getByName: () => ({ register }) } } }).context.bindings
}
const port = fakePort({ now: () => now })
const targetNow = () => ({
  kind: 'warehouse' as const,
  name: 'tables',
  displayName: 'Tables',
  route: { use: { name: 'postgres' } as never, transforms, ...(privacy === undefined ? {} : { privacy }) },
})

/** Opens the lane, as after a restart. */
function open(): void {
  store = new LaneStore(sqlite.open(), now)
  letters = new DeadLetters(sqlite.open(), ref)
  stager = new Stager(targetNow(), {
    store,
    bindings: bindings(),
    port,
    billed: createBill(),
    partition: 2,
    changed: () => stager.pump(),
    spend: () => undefined,
    deciding: { ref, letters, userCodeMs: 5_000 },
  })
}

beforeEach(() => {
  sqlite = new Sqlite()
  now = Date.parse('2026-11-25T12:00:00Z')
  files = new Map()
  staged = []
  isBucketDown = false
  privacy = undefined
  seen = []
  transforms = [{ name: 'coupons', transformEvent: (event) => (seen.push(event.messageId), change(event)) }]
  change = (event) => withCoupon(event, 'SPRING')
  open()
})

let change: (event: Event) => Event | Event[] | null
const withCoupon = (event: Event, coupon: string): Event => ({ ...event, properties: { ...event.properties, coupon } })
const take = (offset: number, ids: readonly string[], to = ['tables']) =>
  stager.take(
    chunkOf(
      offset,
      ids.map((id) => packedOrder(id, { email: 'ada@example.com' } as Partial<Event>, { to })),
      now,
    ),
  )
const pass = async (seconds: number) => {
  now += seconds * 1000
  stager.pump()
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}
/** What is in the files: id, coupon, where it goes, whether it is as transforms made it. */
const rows = () =>
  [...files.values()]
    .flatMap(unpack)
    .map(({ header, event }) => [header.id, event.properties?.['coupon'], header.to.join(), header.transformed])
const kept = () => sqlite.exec('SELECT offset FROM decided').toArray()

test('a warehouse’s transforms run before events are staged, and other targets’ events stay out of the file', async () => {
  change = (event) => {
    if (event.messageId === 'order-1') return null
    if (event.messageId === 'order-3') throw new Error('no total')
    return event.messageId === 'order-4'
      ? [withCoupon(event, 'A'), withCoupon(event, 'B')]
      : withCoupon(event, 'SPRING')
  }
  take(0, ['order-1', 'order-2', 'order-3'])
  take(3, ['order-9'], ['webhook'])
  take(4, ['order-4'], ['webhook', 'tables'])
  await pass(0)
  await pass(10)
  expect(rows()).toEqual([
    ['order-2', 'SPRING', 'tables', true],
    ['order-4', 'A', 'tables', true],
    ['order-4~1', 'B', 'tables', true],
  ])
  expect(staged).toMatchObject([{ key: 'staging/tables/2/0-5', partition: 2, events: 3 }])
  expect(letters.list({ limit: 10 })).toMatchObject([
    { messageId: 'order-3', stage: 'transform', code: 'transform_failed', reason: 'no total', source: 'shop' },
  ])
  expect([store.counters, store.attemptsOf(0), stager.committed, store.cursor, kept()]).toMatchObject([
    { staged: 3, dead: 1, 'skip: dropped by coupons': 1 },
    [{ reason: 'skip: dropped by coupons' }],
    5,
    5,
    [],
  ])
  expect(store.transforms).toMatchObject([{ transform: 'coupons', in: 4, out: 3, dropped: 1, errors: 1 }])
})

test('what a warehouse’s transforms made is staged after a restart as it was, when their code has changed, too', async () => {
  let n = 0
  change = (event) => {
    if (event.messageId === 'order-2') throw new Error('no total')
    return withCoupon(event, `NO${++n}`)
  }
  isBucketDown = true
  take(0, ['order-1', 'order-2', 'order-3'])
  await pass(0)
  await pass(10)
  expect([stager.state, stager.reason, store.cursor, kept().length]).toEqual([
    'down',
    'staging failed: R2 is unavailable',
    0,
    1,
  ])

  change = () => null
  open()
  expect(stager.position).toBe(3)
  isBucketDown = false
  await pass(10)
  expect([rows(), seen, store.cursor, letters.count, kept()]).toEqual([
    [
      ['order-1', 'NO1', 'tables', true],
      ['order-3', 'NO2', 'tables', true],
    ],
    ['order-1', 'order-2', 'order-3'],
    3,
    1,
    [],
  ])
})

test('a file of which the transforms have dropped every event is not written, and the lane goes on', async () => {
  change = () => null
  take(0, ['order-1', 'order-2'])
  await pass(0)
  await pass(10)
  expect([files.size, staged, stager.committed, store.counters, stager.state]).toEqual([
    0,
    [],
    2,
    { 'skip: dropped by coupons': 2 },
    'idle',
  ])
})

test('transforms of a warehouse that cannot be run make its lane wait, and say so', async () => {
  let isThere = false
  const runs: Transform = {
    name: 'isolated',
    runBatch: ({ texts }) =>
      isThere
        ? Promise.resolve({ events: texts.map((text, from) => ({ text, from })), dropped: [], failed: [] })
        : Promise.reject(new Error('Too many subrequests by single Worker invocation.')),
  }
  transforms = [runs]
  open()
  take(0, ['order-1'])
  await pass(0)
  expect([stager.state, stager.reason, stager.since, stager.due(), letters.count]).toEqual([
    'failing',
    'platform: Too many subrequests by single Worker invocation.',
    now,
    now + 15_000,
    0,
  ])
  isThere = true
  await pass(15)
  await pass(10)
  expect([rows(), stager.state, stager.reason, store.counters]).toEqual([
    [['order-1', undefined, 'tables', true]],
    'idle',
    undefined,
    { staged: 1 },
  ])
})

test('the privacy rules of a warehouse come before its transforms, and once', async () => {
  privacy = { drop: ['email'] }
  const emails: unknown[] = []
  change = (event) => {
    emails.push(event['email'])
    return withCoupon(event, 'SPRING')
  }
  open()
  take(0, ['order-1'])
  await pass(0)
  await pass(10)
  expect([emails, rows()]).toEqual([[undefined], [['order-1', 'SPRING', 'tables', true]]])
  expect([...files.values()].join()).not.toContain('ada@example.com')
})

test('results that are large fill rows below 2 MB each, in order', async () => {
  const noise = () => String.fromCharCode(0x4e00 + Math.floor(Math.random() * 20_000))
  change = (event) => withCoupon(event, Array.from({ length: 200_000 }, noise).join(''))
  isBucketDown = true
  const ids = Array.from({ length: 7 }, (_, i) => `order-${i}`)
  take(0, ids)
  await pass(0)
  const sizes = sqlite
    .exec('SELECT length(data) AS bytes FROM decided')
    .toArray()
    .map(({ bytes }) => Number(bytes))
  expect(sizes.length).toBe(4)
  expect(Math.max(...sizes)).toBeLessThan(2_000_000)
  open()
  isBucketDown = false
  await pass(10)
  await pass(10)
  expect([rows().map(([id]) => id), store.cursor, kept()]).toEqual([ids, 7, []])
})

test('a chunk that was decided in part goes on where it was left', async () => {
  take(0, ['order-1', 'order-2'])
  await pass(0)
  open()
  take(0, ['order-1', 'order-2', 'order-3'])
  await pass(0)
  await pass(10)
  expect([rows().map(([id]) => id), seen]).toEqual([
    ['order-1', 'order-2', 'order-3'],
    ['order-1', 'order-2', 'order-3'],
  ])
})

test('a staging file says whom an event named before its transforms changed that, also where it is staged from a letter', async () => {
  const hashed = (event: Event): Event => ({ ...event, userId: 'hash of ada', anonymousId: 'hash' })
  change = (event) => (event.messageId === 'order-1' ? withCoupon(event, 'SPRING') : hashed(event))
  take(0, ['order-1', 'order-2'])
  await pass(0)
  await pass(60)
  const usersOf = () => [...files.values()].flatMap(unpack).map(({ header }) => [header.id, header.users])
  expect(usersOf()).toEqual([
    ['order-1', undefined],
    ['order-2', { anonymousId: 'ada' }],
  ])

  const replay = async (number: number): Promise<void> => {
    files.clear()
    const limits = { pastDays: 3_650, futureMinutes: 60, userCodeMs: 5_000 } as ResolvedConfig['limits']
    const lane = { ref, target: targetNow(), bindings: bindings(), store, letters, sender: undefined, limits, port }
    expect(await replayLetter(number, lane)).toBe(true)
  }
  const letter = { messageId: 'order-5', source: 'shop', key: 'ada', reason: 'no table', code: 'mapping_failed' }
  const event = JSON.stringify({ type: 'track', messageId: 'order-5', userId: 'hash of ada' })
  const common = { ...letter, stage: 'load', receivedAt: '2026-11-25T12:00:00.000Z', attempts: [] } as const
  letters.add({ ...common, event, transformed: true, users: { userId: 'ada' } }, now)
  await replay(1)
  expect(usersOf()).toEqual([['order-5', { userId: 'ada' }]])
  letters.add({ ...common, event: JSON.stringify({ type: 'track', messageId: 'order-6', userId: 'ada' }) }, now)
  await replay(2)
  expect(usersOf()).toEqual([['order-6', { userId: 'ada' }]])
})

test('a letter of a warehouse is sent again through its transforms of today, one of what they made is not', async () => {
  change = () => {
    throw new Error('no total')
  }
  take(0, ['order-1'])
  await pass(0)
  const limits = { pastDays: 3_650, futureMinutes: 60, userCodeMs: 5_000 } as ResolvedConfig['limits']
  const replay = (number: number) =>
    replayLetter(number, {
      ref,
      target: targetNow(),
      bindings: bindings(),
      store,
      letters,
      sender: undefined,
      limits,
      port,
    })
  expect(await replay(1)).toBe(true)
  expect([letters.list({ limit: 5 }).map(({ id, reason }) => [id, reason]), files.size]).toEqual([
    [['tables:2:2', 'no total']],
    0,
  ])

  change = (event) => [withCoupon(event, 'A'), withCoupon(event, 'B')]
  expect(await replay(2)).toBe(true)
  expect([letters.count, rows(), staged]).toMatchObject([
    0,
    [
      ['order-1', 'A', 'tables', true],
      ['order-1~1', 'B', 'tables', true],
    ],
    [{ key: 'staging/tables/2/replay-2', events: 2, replayed: { id: 'order-1', source: 'shop' } }],
  ])

  files.clear()
  const event = JSON.stringify({ type: 'track', messageId: 'order-5', properties: { coupon: 'MADE' } })
  const letter = { messageId: 'order-5', source: 'shop', key: 'ada', reason: 'no table', code: 'mapping_failed' }
  letters.add(
    { ...letter, stage: 'load', receivedAt: '2026-11-25T12:00:00.000Z', event, attempts: [], transformed: true },
    now,
  )
  expect(await replay(3)).toBe(true)
  expect(rows()).toEqual([['order-5', 'MADE', 'tables', true]])
})
