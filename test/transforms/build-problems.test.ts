import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildTransforms } from '../../scripts/build/transforms.ts'
import type { Transform } from '../../src/core/transform.ts'

const home = resolve(import.meta.dirname, '../..')
const root = mkdtempSync(join(tmpdir(), 'build-problems-'))
const event = 'def transformEvent(event, metadata):\n    return event\n'
const misnamed =
  'is not built: the name of a transform has letters, digits, "-" and "_", and ends with .ts, .js, .mjs or .py; give it another name'

/** Files that are no transforms, and what the config is told of each. */
const wrong: readonly (readonly [file: string, code: string, problem: string])[] = [
  [
    'nothing.js',
    'export const total = 7',
    'has neither transformEvent nor transformBatch among its exports; write "export function transformEvent(event, metadata) { … }"',
  ],
  [
    'empty.ts',
    '',
    'has neither transformEvent nor transformBatch among its exports; write "export function transformEvent(event, metadata) { … }"',
  ],
  [
    'by-default.js',
    'export default function transformEvent(event) { return event }',
    'has neither transformEvent nor transformBatch among its exports; write "export function transformEvent", without "default"',
  ],
  [
    'common.js',
    'module.exports = { transformEvent: (event) => event }',
    'has neither transformEvent nor transformBatch among its exports; it is CommonJS: write "export function" in place of "module.exports"',
  ],
  [
    'named-common.js',
    'exports.transformEvent = (event) => event',
    'has neither transformEvent nor transformBatch among its exports; it is CommonJS: write "export function" in place of "module.exports"',
  ],
  [
    'version-0.js',
    'function transform(events) { return events }',
    'has neither transformEvent nor transformBatch among its exports; where it is of RudderStack\'s version 0, add "export const transformBatch = transform"',
  ],
  [
    'both.js',
    'export const transformEvent = (event) => event\nexport const transformBatch = (events) => events',
    'has both transformEvent and transformBatch; a transform has one of them',
  ],
  ['My Score.js', 'export const transformEvent = (event) => event', misnamed],
  ['score.v2.js', 'export const transformEvent = (event) => event', misnamed],
  ['score.cjs', 'exports.transformEvent = (event) => event', misnamed],
  [
    'syntax.py',
    'def transformEvent(event, metadata)\n    return event\n',
    'does not build: SyntaxError: invalid syntax (transforms/syntax.py:1)',
  ],
  [
    'matches.py',
    `${event}    match event["event"]:\n        case "Order Completed":\n            return None\n`,
    'does not build: SyntaxError: invalid syntax (transforms/matches.py:3)',
  ],
  [
    'pandas-too.py',
    `import json, pandas as pd\n${event}`,
    "does not build: ImportError: no module named 'pandas' (transforms/pandas-too.py:1)",
  ],
  [
    'part.py',
    `from xml.etree import ElementTree\n${event}`,
    "does not build: ImportError: no module named 'xml' (transforms/part.py:1)",
  ],
  [
    'uses-broken.py',
    `from brokenOne import total\n${event}`,
    'does not build: SyntaxError: invalid syntax (transforms/libraries/broken-one.py:2)',
  ],
  [
    'waits.py',
    `async ${event}`,
    'does not build: transformEvent is async; write "def": what it asks for by requests is waited for',
  ],
  [
    'no-def.py',
    'def transform(event, metadata):\n    return event\n',
    'has neither transformEvent nor transformBatch; write "def transformEvent(event, metadata):"',
  ],
  [
    'both-defs.py',
    `${event}def transformBatch(events, metadata):\n    return events\n`,
    'has both transformEvent and transformBatch; a transform has one of them',
  ],
]

/** Python that only looks as if something were missing. */
const right: Readonly<Record<string, string>> = {
  'says-import.py': `"""\nimport pandas\nfrom pandas import frames\n"""\nimport json; import math  # and numpy\nfrom myHelpers import total\nimport collections.abc, re\n${event}`,
  'may-import.py': `try:\n    import orjson as json\nexcept ImportError:\n    import json\n${event}`,
}

beforeAll(async () => {
  mkdirSync(join(root, 'transforms/libraries'), { recursive: true })
  // As a folder of one's own has it.
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  const libraries = { 'my-helpers.py': 'def total():\n    return 1\n', 'broken-one.py': 'total = 1\ndef total(:\n' }
  for (const [name, code] of Object.entries(libraries)) writeFileSync(join(root, 'transforms/libraries', name), code)
  for (const [name, code] of [...wrong, ...Object.entries(right)]) writeFileSync(join(root, 'transforms', name), code)
  writeFileSync(join(root, 'transforms/score.test.ts'), '')
  await buildTransforms({ root, home, say: () => undefined, assets: join(root, 'assets') })
})
afterAll(() => rmSync(root, { recursive: true }))

const moduleOf = async (name: string): Promise<{ readonly inline: Transform; readonly isolated: Transform }> =>
  await import(/* @vite-ignore */ pathToFileURL(join(root, 'dist/transforms', `${name}.js`)).href)

describe('a file of transforms/ that is no transform', () => {
  test.each(wrong)('%s is a problem of the config that imports it, and says what to do', async (file, _, problem) => {
    const { inline, isolated } = await moduleOf(file.replace(/\.\w+$/, ''))
    expect([inline.problems, isolated.problems]).toEqual([
      [`transforms/${file} ${problem}`],
      [`transforms/${file} ${problem}`],
    ])
  })
  test.each(Object.keys(right))('%s only looks as if a module were missing, and is built', (file) => {
    const text = readFileSync(join(root, 'dist/transforms', file.replace('.py', '.js')), 'utf8')
    expect(text).toContain('inlineTransform(built')
  })
})
