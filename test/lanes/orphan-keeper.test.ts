import { beforeEach, describe, expect, test } from 'vitest'
import { DeadLetters } from '../../src/lanes/dead-letters.ts'
import { LaneStore } from '../../src/lanes/lane-store.ts'
import { LayoutRecord } from '../../src/lanes/layout-record.ts'
import { endOrphanage, OrphanKeeper } from '../../src/lanes/orphan-keeper.ts'
import { fakePort } from '../support/fake-context.ts'
import { chunkOf, packedOrder } from '../support/sample-events.ts'
import { Sqlite } from '../support/sqlite.ts'

const ref = { target: 'crm', partition: 0 }
const start = Date.parse('2026-11-28T12:00:00Z')
const days = 86_400_000
const forCrm = (id: string) => packedOrder(id, {}, { to: ['crm', 'hook'] })
const forHook = (id: string) => packedOrder(id, {}, { to: ['hook'] })

let sqlite: Sqlite
let now: number
let logged: { readonly level: string; readonly message: string; readonly fields: object | undefined }[]
beforeEach(() => {
  sqlite = new Sqlite()
  now = start
  logged = []
})

const port = fakePort({
  now: () => now,
  log: (level, message, fields) => void logged.push({ level, message, fields }),
})

/** The lane as its object opens it, from what is stored. */
function open() {
  const db = sqlite.open()
  const store = new LaneStore(db, now)
  const letters = new DeadLetters(db, ref)
  return { store, letters, keeper: new OrphanKeeper({ ref, store, letters, port }) }
}

const letter = {
  stage: 'delivery',
  messageId: 'order-0',
  source: 'shop',
  key: 'ada',
  reason: 'HTTP 400',
  code: 'http_400',
  receivedAt: '2026-11-28T11:00:00.000Z',
  event: '{"event":"Order Completed"}',
  attempts: [],
} as const

