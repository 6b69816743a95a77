import { basename } from 'node:path'
import { expect, test } from 'vitest'
import { codeIn, documentAt, filesOf, sectionOf } from '../support/documents.ts'

test('every webhook source is in the list of vendors, and no other', () => {
  const sources = filesOf('src/sources/*.ts')
    .map((file) => basename(file, '.ts'))
    .filter((name) => name !== 'identity-object' && name !== 'kafka')
  const [list = ''] = sectionOf(documentAt('docs/webhooks.md'), '## Vendors').trim().split('\n\n').slice(-1)
  expect(codeIn(list).toSorted()).toEqual(sources.toSorted())
})
