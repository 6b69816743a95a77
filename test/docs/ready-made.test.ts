// docs/ready-made-transforms.md says what the code of the ready-made transforms says.
import { basename, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { ourFiles } from '../../scripts/ours.ts'
import { codeIn, documentAt, filesOf, readSource, rowsIn, sectionOf } from '../support/documents.ts'

const page = documentAt('docs/ready-made-transforms.md')
const isOurs = ourFiles(resolve(import.meta.dirname, '../..'))
const files = filesOf('transforms/*.ts').filter(isOurs)

/** Settings that a file declares: members of `settings` two levels in, as the formatter writes them. */
const settingsOf = (file: string): string[] => {
  const [, declared = ''] = /\n {2}settings: \{\n([^]*?)\n {2}\},/.exec(readSource(file)) ?? []
  return Array.from(declared.matchAll(/^ {4}(\w+): \{/gm), ([, name = '']) => name)
}

test('every ready-made transform has a section with all of its settings, and no others, and is in the table', () => {
  expect(files.length).toBeGreaterThan(10)
  const listed = Array.from(page.prose.matchAll(/^\| \[([a-z-]+)\]\(#\1\)/gm), ([, name]) => name)
  expect(listed.toSorted()).toEqual(files.map((file) => basename(file, '.ts')).toSorted())
  for (const file of files) {
    const rows = rowsIn(sectionOf(page, `## ${basename(file, '.ts')}`))
    expect([file, rows.map(([cell = '']) => codeIn(cell).join())]).toEqual([file, settingsOf(file)])
  }
})
