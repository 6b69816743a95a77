import { expect, test } from 'vitest'
import { codeIn, documentAt, filesOf, readSource, rowsIn, sectionOf } from '../support/documents.ts'

/**
 * Where lines are made or passed on, not logged; where a stack is for the terminal of `wrangler dev`, which reads no JSON; and
 * where marks are for `npm start`, which takes them out.
 */
const makers = new Set([
  'src/platform/real-port.ts',
  'src/platform/gathered-log.ts',
  'src/platform/stack-port.ts',
  'src/platform/watched-transforms.ts',
])

const calls = filesOf('src/**/*.ts')
  .filter((file) => !makers.has(file))
  .flatMap((file) =>
    Array.from(
      readSource(file).matchAll(/[pP]ort\.log\(\s*([^]*?),\s*([^]*?)[,)]/g),
      ([, level = '', message = '']) => ({
        file,
        level,
        message,
      }),
    ),
  )

const documented = new Map(
  rowsIn(sectionOf(documentAt('docs/errors.md'), '## Log lines'))
    .filter(([first = '']) => / /.test(codeIn(first).join()))
    .map(([message = '', level = '']) => [codeIn(message).join(), codeIn(level)]),
)

test('every line of the log has one message that never varies, so that it can be looked up and searched for', () => {
  expect(calls.length).toBeGreaterThan(30)
  for (const { file, message } of calls) expect([file, message]).toEqual([file, expect.stringMatching(/^'[^'$]+'$/)])
})

test('every line of the log is described once, with its level, and no other', () => {
  const messages = new Set(calls.map(({ message }) => message.slice(1, -1)))
  expect([...documented.keys()].toSorted()).toEqual([...messages].toSorted())
  for (const { level, message } of calls) {
    const levels = documented.get(message.slice(1, -1)) ?? []
    if (/^'\w+'$/.test(level))
      expect([message, levels]).toEqual([message, expect.arrayContaining([level.slice(1, -1)])])
    else expect([message, levels.length]).toEqual([message, 2])
  }
})

test('nothing in src logs past the port, where a line would have no time and would not be gathered', () => {
  const direct = filesOf('src/**/*.ts').filter(
    (file) => !makers.has(file) && /^(?! *\*).*\bconsole[.[]/m.test(readSource(file)),
  )
  expect(direct).toEqual([])
})

test.each(['wrangler.toml', 'template/wrangler.toml'])('%s throws no line of the log away', (file) => {
  expect(/^head_sampling_rate = (.+)$/m.exec(readSource(file))?.[1]).toBe('1')
})
