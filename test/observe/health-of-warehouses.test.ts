import { expect, test } from 'vitest'
import type { LoaderStatus } from '../../src/core/bindings.ts'
import { healthOf } from '../../src/observe/health.ts'
import { fakeEdge } from '../support/fake-edge.ts'
import { laneStatusOf, loaderStatusOf } from '../support/fake-status.ts'

/** Asks a deployment with one warehouse, `tables`, whose loader says `status`, or fails. */
function askHealth(status: Partial<LoaderStatus> | Error) {
  const { context } = fakeEdge({
    resolved: {
      targets: new Map([['tables', { kind: 'warehouse', name: 'tables', displayName: 'Tables', route: {} }]]),
    },
    bindings: {
      LANE: { getByName: (name: string) => ({ status: async () => laneStatusOf(name) }) },
      LOG: { getByName: () => ({ status: async () => ({}) }) },
      LOADER: {
        getByName: (name: string) => ({
          status: async () => {
            if (status instanceof Error) throw status
            return loaderStatusOf(name, status)
          },
        }),
      },
    },
  })
  return healthOf(context)
}

const wrongPassword = 'password authentication failed for user "sluiceway"'

test.each<[string, Partial<LoaderStatus>]>([
  ['has loaded all', {}],
  ['waits for its turn', { state: 'staged', stagedFiles: 1, oldestSeconds: 8 }],
  ['has failed once, for a reason that may mend itself', { state: 'staged', reason: 'CONNECTION_CLOSED' }],
])('a warehouse that %s is well', async (_what, status) => {
  expect(await askHealth(status)).toMatchObject({ status: 'UP', warehouses: { all: 1, stuck: 0 }, stuck: [] })
})

test.each<[string, Partial<LoaderStatus> | Error, object]>([
  [
    'fails',
    { state: 'failing', reason: wrongPassword, stagedFiles: 1, oldestSeconds: 8, nextAttemptAt: 1_000 },
    { state: 'failing', reason: wrongPassword, oldestSeconds: 8, nextAttemptAt: 1_000 },
  ],
  ['lags', { state: 'behind', oldestSeconds: 421 }, { state: 'behind', oldestSeconds: 421 }],
  ['has a loader that does not answer', new Error('the object is unavailable'), { state: 'unavailable' }],
])('a warehouse that %s degrades the health, which says why', async (_what, status, stuck) => {
  expect(await askHealth(status)).toMatchObject({
    status: 'DEGRADED',
    lanes: { stuck: 0 },
    warehouses: { all: 1, stuck: 1 },
    stuck: [{ target: 'tables', ...stuck }],
  })
})

test('a warehouse that is no longer in the config degrades the health while staging files wait for it', async () => {
  const ask = (status: Partial<LoaderStatus>) => {
    const lane = (name: string) => ({
      status: async () => laneStatusOf(name),
      layout: async () => ({ partitions: 1, targets: [{ name: 'lake', kind: 'warehouse', partitions: 1 }] }),
    })
    const { context } = fakeEdge({
      resolved: { targets: new Map() },
      bindings: {
        LANE: { getByName: lane },
        LOG: { getByName: () => ({ status: async () => ({}) }) },
        LOADER: { getByName: (name: string) => ({ status: async () => loaderStatusOf(name, status) }) },
      },
    })
    return healthOf(context)
  }
  expect(await ask({})).toMatchObject({ status: 'UP', lanes: { all: 2 }, warehouses: { all: 1, stuck: 0 } })
  const reason = '"lake" is no longer in the config, and 2 staging files wait for it: put it back to load them'
  expect(await ask({ stagedFiles: 2 })).toMatchObject({
    status: 'DEGRADED',
    warehouses: { all: 1, stuck: 1 },
    stuck: [{ target: 'lake', state: 'orphaned', reason }],
  })
  const table = { table: 'tracks', reason: 'denied', since: 1, tries: 1, events: 9, blocked: true, nextAttemptAt: 1 }
  const others = { waitingTables: [{ ...table, files: 3 }], stuckFiles: ['staging/lake/0/0-1'] }
  expect(await ask(others)).toMatchObject({
    status: 'DEGRADED',
    stuck: [
      { state: 'orphaned', reason: expect.stringContaining('3 files of rows for tables, 1 that could not be read') },
    ],
  })
})
