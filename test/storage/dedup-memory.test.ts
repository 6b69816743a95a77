import { expect, test } from 'vitest'
import { DedupWindow } from '../../src/storage/dedup-window.ts'
import { Segments } from '../../src/storage/segments.ts'
import { Sqlite } from '../support/sqlite.ts'

const dayMs = 86_400_000
const hourMs = 3_600_000

test(
  'a log of a million rows, all in a dedup window of a day, starts within 64 MB and knows the newest events',
  { timeout: 180_000 },
  () => {
    const sqlite = new Sqlite()
    const db = sqlite.open()
    let segments = new Segments(db, { name: 'log', spanMs: hourMs })
    // As many rows as twelve commits a second make in a day; made by SQL, because an append each would take a minute.
    const rows = 1_000_000
    for (let hour = 0; hour < 24; hour++) {
      segments.append({ count: 1, prints: new Uint8Array(8).fill(hour + 1), data: new Uint8Array(1) }, hour * hourMs)
      const each = Math.floor(rows / 24)
      db.run(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${each})
       INSERT INTO log_${hour} (offset, count, at, prints, data)
       SELECT (SELECT max(offset) FROM log_${hour}) + i, 1, ${hour * hourMs} + i * 86, randomblob(8), x'00' FROM n`,
      )
      // The next hour goes on where this one ended.
      segments = new Segments(db, { name: 'log', spanMs: hourMs })
    }
    const opened = new Segments(sqlite.open(), { name: 'log', spanMs: hourMs })
    let most = 0
    const exec = sqlite.exec.bind(sqlite)
    sqlite.exec = (query, ...values) => {
      const result = exec(query, ...values)
      most = Math.max(most, result.toArray().length)
      return result
    }
    const before = process.memoryUsage()
    const dedup = new DedupWindow(dayMs, 0)
    let read = 0
    let peak = 0
    for (const { at, prints } of opened.prints(0, dedup.capacity)) {
      for (let i = 0; i < prints.length; i += 2) dedup.add(prints[i] as number, prints[i + 1] as number, at)
      if (++read % 100_000 === 0) {
        const { heapUsed, arrayBuffers } = process.memoryUsage()
        peak = Math.max(peak, heapUsed + arrayBuffers - before.heapUsed - before.arrayBuffers)
      }
    }
    expect(read).toBeGreaterThan(990_000)
    expect(most, 'rows that are held at once').toBeLessThanOrEqual(64)
    expect(peak).toBeLessThan(64_000_000)
  },
)
