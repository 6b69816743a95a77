import { expect, test } from 'vitest'
import { codeIn, documentAt, filesOf, readSource, rowsIn, sectionOf } from '../support/documents.ts'

const errors = documentAt('docs/errors.md')
const firstCells = (heading: string): string[] =>
  rowsIn(sectionOf(errors, heading)).map(([cell = '']) => codeIn(cell).join())

const wordsIn = (text: string): string[] => Array.from(text.matchAll(/'(\w+)'/g), ([, word = '']) => word)
const codeOf = (...folders: string[]): string =>
  folders
    .flatMap((folder) => filesOf(`src/${folder}/**/*.ts`))
    .map(readSource)
    .join('\n')

const errorCodes = wordsIn(/type ErrorCode =([^]*?)\n\n/.exec(readSource('src/core/errors.ts'))?.[1] ?? '')
const rejections = wordsIn(/code: ('[^\n]+)/.exec(readSource('src/edge/validate-event.ts'))?.[1] ?? '')

test('every error code is described once, and no other', () => {
  expect(errorCodes.length).toBeGreaterThan(20)
  expect(firstCells('## All error codes').toSorted()).toEqual(errorCodes.toSorted())
})

test('the HTTP status of every error code is the one that is answered', () => {
  const answered = new Map<string, string>()
  for (const file of ['src/ingest/responses.ts', 'src/admin/responses.ts'])
    for (const [, code = '', status = ''] of readSource(file).matchAll(/^ {2}(\w+): (\d{3}),$/gm))
      answered.set(code, status)
  expect(answered.size).toBeGreaterThan(15)
  const documented = new Map(
    rowsIn(sectionOf(errors, '## All error codes')).map(([code = '', status = '']) => [codeIn(code).join(), status]),
  )
  for (const [code, status] of answered) expect([code, documented.get(code)]).toEqual([code, status])
  // See src/ingest/invalid-config.ts.
  expect(documented.get('config_invalid')).toBe('503')
  const others = errorCodes.filter((code) => !answered.has(code) && code !== 'config_invalid')
  for (const code of others) expect([code, documented.get(code)]).toEqual([code, expect.stringMatching(/^(–|500)$/)])
})

test('every reason to reject an event is described once, and no other', () => {
  expect(rejections.length).toBeGreaterThan(3)
  expect(firstCells('## Rejected events').toSorted()).toEqual(rejections.toSorted())
})

test('every code of a dead letter is described once, and no other', () => {
  const code = codeOf('edge', 'lanes', 'loading')
  const literals = Array.from(code.matchAll(/\bcode(?:: '|[^\n]*\?\? ')(\w+)'/g), ([, word = '']) => word)
  const unions = [
    /readonly code: ('[^\n]+)/.exec(readSource('src/lanes/exchange.ts'))?.[1] ?? '',
    /type SentCode = ('[^\n]+)/.exec(readSource('src/lanes/deliver.ts'))?.[1] ?? '',
  ]
  const lanes = [
    ...literals,
    ...unions.flatMap(wordsIn),
    ...wordsIn(/Map<string, ([^>]+)>/.exec(readSource('src/lanes/deliver.ts'))?.[1] ?? ''),
  ]
  const loader = ['mapping_failed', 'too_many_columns', 'warehouse_failed']
  const found = new Set([...lanes, ...loader, ...(code.includes('`http_${status}`') ? ['http_<status>'] : [])])
  // An event that is skipped becomes no letter.
  found.delete('skip')
  for (const rejection of rejections) found.delete(rejection)
  expect(firstCells('## Dead letters').toSorted()).toEqual([...found].toSorted())
})

/** What names a counter without its changing part: `dropped:<transform>` and `dropped:${transform}` are `dropped:*`. */
const patternOf = (name: string): string => name.replaceAll(/\$\{[^}]*\}|<[^>]+>/g, '*')

test('every counter is described, and no other', () => {
  const code = codeOf('edge', 'ingest', 'lanes')
  const counted = [
    ...code.matchAll(/\bcount\((?:\{ \[)?'([^'\n]+)'/g),
    ...code.matchAll(/\bcount\([^\n]*\? '([^'\n]+)' :/g),
    ...code.matchAll(/\bcount\((?:\{ \[)?`([^`\n]+)`/g),
    ...code.matchAll(/\bcount\([^\n]*: `([^`\n]+)`\)/g),
    ...code.matchAll(/\b(?:integrations|refused): `([^`\n]+)`/g),
    ...code.matchAll(/\bname = '(other)'/g),
  ].map(([, name = '']) => patternOf(name))
  const dropped = Array.from(code.matchAll(/#drop\('(\w+)'\)/g), ([, reason = '']) => `dropped:${reason}`)
  const patterns = new Set([...counted, ...dropped])
  expect(patterns.size).toBeGreaterThan(15)

  const documented = firstCells('## Counters').map(patternOf)
  expect(new Set(documented).size).toBe(documented.length)
  const covers = (pattern: string, name: string) =>
    pattern === name || (pattern === 'dropped:*' && /^dropped:\w+$/.test(name))
  expect([...patterns].filter((pattern) => !documented.includes(pattern))).toEqual([])
  expect(documented.filter((name) => ![...patterns].some((pattern) => covers(pattern, name)))).toEqual([])
})
