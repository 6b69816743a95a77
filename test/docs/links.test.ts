import { existsSync } from 'node:fs'
import { dirname, join, posix, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { blocks, codeIn, type Document, documents } from '../support/documents.ts'

const root = resolve(import.meta.dirname, '../..')

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf({ prose }: Document): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of prose.matchAll(/^#+ (.+)$/gm)) {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-')
    let anchor = slug
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`
    anchors.add(anchor)
  }
  return anchors
}

test('there are documents, and they link each other', () => {
  expect(documents.map(({ file }) => file)).toEqual(
    expect.arrayContaining(['ARCHITECTURE.md', 'CONTRIBUTING.md', 'README.md', 'docs/errors.md']),
  )
})

test.each(documents)('every link of $file leads to a file and a heading that exist', (document) => {
  const broken: string[] = []
  for (const [, link = ''] of document.prose.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(link)) continue
    const [path = '', anchor] = link.split('#')
    const file = path === '' ? document.file : posix.join(dirname(document.file), path)
    const target = documents.find((one) => one.file === file)
    if (!existsSync(join(root, file))) broken.push(`${link}: there is no ${file}`)
    else if (anchor !== undefined && target !== undefined && !anchorsOf(target).has(anchor))
      broken.push(`${link}: ${file} has no heading for #${anchor}`)
  }
  expect(broken).toEqual([])
})

// The changelog tells of files that were.
const present = documents.filter(({ file }) => file !== 'CHANGELOG.md')
const isWritten = (path: string) => blocks.some((block) => block.path !== '' && block.path.startsWith(path))

test.each(present)('every file that $file names is in the repository, or in a code block', ({ prose }) => {
  const named = codeIn(prose).filter((code) =>
    /^(src|test|scripts|destinations|sources|transforms|docs|\.ci)\/[\w./-]*$/.test(code),
  )
  expect(named.filter((path) => !existsSync(join(root, path)) && !isWritten(path))).toEqual([])
})
