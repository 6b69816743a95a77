import { unframe } from '../../src/storage/frame.ts'
import { beforeEach, expect, test } from 'vitest'
import { LaneStore } from '../../src/lanes/lane-store.ts'
import { Sqlite } from '../support/sqlite.ts'

const day = 86_400_000
const start = Date.parse('2026-11-25T12:00:00Z')
let sqlite: Sqlite
let store: LaneStore
const open = (now = start) => new LaneStore(sqlite.open(), now)
beforeEach(() => {
  sqlite = new Sqlite()
  store = open()
})
const request = (from: number, to: number, status = 200, more: object = {}) => ({
  from,
  to,
  at: start,
  status,
  ms: 5,
  ...more,
})
const tables = () =>
  sqlite
    .exec("SELECT name FROM sqlite_master WHERE name GLOB 'checkpoint_*' ORDER BY name")
    .toArray()
    .map(({ name }) => name)

test('a new lane starts at the beginning; cursor and counters are there after a restart', () => {
  expect([store.cursor, store.counters]).toEqual([0, {}])
  store.count('done', 3)
  store.count('done')
  store.checkpoint(42, start)
  expect([open().cursor, open().counters]).toEqual([42, { done: 4 }])
})

test('a checkpoint writes one row, and none when nothing has changed', () => {
  store.count('done')
  store.record(request(0, 5))
  store.checkpoint(6, start)
  store.checkpoint(6, start + 1000)
  const [table] = tables()
  expect(sqlite.exec(`SELECT count(*) AS n FROM ${String(table)}`).toArray()).toEqual([{ n: 1 }])
})

test('counts that were not stored are gone after a restart, with the cursor that they belong to', () => {
  store.count('done')
  store.checkpoint(1, start)
  store.count('done')
  expect([open().cursor, open().counters]).toEqual([1, { done: 1 }])
})

test('the attempts of an event are told from all requests that carried it, stored or not', () => {
  store.record(request(0, 9, 500, { reason: 'HTTP 500' }))
  store.checkpoint(0, start)
  store.record(request(3, 9, 200, { only: [3, 5, 9] }))
  const of = (offset: number) => store.attemptsOf(offset).map(({ status }) => status)
  expect([of(3), of(4), of(9), of(10)]).toEqual([[500, 200], [500], [500, 200], []])
  expect(store.attemptsOf(4)).toEqual([{ at: start, status: 500, ms: 5, reason: 'HTTP 500' }])
})

test('neighbors that are skipped for the same reason share a record', () => {
  for (const place of [0, 1, 2, 4]) store.recordSkip(place, start, 'filtered')
  store.recordSkip(5, start, 'not for this destination')
  store.checkpoint(6, start)
  const [row] = sqlite.exec(`SELECT requests FROM ${String(tables()[0])}`).toArray()
  expect(JSON.parse(unframe(new Uint8Array(row?.['requests'] as ArrayBuffer)))).toEqual([
    [0, 2, start, 0, 0, 'skip: filtered', null],
    [4, 4, start, 0, 0, 'skip: filtered', null],
    [5, 5, start, 0, 0, 'skip: not for this destination', null],
  ])
  expect([0, 1, 2, 3, 4, 5].map((offset) => store.attemptsOf(offset).length)).toEqual([1, 1, 1, 0, 1, 1])
})

test('checkpoints of the last eight days are kept, and the state survives a long silence', () => {
  for (let n = 0; n < 12; n++) {
    store.count('done')
    store.checkpoint(n + 1, start + n * day)
  }
  expect(tables()).toHaveLength(9)
  store = open(start + 100 * day)
  expect([store.cursor, store.counters]).toEqual([12, { done: 12 }])
  store.count('done')
  store.checkpoint(13, start + 100 * day)
  expect(tables()).toHaveLength(1)
  expect(open(start + 101 * day).cursor).toBe(13)
})

test('endless reasons to skip an event do not make endless counters', () => {
  for (let n = 0; n < 1000; n++) store.count(`skip: reason ${n}`)
  expect(Object.keys(store.counters).length).toBeLessThanOrEqual(201)
  expect(store.counters['other']).toBe(800)
})

test('settings are stored, replaced and removed', () => {
  store.set('circuit', 'open')
  store.set('circuit', 'paused')
  expect(open().get('circuit')).toBe('paused')
  store.set('circuit', undefined)
  expect(open().get('circuit')).toBe(undefined)
})

test('rows that a version stored before it knew the earliest time are there, and keep all of their wait', () => {
  sqlite = new Sqlite()
  sqlite.exec(
    `CREATE TABLE waiting (offset INTEGER PRIMARY KEY, origin INTEGER NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, due INTEGER,
     attempts INTEGER NOT NULL, first INTEGER NOT NULL, at INTEGER NOT NULL, history TEXT NOT NULL, header TEXT NOT NULL, event TEXT NOT NULL)`,
  )
  sqlite.exec(`INSERT INTO waiting VALUES (1, 1, 'ada', 'order-1843', 5000, 1, 1000, 900, '[]', '{}', '{}')`)
  sqlite.exec(`INSERT INTO waiting VALUES (2, 2, 'ada', 'order-1844', NULL, 0, 0, 900, '[]', '{}', '{}')`)
  for (store of [open(), open()]) {
    store.waiting.endWaits()
    expect(store.waiting.places(-1)).toEqual([
      { offset: 1, key: 'ada', due: 5000, earliest: 5000 },
      { offset: 2, key: 'ada', due: null, earliest: 0 },
    ])
  }
  store.waiting.waitNoMore()
  expect(store.waiting.place(1)).toEqual({ offset: 1, key: 'ada', due: 0, earliest: 0 })
})
