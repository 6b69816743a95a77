import { describe, expect, test } from 'vitest'
import { conditionOf, type LoaderFacts, nextTurn } from '../../src/loading/condition.ts'

const now = Date.parse('2026-11-22T10:00:30.000Z')
const reason = 'password authentication failed for user "sluiceway"'

const ask = (more: Partial<LoaderFacts>) =>
  conditionOf({ stagedFiles: 0, oldestSeconds: 0, stuckFiles: [], now, everyMinutes: 1, ...more })

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
      { state: 'failing', reason: 'staging files that could not be read were set aside: 1' },
    ],
    ['whose files wait for seven minutes is behind', { stagedFiles: 3, oldestSeconds: 421 }, { state: 'behind' }],
    [
      'that loads once an hour is not behind after an hour',
      { stagedFiles: 3, oldestSeconds: 3_700, everyMinutes: 60 },
      { state: 'staged' },
    ],
  ])('a loader tells how it is doing: one %s', (_what, facts, condition) => {
    expect(ask(facts)).toEqual(condition)
  })
})

describe('the next turn of a warehouse', () => {
  const turn = (from: string | undefined, everyMinutes: number) =>
    new Date(nextTurn(now, from === undefined ? undefined : Date.parse(from), everyMinutes)).toISOString()

  test('the next turn of a warehouse is the next minute that everyMinutes divides', () => {
    expect(turn(undefined, 1)).toBe('2026-11-22T10:01:00.000Z')
    expect(turn(undefined, 60)).toBe('2026-11-22T11:00:00.000Z')
  })

  test('the next turn of a warehouse that is left alone comes after that', () => {
    expect(turn('2026-11-22T10:04:58.000Z', 1)).toBe('2026-11-22T10:05:00.000Z')
    expect(turn('2026-11-22T10:04:58.000Z', 30)).toBe('2026-11-22T10:30:00.000Z')
    expect(turn('2026-11-22T09:00:00.000Z', 1)).toBe('2026-11-22T10:01:00.000Z')
  })
})
