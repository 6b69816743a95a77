import { beforeEach, expect, test } from 'vitest'
import { Segments } from '../../src/storage/segments.ts'
import { Sqlite } from '../support/sqlite.ts'

const span = 1000
let sqlite: Sqlite
let segments: Segments
const open = () => new Segments(sqlite.open(), { name: 'log', spanMs: span })
beforeEach(() => {
  sqlite = new Sqlite()
  segments = open()
})

/** Appends a row of events whose fingerprints are (`first`, n), (`first` + 1, n), … and whose data is `bytes` bytes. */
const append = (at: number, count = 1, { bytes = 10, first = 1 } = {}) => {
  const prints = new Uint32Array(count * 2)
  for (let i = 0; i < count; i++) prints.set([first + i, 7], i * 2)
  return segments.append({ count, prints: new Uint8Array(prints.buffer), data: new Uint8Array(bytes).fill(count) }, at)
}
const offsets = (from: number, bytes = 1_000_000) => segments.read(from, bytes).map(({ offset }) => offset)

test('offsets are dense per event, over segments and restarts', () => {
  append(100, 3)
  append(200, 2)
  append(1500, 4)
  expect([segments.first, segments.next]).toEqual([0, 9])
  segments = open()
  expect([segments.first, segments.next, segments.segments.length]).toEqual([0, 9, 2])
  expect(append(1600, 1)).toMatchObject({ offset: 9, count: 1, at: 1600 })
})

test('a read starts with the row that holds the offset and crosses segments', () => {
  append(100, 3)
  append(200, 2)
  append(1500, 4)
  expect([offsets(0), offsets(2), offsets(3), offsets(8), offsets(9)]).toEqual([[0, 3, 5], [0, 3, 5], [3, 5], [5], []])
  expect(segments.read(0, 1_000_000)[0]).toEqual({ offset: 0, count: 3, at: 100, data: new Uint8Array(10).fill(3) })
})

test('a read ends at about the bytes asked for, with at least one row', () => {
  for (let n = 0; n < 10; n++) append(n * 300, 1, { bytes: 100 })
  expect([offsets(0, 1), offsets(2, 250), offsets(2, 300), offsets(0, 0)]).toEqual([[0], [2, 3, 4], [2, 3, 4], []])
})

test('an append costs one written row, the first of a span also a table', () => {
  const db = sqlite.open()
  segments = new Segments(db, { name: 'other', spanMs: span })
  append(100)
  append(200)
  append(1100)
  expect(db.billed.rowsWritten).toBe(3)
})

test('dropped segments are gone, also after a restart, and offsets go on', () => {
  append(100, 3)
  append(1100, 2)
  segments.drop(segments.segments[0] as never)
  expect([segments.first, segments.next, offsets(0)]).toEqual([3, 5, [3]])
  segments = open()
  expect([segments.first, segments.next]).toEqual([3, 5])
  segments.drop(segments.segments[0] as never)
  segments = open()
  expect([segments.first, segments.next, offsets(0)]).toEqual([5, 5, []])
  expect(append(5000)).toMatchObject({ offset: 5 })
})

test('a clock that goes back does not disturb the order of rows', () => {
  append(2500, 1)
  append(1500, 1)
  append(2600, 1)
  segments = open()
  expect([offsets(0), segments.segments.length]).toEqual([[0, 1, 2], 1])
})

test('the tail of a log is the newest rows, oldest first', () => {
  for (let n = 0; n < 6; n++) append(n * 400, 2)
  expect(segments.tail(3, 1_000_000).map(({ offset }) => offset)).toEqual([8, 10])
  expect(segments.tail(100, 1_000_000).map(({ offset }) => offset)).toEqual([0, 2, 4, 6, 8, 10])
  expect(segments.tail(100, 11).map(({ offset }) => offset)).toEqual([8, 10])
  expect(segments.tail(0, 1_000_000)).toEqual([])
})

test('an event in a segment is found by its fingerprint, and only where the whole fingerprint stands', () => {
  append(100, 3, { first: 1 })
  append(1100, 3, { first: 4 })
  const print = (a: number, b: number) => new Uint8Array(Uint32Array.from([a, b]).buffer)
  expect(segments.find(print(5, 7), 1_000_000).map(({ offset, chunk }) => [offset, chunk.offset])).toEqual([[4, 3]])
  // These bytes are in the row, but across two fingerprints.
  expect(segments.find(print(7, 5), 1_000_000)).toEqual([])
  expect(segments.find(print(9, 7), 1_000_000)).toEqual([])
})

test('an event that was sent again and again is found in its oldest rows, as many as fit one call', () => {
  for (let n = 0; n < 20; n++) append(n * 100, 1, { bytes: 1_900_000, first: 5 })
  const print = new Uint8Array(Uint32Array.from([5, 7]).buffer)
  expect(segments.find(print, 8_000_000).map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4])
})

test('fingerprints since a time come oldest first, with the time of their row, those of the newest events only', () => {
  append(100, 1, { first: 1 })
  append(900, 2, { first: 2 })
  append(1100, 1, { first: 4 })
  const since = (at: number, events = 100) =>
    [...segments.prints(at, events)].map(({ at, prints }) => [at, [...prints]])
  expect(since(500)).toEqual([
    [900, [2, 7, 3, 7]],
    [1100, [4, 7]],
  ])
  expect(since(0, 1)).toEqual([[1100, [4, 7]]])
  // A row that has some of them comes whole.
  expect(since(0, 2).map(([at]) => at)).toEqual([900, 1100])
})

test('fingerprints since long ago come a few rows at a time: all of them would not fit into memory', () => {
  for (let i = 0; i < 500; i++) append(100 + i * 5, 1, { first: i + 1 })
  let most = 0
  const exec = sqlite.exec.bind(sqlite)
  sqlite.exec = (query, ...values) => {
    const result = exec(query, ...values)
    return { ...result, toArray: () => result.toArray().map((row, i) => ((most = Math.max(most, i + 1)), row)) }
  }
  const since = (at: number) => [...segments.printsSince(at)].map(([first]) => first)
  expect(since(0)).toEqual(Array.from({ length: 500 }, (_, i) => i + 1))
  expect([...segments.prints(0, 300)].map(({ prints: [first] }) => first)).toEqual(
    Array.from({ length: 300 }, (_, i) => i + 201),
  )
  expect(since(1600)).toEqual(Array.from({ length: 200 }, (_, i) => i + 301))
  expect(since(9_999)).toEqual([])
  expect(most).toBeLessThanOrEqual(64)
})

test('the time of an event is that of its row', () => {
  append(100, 3)
  append(1100, 3)
  expect([0, 2, 3, 5, 6].map((offset) => segments.timeOf(offset))).toEqual([100, 100, 1100, 1100, undefined])
})

test('a row above the limit of the platform is refused, and nothing of it stays', () => {
  append(100)
  expect(() => append(5000, 1, { bytes: 2_000_001 })).toThrow(RangeError)
  expect([segments.next, open().next]).toEqual([1, 1])
})

test('two logs of different names share a database', () => {
  const other = new Segments(sqlite.open(), { name: 'inbox', spanMs: span })
  append(100, 3)
  other.append({ count: 1, prints: new Uint8Array(8), data: new Uint8Array(1) }, 100)
  expect([open().next, other.next]).toEqual([3, 1])
})
