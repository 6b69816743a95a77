import { expect, test } from 'vitest'
import type { Bindings } from '../../src/core/bindings.ts'
import { stagedFilesOf } from '../../src/lanes/lane-origin.ts'

const bindingsOf = (status: () => Promise<unknown>): Bindings =>
  ({ LOADER: { getByName: () => ({ status }) } }) as unknown as Bindings

test('files of a removed warehouse are those that are staged, and those whose rows wait for a table', async () => {
  const waitingTables = [{ files: 3 }, { files: 1 }]
  expect(
    await stagedFilesOf(
      bindingsOf(async () => ({ stagedFiles: 0, waitingTables })),
      'tables',
    ),
  ).toBe(4)
  expect(
    await stagedFilesOf(
      bindingsOf(async () => ({ stagedFiles: 2, waitingTables: [] })),
      'tables',
    ),
  ).toBe(2)
})

test('a loader that does not answer has no files to tell of', async () => {
  const status = () => Promise.reject(new Error('Network connection lost.'))
  expect(await stagedFilesOf(bindingsOf(status), 'tables')).toBe(0)
})
