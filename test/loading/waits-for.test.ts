import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Bindings, StagedPlaceQuery } from '../../src/core/bindings.ts'
import { loadStateOf } from '../../src/lanes/load-state.ts'
import { plainOrder } from '../support/sample-events.ts'
import { type LoaderHarness, startLoader } from './loader-harness.ts'

let loader: LoaderHarness
beforeAll(async () => {
  loader = await startLoader()
}, 60_000)
afterAll(() => loader.stop())

const order = (n: number) => plainOrder(`order-${n}`, { receivedAt: '2026-11-22T10:00:00.000Z' })
const ref = { target: 'tables', partition: 0 }
const at = (offset: number) => ({ id: `order-${offset}`, source: 'shop', offset })
const bindings = {
  LOADER: {
    getByName: () => ({ waitsFor: (_name: string, event: StagedPlaceQuery) => loader.waitsFor(event) }),
  },
} as unknown as Bindings

test('an event is staged until its file is loaded, with the error of the load that failed, and done from then on', async () => {
  await loader.stage('staging/tables/0/100-102', [order(1), order(2)])
  const nextAttemptAt = expect.any(Number)
  expect(await loadStateOf(bindings, ref, at(101))).toEqual({ status: 'staged', nextAttemptAt })
  expect(await loadStateOf(bindings, ref, at(102))).toEqual({ status: 'done' })
  await loader.setup({ after: { table: 'tracks', what: 'fail' } })
  await loader.load()
  expect(await loadStateOf(bindings, ref, at(100))).toEqual({
    status: 'staged',
    reason: 'the connection was lost',
    nextAttemptAt,
  })
  expect(await loader.status()).toMatchObject({ stagedFiles: 1, lastLoad: { error: 'the connection was lost' } })
  await loader.setup({ aheadMs: 3_600_000 })
  expect(await loader.load()).toMatchObject({ files: 1 })
  expect(await loadStateOf(bindings, ref, at(100))).toEqual({ status: 'done' })
})

test('an event whose loader does not answer is staged, and the trace says so', async () => {
  const silent = {
    LOADER: { getByName: () => ({ waitsFor: () => Promise.reject(new Error('the object is unavailable')) }) },
  } as unknown as Bindings
  expect(await loadStateOf(silent, ref, at(100))).toEqual({
    status: 'staged',
    reason: 'the loader does not say whether it is loaded: the object is unavailable',
  })
})

test('a replayed letter is staged until its own file is loaded, and another source knows nothing of it', async () => {
  const letter = { id: 'order-7', source: 'shop' }
  const file = await loader.stage('staging/tables/0/replay-1', [order(7)])
  await loader.setup({ aheadMs: 7_200_000 })
  await loader.load()
  await loader.register({ ...file, key: 'staging/tables/0/replay-2', replayed: letter })
  // The lane of its event knows the offset, the lane of the letter does not.
  expect(await loadStateOf(bindings, { ...ref, partition: 2 }, { ...letter, offset: 4 })).toMatchObject({
    status: 'staged',
  })
  expect(await loadStateOf(bindings, ref, letter)).toMatchObject({ status: 'staged' })
  expect(await loadStateOf(bindings, { ...ref, partition: 2 }, letter)).toEqual({ status: 'unknown' })
  expect(await loadStateOf(bindings, ref, { ...letter, source: 'app', offset: 4 })).toEqual({ status: 'done' })
})

test('an event whose file was set aside is staged for good, and the trace says why', async () => {
  for (let i = 0; i < 6; i++) await loader.load({ now: true })
  expect(await loader.status()).toMatchObject({ state: 'failing', stuckFiles: ['staging/tables/0/replay-2'] })
  expect(await loadStateOf(bindings, ref, { id: 'order-7', source: 'shop', offset: 4 })).toEqual({
    status: 'staged',
    reason: 'its staging file could not be read and was set aside',
  })
})
