// Cases that lie beside transforms (transforms/<name>.test.json) are part of the tests. Programs beside them are run as they are.
import { relative, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { repository } from '../../scripts/build/repository.ts'
import { readCases } from '../../scripts/transforms/cases.ts'
import { checkCase } from '../../scripts/transforms/check-case.ts'
import { fileOf, loadTransform } from '../../scripts/transforms/load-transform.ts'
import { findTests } from '../../scripts/transforms/test-files.ts'

const root = resolve(import.meta.dirname, '../..')
const files = findTests(root).filter(({ kind }) => kind === 'cases')

test('files of cases beside transforms belong to a transform each', () => {
  expect(files.filter(({ name }) => fileOf(root, name) === undefined).map(({ file }) => relative(root, file))).toEqual(
    [],
  )
})

for (const { name, file } of files)
  test.each(readCases(file))(`the transform ${name} does what the case beside it says: $name`, async (one) => {
    const { make } = await loadTransform(repository, fileOf(root, name) ?? '')
    expect(await checkCase(one, make)).toBeUndefined()
  })
