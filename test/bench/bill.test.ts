import { expect, test } from 'vitest'
import { activeSeconds, billOf, type ObjectUsage, type Usage } from '../../scripts/bench/bill.ts'

const object = (name: string, used: Partial<ObjectUsage>): ObjectUsage => ({
  name,
  calls: 0,
  rowsWritten: 0,
  alarms: 0,
  r2Writes: 0,
  r2Reads: 0,
  d1RowsWritten: 0,
  ...used,
})

// 500 events per second for 100 s, one a request.
const usage: Usage = {
  events: 50_000,
  seconds: 100,
  workerRequests: 50_000,
  workerCpuMs: 25_000,
  objects: [
    object('log 0', { calls: 50_000, rowsWritten: 5_000 }),
    object('lane sink:0', { calls: 1_990, alarms: 10, rowsWritten: 100 }),
    object('lane tables:0', { calls: 2, r2Writes: 10, r2Reads: 5 }),
  ],
  stored: { bytes: 10_000_000, days: 6 },
  d1RowsWritten: 200_000,
}

const dollars = (about: string) => billOf(usage).parts.find((part) => part.about === about)?.dollars

test('a million events, one a request, cost a million requests to the Worker and to the log', () => {
  expect(dollars('Worker requests')).toBeCloseTo(0.3, 9)
  expect(dollars('requests to log 0')).toBeCloseTo(0.15, 9)
})

test('alarms of a Durable Object count as requests', () => {
  expect(dollars('requests to lane sink:0')).toBeCloseTo((2_000 / 50_000) * 0.15, 9)
})

test('rows written are billed for each object', () => {
  expect(dollars('rows written in log 0')).toBeCloseTo(0.1, 9)
  expect(dollars('rows written in lane sink:0')).toBeCloseTo(0.002, 9)
  expect(dollars('rows written in lane tables:0')).toBe(0)
})

test('CPU, R2 and what the log keeps are priced by their own units', () => {
  expect(dollars('Worker CPU, ms (at most)')).toBeCloseTo(0.01, 9)
  expect(dollars('writes to R2')).toBeCloseTo((10 / 50_000) * 4.5, 9)
  expect(dollars('reads from R2')).toBeCloseTo((5 / 50_000) * 0.36, 9)
  // 10 MB of 50,000 events are 0.2 GB of a million, kept for a fifth of a month.
  expect(dollars('GB-months of the log, kept 6 days')).toBeCloseTo(0.2 * 0.2 * 0.2, 9)
})

test('an object that is called every ten seconds is in memory all the time, another for ten seconds a call', () => {
  expect(activeSeconds(object('log 0', { calls: 10 }), 100)).toBe(100)
  expect(activeSeconds(object('loader tables', { calls: 2 }), 100)).toBe(20)
  // Two objects for 100 s and one for 20 s, 128 MB each, while 50,000 events came.
  expect(dollars('Durable Objects in memory, GB-s')).toBeCloseTo((220 * 0.128 * 20 * 12.5) / 1e6, 9)
})

test('the sum is that of its parts, and D1 comes on top of it', () => {
  const bill = billOf(usage)
  expect(bill.dollars).toBeCloseTo(
    bill.parts.reduce((sum, part) => sum + part.dollars, 0),
    9,
  )
  expect(bill.d1.dollars).toBeCloseTo(4, 9)
})

test('CPU that could not be measured costs nothing instead of spoiling the sum', () => {
  expect(billOf({ ...usage, workerCpuMs: Number.NaN }).dollars).toBeCloseTo(billOf(usage).dollars - 0.01, 9)
})
