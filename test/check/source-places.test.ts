import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { withSourcePlaces } from '../../scripts/check/source-places.ts'

let root: string
let folder: string
let thrown: string

const files = {
  'src/config.ts':
    "import { keysOf } from './shop/keys.ts'\nexport default (env: { A?: string }) => keysOf(env.A as string)\n",
  'src/shop/keys.ts': 'export const keysOf = (text: string) =>\n  text.split(",")\n',
  'src/index.ts': "import config from './config.ts'\nconst configOf = config\nexport const run = () => configOf({})\n",
}

beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'sluiceway-places-')))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, name, '..'), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  // As buildWorker: written as a draft, and then moved.
  const draft = join(root, 'dist/drafts/one')
  folder = join(root, 'dist/worker/main/hash')
  const { outputFiles } = await build({
    entryPoints: [join(root, 'src/index.ts')],
    outfile: join(draft, 'index.js'),
    bundle: true,
    format: 'esm',
    minify: true,
    sourcemap: true,
    write: false,
  })
  mkdirSync(folder, { recursive: true })
  for (const { path, text } of outputFiles) writeFileSync(path.replace(draft, folder), text)
  const code = outputFiles.find(({ path }) => path.endsWith('.js'))?.text ?? ''
  const placeOf = (text: string) => `    at index.js:1:${code.indexOf(text) + 1}`
  // Where keys.ts splits, and where the entry, which is ours, calls the config.
  const places = [placeOf('split('), placeOf('({})')]
  thrown = ['The config could not be evaluated: no', ...places, 'env.A is not set.'].join('\n')
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

test('the places of a bundle are those of the files of users, without frames of ours', () => {
  const [first, ...places] = withSourcePlaces(thrown, { folder, root, home: join(root, 'elsewhere') }).split('\n')
  expect([first, ...places]).toEqual([
    'The config could not be evaluated: no',
    '    at src/shop/keys.ts:2:8',
    expect.stringMatching(/^ {4}at src\/index\.ts:3:\d+$/),
    'env.A is not set.',
  ])
  // Where all is ours, all is shown.
  expect(withSourcePlaces(thrown, { folder, root, home: root }).split('\n')).toEqual([first, ...places])
  // A folder of a user's own lies beside the package.
  expect(withSourcePlaces(thrown, { folder, root: join(root, 'src/shop'), home: join(root, 'src') })).toContain(
    '    at keys.ts:2:8',
  )
})

test('the places of a bundle stay as they are where there is no map of it', () => {
  expect(withSourcePlaces(thrown, { folder: root, root, home: root })).toBe(thrown)
})
