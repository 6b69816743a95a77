import { expect, test } from 'vitest'
import { rememberTimes } from '../../src/streams/log/remember-times.ts'
import { Segments } from '../../src/storage/segments.ts'
import { Sqlite } from '../support/sqlite.ts'

const days = 86_400_000
const open = () => {
  const db = new Sqlite().open()
  const segments = new Segments(db, { name: 'log', spanMs: 3_600_000 })
  return { db, segments }
}
const times = { flushMs: 20, dedupMs: 600_000 }

test('a log that is not the stream any more keeps its events as long as it was told last', () => {
  const { db, segments } = open()
  segments.append({ count: 3, prints: new Uint8Array(24), data: new Uint8Array() }, 0)
  for (const segment of segments.segments) segments.drop(segment)
  expect(rememberTimes(db, { ...times, retentionMs: 7 * days })).toMatchObject({ retentionMs: 7 * days })
  expect(rememberTimes(db, undefined)).toEqual({ ...times, retentionMs: 7 * days })
  rememberTimes(db, { ...times, retentionMs: 3 * days, retentionBytes: 5_000_000 })
  expect(rememberTimes(db, undefined)).toEqual({ ...times, retentionMs: 3 * days, retentionBytes: 5_000_000 })
  rememberTimes(db, { ...times, retentionMs: 3 * days })
  expect(rememberTimes(db, undefined)).toEqual({ ...times, retentionMs: 3 * days })
  expect(new Segments(db, { name: 'log', spanMs: 3_600_000 }).next).toBe(3)
})

test('a log that was never told how long it keeps its events keeps them for a year', () => {
  expect(rememberTimes(open().db, undefined)).toMatchObject({ retentionMs: 365 * days })
})
