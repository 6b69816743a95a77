import { basename } from 'node:path'
import { expect, test } from 'vitest'
import { codeIn, documentAt, filesOf, readSource, rowsIn, sectionOf } from '../support/documents.ts'

const architecture = documentAt('ARCHITECTURE.md')

/** What a folder may import, beside core and itself. */
interface Rule {
  readonly folders: readonly string[]
  readonly packages: string
}

const quoted = (text: string): string[] => Array.from(text.matchAll(/'([^']+)'/g), ([, name = '']) => name)

/** The table in scripts/check-imports.ts, which cannot be imported: it checks as it loads. */
function rulesOfTheCheck(): Map<string, Rule> {
  const [, table = ''] = /const rules: [^=]+= \{\n([^]*?)\n\}/.exec(readSource('scripts/check-imports.ts')) ?? []
  return new Map(
    Array.from(table.matchAll(/^ {2}'?([\w/]+)'?: \{([^}]*)\}/gm), ([, folder = '', rule = '']) => {
      const [, may = ''] = /may: \[([^\]]*)\]/.exec(rule) ?? []
      const packages = /packages: \[([^\]]*)\]/.exec(rule)?.[1]
      const named = packages === undefined ? undefined : quoted(packages)
      const open = rule.includes('hono: true') ? 'any' : 'any but hono'
      return [folder, { folders: quoted(may), packages: named === undefined ? open : named.join(', ') || 'none' }]
    }),
  )
}

test('the table of imports says what scripts/check-imports.ts checks', () => {
  const rows = rowsIn(sectionOf(architecture, '## Who may import whom'))
  const documented = new Map(
    rows.map(([folder = '', may = '', packages = '']): [string, Rule] => [
      codeIn(folder).join(),
      { folders: codeIn(may), packages: packages.replaceAll('`', '') },
    ]),
  )
  const rules = rulesOfTheCheck()
  expect(rules.size).toBeGreaterThan(20)
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(rules))
})

test('every Durable Object is listed once, with its binding', () => {
  const rows = rowsIn(sectionOf(architecture, '## Durable state')).filter(([file = '']) => file.includes('-object.ts'))
  const files = filesOf('src/**/*-object.ts')
  expect(rows.map(([file = '']) => codeIn(file).join()).toSorted()).toEqual(files)

  const bound = Array.from(
    readSource('wrangler.toml').matchAll(/durable_objects\.bindings\]\]\nname = "(\w+)"/g),
    ([, name = '']) => name,
  )
  expect(rows.map(([, binding = '']) => codeIn(binding).join()).toSorted()).toEqual(bound.toSorted())
})

test('every key prefix of R2 that is listed is in the code', () => {
  // That no other is written is looked at with docs/storage.md.
  const rows = rowsIn(sectionOf(architecture, '## Durable state')).filter(([key = '']) => !key.includes('-object.ts'))
  const code = filesOf('src/**/*.ts').map(readSource).join('\n')
  expect(rows.length).toBeGreaterThan(4)
  const gone = rows
    .map(([cell = '']) => codeIn(cell).join())
    .filter((key) => !new RegExp(`['\`]${key}(?!<)`).test(code))
  expect(gone).toEqual([])
})

test('every promise names a test', () => {
  const rows = rowsIn(sectionOf(architecture, '## Promises'))
  expect(rows.length).toBeGreaterThan(8)
  // That the files exist is looked at with all other names of files.
  for (const [promise, tests = ''] of rows)
    expect([promise, codeIn(tests).filter((file) => /^test\/.+\.ts$/.test(file)).length]).not.toEqual([promise, 0])
})

test('every folder of the code is in the table of imports or in the picture', () => {
  const folders = filesOf('src/*/*.ts').map((file) => file.split('/').slice(0, 2).join('/'))
  for (const folder of new Set(folders)) expect(architecture.text, basename(folder)).toContain(`\`${folder}\``)
})
