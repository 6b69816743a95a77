import { describe, expect, test } from 'vitest'
import { lastTurn, nextSync, outsideWindow, type SyncSchedule, turnAfter } from '../../src/loading/sync-schedule.ts'

const at = (time: string) => Date.parse(`2026-11-22T${time}:00.000Z`)
const text = (time: number) => new Date(time).toISOString().slice(8, 16)

/** The turns of a day, and the first one of the next. */
function turnsOf(schedule: SyncSchedule): string[] {
  const turns: string[] = []
  for (let time = at('00:00') - 1; time < at('23:59');) {
    time = turnAfter(schedule, time)
    expect(lastTurn(schedule, time)).toBe(time)
    expect(lastTurn(schedule, time + 59_999)).toBe(time)
    turns.push(text(time))
  }
  return turns
}

describe('turns', () => {
  test.each<[string, SyncSchedule, string[]]>([
    ['six hours', { everyMinutes: 360 }, ['22T00:00', '22T06:00', '22T12:00', '22T18:00', '23T00:00']],
    [
      'six hours from 02:30 on',
      { everyMinutes: 360, syncStartAt: '02:30' },
      ['22T02:30', '22T08:30', '22T14:30', '22T20:30', '23T02:30'],
    ],
    [
      'six hours from 20:30 on, which is also before',
      { everyMinutes: 360, syncStartAt: '20:30' },
      ['22T02:30', '22T08:30', '22T14:30', '22T20:30', '23T02:30'],
    ],
    [
      'seven hours from 02:00 on, and each day anew',
      { everyMinutes: 420, syncStartAt: '02:00' },
      ['22T02:00', '22T09:00', '22T16:00', '22T23:00', '23T02:00'],
    ],
    ['a day from 23:15 on', { everyMinutes: 1_440, syncStartAt: '23:15' }, ['22T23:15', '23T23:15']],
  ])('turns are those of every %s', (_what, schedule, turns) => {
    expect(turnsOf(schedule)).toEqual(turns)
  })

  test('turns of a week are a week apart, at the time that was given', () => {
    const schedule = { everyMinutes: 10_080, syncStartAt: '04:00' }
    const first = turnAfter(schedule, at('00:00'))
    expect(text(first).slice(2)).toBe('T04:00')
    expect(turnAfter(schedule, first) - first).toBe(7 * 86_400_000)
  })

  test('turns of a day end with the day: what comes behind midnight is the first turn of the next one', () => {
    const schedule = { everyMinutes: 719, syncStartAt: '01:02' }
    expect(text(turnAfter(schedule, at('14:00')))).toBe('23T01:02')
    for (const everyMinutes of [7, 13, 719, 1_439])
      for (let start = 0; start < 1_440; start += 61) {
        const turns = { everyMinutes, syncStartAt: new Date(start * 60_000).toISOString().slice(11, 16) }
        const next = turnAfter(turns, at('23:59'))
        expect([turns, lastTurn(turns, next), lastTurn(turns, next - 60_000) < next]).toEqual([turns, next, true])
      }
  })

  test('turns in the exclude window are made up for at its end, over midnight, too', () => {
    const day = { everyMinutes: 60, excludeWindow: { start: '09:00', end: '17:30' } }
    expect(text(outsideWindow(day, at('08:59')))).toBe('22T08:59')
    expect(text(outsideWindow(day, at('09:00')))).toBe('22T17:30')
    expect(text(outsideWindow(day, at('17:29')))).toBe('22T17:30')
    expect(text(outsideWindow(day, at('17:30')))).toBe('22T17:30')
    const night = { everyMinutes: 60, excludeWindow: { start: '22:00', end: '06:00' } }
    expect(text(outsideWindow(night, at('23:10')))).toBe('23T06:00')
    expect(text(outsideWindow(night, at('00:00')))).toBe('22T06:00')
    expect(text(outsideWindow(night, at('06:00')))).toBe('22T06:00')
  })
})

describe('the next sync', () => {
  const next = (schedule: SyncSchedule, isDue: boolean, from?: string) =>
    text(nextSync(schedule, { now: at('10:00') + 30_000, isDue, from: from === undefined ? undefined : at(from) }))

  test('the next sync is the next turn, or the next minute where a turn is not at its end', () => {
    expect(next({ everyMinutes: 1 }, false)).toBe('22T10:01')
    expect(next({ everyMinutes: 60 }, false)).toBe('22T11:00')
    expect(next({ everyMinutes: 60 }, true)).toBe('22T10:01')
    expect(next({ everyMinutes: 60, syncStartAt: '00:20' }, false)).toBe('22T10:20')
  })

  test('the next sync comes after the time until which the warehouse is left alone, and after the exclude window', () => {
    expect(next({ everyMinutes: 60 }, true, '10:05')).toBe('22T10:05')
    expect(next({ everyMinutes: 60 }, false, '11:01')).toBe('22T12:00')
    const excludeWindow = { start: '10:01', end: '10:45' }
    expect(next({ everyMinutes: 1, excludeWindow }, true)).toBe('22T10:45')
    expect(next({ everyMinutes: 15, excludeWindow }, false)).toBe('22T10:45')
  })
})
