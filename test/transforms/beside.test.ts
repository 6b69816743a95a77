// Cases that lie beside transforms (transforms/<name>.test.json) are part of the tests. Programs beside them are run as they are.
import { relative, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { repository } from '../../scripts/build/repository.ts'
import { fileOf } from '../../scripts/transforms/load-transform.ts'
import { findTests, runTests } from '../../scripts/transforms/test-files.ts'

const root = resolve(import.meta.dirname, '../..')
const files = findTests(root).filter(({ kind }) => kind === 'cases')

test('files of cases beside transforms belong to a transform each', () => {
  expect(files.filter(({ name }) => fileOf(root, name) === undefined).map(({ file }) => relative(root, file))).toEqual(
    [],
  )
})

test.each(files)('the transform $name does what the cases beside it say', async (one) => {
  const { ok, text } = await runTests(repository, one)
  expect(ok, text).toBe(true)
})
