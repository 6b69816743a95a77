import { beforeEach, expect, test } from 'vitest'
import { GatheredLog } from '../../src/platform/gathered-log.ts'

let now: number
let lines: Record<string, unknown>[]
let levels: string[]
let log: GatheredLog
beforeEach(() => {
  now = Date.parse('2026-11-28T12:00:00Z')
  lines = []
  levels = []
  log = new GatheredLog({
    now: () => now,
    write: (level, line) => {
      levels.push(level)
      lines.push(JSON.parse(line) as Record<string, unknown>)
    },
  })
})

const die = (messageId: string, more: object = {}) =>
  log.log('error', 'an event is a dead letter', {
    target: 'webhook',
    partition: 0,
    code: 'http_400',
    messageId,
    ...more,
  })

test('every line of the log is JSON with time, level and message first, then its fields', () => {
  die('order-1843')
  expect(lines).toEqual([
    {
      time: '2026-11-28T12:00:00.000Z',
      level: 'error',
      message: 'an event is a dead letter',
      target: 'webhook',
      partition: 0,
      code: 'http_400',
      messageId: 'order-1843',
    },
  ])
  expect(Object.keys(lines[0] ?? {}).slice(0, 3)).toEqual(['time', 'level', 'message'])
  expect(levels).toEqual(['error'])
})

test('the first of many lines is written at once, the others as one line with their count when a minute is over', () => {
  for (let n = 1; n <= 500; n++) die(`order-${n}`)
  expect(lines.map(({ messageId, count }) => [messageId, count])).toEqual([['order-1', undefined]])
  now += 59_999
  log.flush()
  expect(lines).toHaveLength(1)
  now += 1
  log.flush()
  expect(lines.slice(1)).toMatchObject([{ time: '2026-11-28T12:01:00.000Z', messageId: 'order-500', count: 499 }])
  // Still the same trouble a minute later; and after a quiet minute it is news again.
  die('order-501')
  now += 60_000
  log.flush()
  now += 60_000
  log.flush()
  die('order-502')
  expect(lines.slice(2).map(({ messageId, count }) => [messageId, count])).toEqual([
    ['order-501', 1],
    ['order-502', undefined],
  ])
})

test('what was gathered is also written by the next line, whatever that is about', () => {
  die('order-1')
  die('order-2')
  now += 60_000
  log.log('info', 'a destination is back: all that waited is sent', { target: 'crm', partition: 0 })
  expect(lines.map(({ message, count }) => [message, count])).toEqual([
    ['an event is a dead letter', undefined],
    ['an event is a dead letter', 1],
    ['a destination is back: all that waited is sent', undefined],
  ])
})

test('lines of another target, partition, code, or reason where there is no code, are not gathered with the first', () => {
  die('order-1')
  die('order-1', { target: 'crm' })
  die('order-1', { partition: 1 })
  die('order-1', { code: 'http_413' })
  log.log('warn', 'a delivery failed; its events are tried again', { target: 'webhook', reason: 'HTTP 503' })
  log.log('warn', 'a delivery failed; its events are tried again', { target: 'webhook', reason: 'HTTP 500' })
  expect(lines).toHaveLength(6)
})

test('reasons that are all different do not grow without bound, and their number is told', () => {
  for (let n = 0; n < 5000; n++) log.log('error', 'a request failed', { reason: `no such order: ${n}` })
  expect(lines).toHaveLength(201)
  now += 60_000
  log.flush()
  expect(lines.slice(201)).toMatchObject([{ reason: 'no such order: 4999', count: 4799 }])
})

test('no field replaces time, level or message, and a text of any length makes no line longer than it need be', () => {
  log.log('warn', 'a request failed', {
    level: 'info',
    time: 'never',
    message: 'all is well',
    reason: 'x'.repeat(90_000),
  })
  expect(lines[0]).toMatchObject({ time: '2026-11-28T12:00:00.000Z', level: 'warn', message: 'a request failed' })
  expect(lines[0]?.['reason']).toBe(`${'x'.repeat(1000)}…`)
})
