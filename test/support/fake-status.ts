import type { LaneStatus, LoaderStatus } from '../../src/core/bindings.ts'
import { createBill } from '../../src/core/billed.ts'

/**
 * Says what an idle lane says of itself.
 *
 * @param name of the lane, `webhook:0`; `tables` is the warehouse of the tests
 * @param more what is otherwise
 */
export function laneStatusOf(name: string, more: Partial<LaneStatus> = {}): LaneStatus {
  const cut = name.lastIndexOf(':')
  const target = name.slice(0, cut)
  return {
    target,
    partition: Number(name.slice(cut + 1)),
    kind: target === '@edge' ? 'edge' : target === 'tables' ? 'warehouse' : 'destination',
    state: 'idle',
    depth: 0,
    waiting: 0,
    oldestSeconds: 0,
    deadLetters: 0,
    counters: {},
    billed: createBill(),
    ...more,
  }
}

/** Says what a loader says of itself that has nothing to load. */
export const loaderStatusOf = (warehouse: string, more: Partial<LoaderStatus> = {}): LoaderStatus => ({
  warehouse,
  state: 'idle',
  stagedFiles: 0,
  stagedEvents: 0,
  oldestSeconds: 0,
  stuckFiles: [],
  tables: {},
  waitingTables: [],
  freshness: {},
  billed: createBill(),
  ...more,
})
