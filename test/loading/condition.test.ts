import { describe, expect, test } from 'vitest'
import type { WaitingTable } from '../../src/core/sync.ts'
import { conditionOf, type LoaderFacts } from '../../src/loading/condition.ts'

const now = Date.parse('2026-11-22T10:00:30.000Z')
const reason = 'password authentication failed for user "sluiceway"'

const waiting = (table: string, seconds: number): WaitingTable => ({
  table,
  reason: 'permission denied',
  since: now - seconds * 1_000,
  tries: 1,
  files: 1,
  events: 2,
  blocked: true,
  nextAttemptAt: now,
})

const ask = (more: Partial<LoaderFacts>) =>
  conditionOf({
    stagedFiles: 0,
    oldestSeconds: 0,
    stuckFiles: [],
    waitingTables: [],
    now,
    schedule: { everyMinutes: 1 },
    ...more,
  })

describe('a loader', () => {
  test.each<[string, Partial<LoaderFacts>, ReturnType<typeof conditionOf>]>([
    ['that has loaded all is idle', {}, { state: 'idle' }],
    ['with a file that waits has staged it', { stagedFiles: 1, oldestSeconds: 50 }, { state: 'staged' }],
    [
      'that failed once, for a reason that time does not mend, fails',
      { stagedFiles: 1, failure: { since: now, reason, lasting: true } },
      { state: 'failing', reason },
    ],
    [
      'that failed a minute ago, for a reason that may mend itself, has staged its files and says why',
      { stagedFiles: 1, failure: { since: now - 60_000, reason: 'CONNECTION_CLOSED', lasting: false } },
      { state: 'staged', reason: 'CONNECTION_CLOSED' },
    ],
    [
      'that has failed for 90 s fails, whatever the reason',
      { stagedFiles: 1, failure: { since: now - 90_000, reason: 'CONNECTION_CLOSED', lasting: false } },
      { state: 'failing', reason: 'CONNECTION_CLOSED' },
    ],
    ['whose error is of long ago is idle', { failure: { since: 0, reason, lasting: true } }, { state: 'idle' }],
    [
      'that set files aside fails',
      { stuckFiles: ['staging/tables/0/0-10'] },
      {
        state: 'failing',
        reason: 'files that could not be read were set aside: 1. GET /admin/warehouses/:name/unreadable lists them',
      },
    ],
    ['whose files wait for seven minutes is behind', { stagedFiles: 3, oldestSeconds: 421 }, { state: 'behind' }],
    [
      'that loads once an hour is not behind after an hour',
      { stagedFiles: 3, oldestSeconds: 3_700, schedule: { everyMinutes: 60 } },
      { state: 'staged' },
    ],
    [
      'that is left alone for eight hours of the night is not behind in the morning',
      {
        stagedFiles: 3,
        oldestSeconds: 8 * 3_600,
        schedule: { everyMinutes: 1, excludeWindow: { start: '22:00', end: '06:00' } },
      },
      { state: 'staged' },
    ],
    [
      'with a table that has refused rows for 90 s fails, and says which',
      { waitingTables: [waiting('tracks', 20), waiting('order_completed', 90)] },
      { state: 'failing', reason: 'rows wait for the table "order_completed", and 1 more: permission denied' },
    ],
    [
      'with a table that has refused rows for 20 s is idle',
      { waitingTables: [waiting('tracks', 20)] },
      { state: 'idle' },
    ],
  ])('a loader tells how it is doing: one %s', (_what, facts, condition) => {
    expect(ask(facts)).toEqual(condition)
  })
})
