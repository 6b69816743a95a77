import { expect, test } from 'vitest'
import type { LoaderStatus } from '../../src/core/bindings.ts'
import { healthOf } from '../../src/observe/health.ts'
import { fakeEdge } from '../support/fake-edge.ts'
import { laneStatusOf, loaderStatusOf } from '../support/fake-status.ts'

/** Asks a deployment with one warehouse, `tables`, whose loader says `status`, or fails. */
function askHealth(status: Partial<LoaderStatus> | Error, everyMinutes?: number) {
  const route = everyMinutes === undefined ? {} : { everyMinutes }
  const { context } = fakeEdge({
    resolved: { targets: new Map([['tables', { kind: 'warehouse', name: 'tables', displayName: 'Tables', route }]]) },
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

const failed = { files: 0, events: 0, rows: 0, discards: 0, at: 0, ms: 12 }
const wrongPassword = 'password authentication failed for user "sluiceway"'

test('a warehouse that loads is well, also with an error of long ago', async () => {
  expect(await askHealth({})).toMatchObject({ status: 'UP', warehouses: { all: 1, stuck: 0 }, stuck: [] })
  const old = { lastLoad: { ...failed, error: wrongPassword } }
  expect(await askHealth(old)).toMatchObject({ status: 'UP' })
})

test.each<[string, Partial<LoaderStatus> | Error, object]>([
  [
    'has a wrong password',
    { stagedFiles: 1, oldestSeconds: 8, lastLoad: { ...failed, error: wrongPassword } },
    { state: 'failing', reason: wrongPassword, oldestSeconds: 8 },
  ],
  [
    'has files that were set aside',
    { stuckFiles: ['staging/tables/0/0-10'] },
    { state: 'failing', reason: 'staging files that could not be read were set aside: 1' },
  ],
  ['lags', { stagedFiles: 3, oldestSeconds: 421 }, { state: 'behind', oldestSeconds: 421 }],
  ['has a loader that does not answer', new Error('the object is unavailable'), { state: 'unavailable' }],
])('a warehouse that %s degrades the health, which says why', async (_what, status, stuck) => {
  expect(await askHealth(status)).toMatchObject({
    status: 'DEGRADED',
    lanes: { stuck: 0 },
    warehouses: { all: 1, stuck: 1 },
    stuck: [{ target: 'tables', ...stuck }],
  })
})

test('files that wait for a load once an hour do not lag', async () => {
  expect(await askHealth({ stagedFiles: 3, oldestSeconds: 3_700 }, 60)).toMatchObject({ status: 'UP' })
})