describe('a lane whose target is gone from the config', () => {
  test('an orphaned lane passes over what is for others and stops at the first event of its target', () => {
    const { keeper } = open()
    keeper.take(chunkOf(0, [forHook('order-1'), forHook('order-2')], start))
    expect([keeper.position, keeper.hasCapacity, keeper.unread(2), keeper.oldest]).toEqual([2, true, 0, undefined])
    keeper.take(chunkOf(2, [forHook('order-3'), forCrm('order-4'), forHook('order-5')], start + 7))
    expect([keeper.position, keeper.committed, keeper.hasCapacity]).toEqual([3, 3, false])
    expect([keeper.unread(5), keeper.oldest, keeper.state]).toEqual([2, start + 7, 'orphaned'])
  })

  test('an orphaned lane counts neither events with a row nor dead ones twice', () => {
    const { store, letters } = open()
    store.waiting.put(
      {
        offset: 0,
        origin: 0,
        key: 'ada',
        id: 'order-1',
        due: 1,
        attempts: 1,
        first: start,
        at: start - 5_000,
        history: [],
      },
      { header: '{}', event: '{}' },
      0,
    )
    letters.add(letter, start, 1)
    const { keeper } = open()
    keeper.take(chunkOf(0, [forCrm('order-1'), forCrm('order-0'), forHook('order-2')], start))
    expect([keeper.position, keeper.unread(3), keeper.waiting, keeper.oldest]).toEqual([3, 0, 1, start - 5_000])
  })

  test('an orphaned lane says once that something waits, also after a restart', () => {
    const { keeper } = open()
    keeper.look(0, 0)
    expect(logged).toEqual([])
    keeper.take(chunkOf(0, [forCrm('order-1')], start))
    keeper.look(1, 0)
    open().keeper.look(1, 0)
    expect(logged).toEqual([
      {
        level: 'warn',
        message: 'a target is no longer in the config; what waits for it is kept',
        fields: {
          target: 'crm',
          partition: 0,
          at: '2026-11-28T12:00:00.000Z',
          events: 1,
          deadLetters: 0,
          stagedFiles: 0,
          until: '2026-12-12T12:00:00.000Z',
        },
      },
    ])
  })

  test.each(['dead letters', 'staging files'])('an orphaned lane tells of %s alone, too', (what) => {
    const { keeper, letters } = open()
    if (what === 'dead letters') letters.add(letter, start)
    keeper.look(0, what === 'staging files' ? 2 : 0)
    expect(logged).toHaveLength(1)
  })

  test('an orphaned lane asks the stream for what came before its target was gone, and ten minutes more', () => {
    const { keeper } = open()
    keeper.take(chunkOf(0, [forCrm('order-1')], start))
    keeper.look(1, 0)
    expect(keeper.until).toBeUndefined()
    now += 300_000
    keeper.look(3, 0)
    expect(keeper.until).toBeUndefined()
    now += 300_000
    keeper.look(4, 0)
    now += 300_000
    keeper.look(900, 0)
    expect([keeper.until, keeper.unread(900)]).toEqual([4, 4])
    expect(open().keeper.until).toBe(4)
  })

  test('an orphaned lane that has nothing left reads no further', () => {
    const { keeper } = open()
    keeper.take(chunkOf(0, [forHook('order-1')], start))
    keeper.look(1, 0)
    expect(keeper.hasCapacity).toBe(true)
    now += 600_000
    keeper.look(1, 0)
    expect(keeper.hasCapacity).toBe(false)
    expect(keeper.unread(900)).toBe(0)
  })

  test('what waits in an orphaned lane is dropped after 14 days, counted and logged', () => {
    const { keeper, store } = open()
    store.waiting.put(
      {
        offset: 5,
        origin: -1,
        key: 'ada',
        id: 'order-9',
        due: null,
        attempts: 0,
        first: 0,
        at: start,
        history: [],
      },
      { header: '{}', event: '{}' },
      0,
    )
    const chunk = chunkOf(0, [forCrm('order-1'), forHook('order-2'), forCrm('order-3')], start)
    keeper.take(chunk)
    keeper.look(3, 0)
    now += 14 * days - 1
    keeper.look(3, 0)
    expect([keeper.position, keeper.waiting]).toEqual([0, 1])
    now += 1
    keeper.look(3, 0)
    keeper.take(chunk)
    keeper.look(3, 0)
    expect([keeper.position, keeper.waiting, keeper.unread(3)]).toEqual([3, 0, 0])
    expect(store.counters).toEqual({ 'dropped: the target is no longer in the config': 3 })
    expect(logged.slice(1)).toMatchObject([
      { level: 'error', fields: { target: 'crm', events: 1 } },
      { level: 'error', fields: { target: 'crm', events: 2 } },
    ])
  })

  test('a lane whose target is back is no orphan any more, and says so', () => {
    const { keeper, store } = open()
    keeper.look(0, 0)
    endOrphanage(store, ref, port)
    endOrphanage(store, ref, port)
    expect(logged).toEqual([
      { level: 'info', message: 'a target is in the config again; its lane goes on where it was', fields: { ...ref } },
    ])
    expect(open().keeper.goneSince).toBeUndefined()
  })
})

test('the lane of the edge remembers every layout, forgets what is not kept, and writes only what is new', () => {
  const { store } = open()
  const record = new LayoutRecord(store)
  const crm = (partitions: number) => ({ name: 'crm', kind: 'destination', partitions }) as const
  expect(record.note({ seen: { partitions: 4, targets: [crm(4)] } })).toEqual({ partitions: 4, targets: [crm(4)] })
  let writes = 0
  const set = store.set.bind(store)
  store.set = (...args) => (writes++, set(...args))
  expect(record.note({ seen: { partitions: 1, targets: [] } })).toEqual({ partitions: 4, targets: [crm(4)] })
  expect(writes).toBe(0)
  const kept = { partitions: 2, targets: [crm(3)] }
  expect(record.note({ seen: { partitions: 1, targets: [] }, kept })).toEqual(kept)
  expect(new LayoutRecord(open().store).note({ seen: { partitions: 0, targets: [] } })).toEqual(kept)
})
