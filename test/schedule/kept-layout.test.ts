import { describe, expect, test } from 'vitest'
import type { LaneStatus, LogStatus } from '../../src/core/bindings.ts'
import type { Layout } from '../../src/core/layout.ts'
import { keptLayout } from '../../src/schedule/kept-layout.ts'
import { laneStatusOf } from '../support/fake-status.ts'
import { now } from '../support/fake-context.ts'

const days = 86_400_000
const hook = (partitions: number) => ({ name: 'hook', kind: 'destination', partitions }) as const
const crm = (partitions: number) => ({ name: 'crm', kind: 'destination', partitions }) as const
const logOf = (partition: number, first: number, head: number) => ({ partition, first, head }) as LogStatus
const quiet = (name: string, more: Partial<LaneStatus> = {}) =>
  laneStatusOf(name, { changedAt: now - 15 * days, ...more })

const asked: Layout = { partitions: 1, targets: [hook(1)] }
const known: Layout = { partitions: 3, targets: [hook(3), crm(1)] }
const kept = (logs: readonly LogStatus[], lanes: readonly LaneStatus[]) =>
  keptLayout(known, asked, { logs, lanes, now })

describe('what the sweep still looks after of earlier configs', () => {
  test('what does not answer is kept, and what the config asks for is never forgotten', () => {
    expect(kept([], [])).toEqual(known)
    const all = [logOf(0, 0, 0), logOf(1, 5, 5), logOf(2, 7, 7)]
    const lanes = ['hook:0', 'hook:1', 'hook:2', 'crm:0'].map((name) => quiet(name))
    expect(kept(all, lanes)).toEqual(asked)
  })

  test('a partition of the log is kept until it is empty, and so are those below it', () => {
    expect(kept([logOf(1, 5, 5), logOf(2, 6, 7)], []).partitions).toBe(3)
    expect(kept([logOf(1, 4, 5), logOf(2, 7, 7)], []).partitions).toBe(2)
  })

  test('a partition of the log is kept while R2 holds events of it for a lane', () => {
    expect(kept([{ ...logOf(2, 7, 7), overdue: true }], []).partitions).toBe(3)
    expect(kept([logOf(2, 7, 7)], []).partitions).toBe(2)
  })

  test.each<[string, Partial<LaneStatus>]>([
    ['has events', { depth: 1 }],
    ['has events that are retried', { depth: 1, waiting: 1 }],
    ['has dead letters', { deadLetters: 1 }],
    ['delivered something within 14 days', { changedAt: now - 13 * days }],
  ])('a lane above the number of partitions is kept while it %s', (_why, more) => {
    expect(kept([], [quiet('hook:2', more)]).targets).toEqual([hook(3), crm(1)])
    expect(kept([], [quiet('hook:2')]).targets).toEqual([hook(2), crm(1)])
  })

  test('a lane whose target is gone is kept for 14 days, whatever it has', () => {
    expect(kept([], [quiet('crm:0', { orphanedAt: now - 13 * days })]).targets).toContainEqual(crm(1))
    expect(kept([], [quiet('crm:0', { orphanedAt: now - 14 * days })]).targets).toEqual([hook(3)])
  })
})
