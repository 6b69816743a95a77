import { describe, expect, test } from 'vitest'
import type { DroppedSample } from '../../src/core/dropped.ts'
import { LaneStore } from '../../src/lanes/lane-store.ts'
import { Sqlite } from '../support/sqlite.ts'

const now = Date.parse('2026-11-28T10:00:00.000Z')
const byTransform = 'the transform "drop-bots" of the source "web" dropped it'
const sample = (messageIds: readonly string[], at = now): DroppedSample => ({
  reason: byTransform,
  at,
  source: 'web',
  messageIds,
})
const ids = (from: number, count: number) => Array.from({ length: count }, (_, i) => `visit-${from + i}`)

describe('what the lane of the edge remembers of dropped events', () => {
  test('a dropped event is told with its reason and time, before it is stored and after a restart', () => {
    const sqlite = new Sqlite()
    const store = new LaneStore(sqlite.open(), now)
    store.dropped.add([sample(['visit-1'])])
    store.count('dropped:drop-bots')
    const told = { status: 'dropped', reason: byTransform, at: now }
    expect(store.dropped.traceOf('web', 'visit-1')).toEqual(told)
    store.checkpoint(0, now)
    const later = new LaneStore(sqlite.open(), now + 1_000)
    expect(later.dropped.traceOf('web', 'visit-1')).toEqual(told)
    expect(later.dropped.traceOf('shop', 'visit-1')).toEqual({ status: 'unknown' })
  })

  test('an event that was dropped twice is told with the last reason', () => {
    const store = new LaneStore(new Sqlite().open(), now)
    store.dropped.add([
      sample(['visit-1']),
      { ...sample(['visit-1'], now + 5), reason: 'its user is on the suppression list' },
    ])
    expect(store.dropped.traceOf('web', 'visit-1')).toMatchObject({ reason: 'its user is on the suppression list' })
  })

  test('dropped events take 16 small rows at most, the newest 3,840 are told, and a second takes two rows at most', () => {
    const sqlite = new Sqlite()
    let store = new LaneStore(sqlite.open(), now)
    for (let i = 0; i < 40; i++) {
      if (i % 7 === 0) store = new LaneStore(sqlite.open(), now)
      store.dropped.add([sample(ids(i * 200, 200), now + i * 1_000)])
      store.count('dropped:drop-bots', 200)
      store.checkpoint(0, now + i * 1_000)
    }
    const rows = sqlite.exec("SELECT length(value) AS length FROM meta WHERE name GLOB 'dropped_*'").toArray()
    expect(rows.length).toBe(16)
    for (const { length } of rows) expect(Number(length)).toBeLessThan(8_000)
    expect(ids(8_000 - 3_000, 3_000).map((id) => store.dropped.traceOf('web', id).status)).not.toContain('unknown')
    expect(store.dropped.traceOf('web', 'visit-0')).toEqual({ status: 'unknown' })
  })

  test('the first 256 events that are dropped between two checkpoints are remembered, and no more', () => {
    const sqlite = new Sqlite()
    const store = new LaneStore(sqlite.open(), now)
    for (let i = 0; i < 10; i++) store.dropped.add([sample(ids(i * 100, 100))])
    store.count('dropped:drop-bots', 1_000)
    store.checkpoint(0, now)
    expect(sqlite.exec("SELECT name FROM meta WHERE name GLOB 'dropped_*'").toArray().length).toBe(1)
    expect(store.dropped.traceOf('web', 'visit-255').status).toBe('dropped')
    expect(store.dropped.traceOf('web', 'visit-256').status).toBe('unknown')
  })
})
