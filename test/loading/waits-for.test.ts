import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Bindings } from '../../src/core/bindings.ts'
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
const bindings = {
  LOADER: {
    getByName: () => ({ waitsFor: (_name: string, { offset }: { offset: number }) => loader.waitsFor(offset) }),
  },
} as unknown as Bindings

test('an event is staged until its file is loaded, with the error of the load that failed, and done from then on', async () => {
  await loader.stage('staging/tables/0/100-102', [order(1), order(2)])
  expect(await loadStateOf(bindings, ref, 101)).toEqual({ status: 'staged' })
  expect(await loadStateOf(bindings, ref, 102)).toEqual({ status: 'done' })
  await loader.setup({ after: { table: 'tracks', what: 'fail' } })
  await loader.load()
  expect(await loadStateOf(bindings, ref, 100)).toEqual({ status: 'staged', reason: 'the connection was lost' })
  expect(await loader.status()).toMatchObject({ stagedFiles: 1, lastLoad: { error: 'the connection was lost' } })
  await loader.setup({ aheadMs: 3_600_000 })
  expect(await loader.load()).toMatchObject({ files: 1 })
  expect(await loadStateOf(bindings, ref, 100)).toEqual({ status: 'done' })
})

test('an event whose loader does not answer is staged, and the trace says so', async () => {
  const silent = {
    LOADER: { getByName: () => ({ waitsFor: () => Promise.reject(new Error('the object is unavailable')) }) },
  } as unknown as Bindings
  expect(await loadStateOf(silent, ref, 100)).toEqual({
    status: 'staged',
    reason: 'the loader does not say whether it is loaded: the object is unavailable',
  })
})
