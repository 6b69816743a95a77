import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join, relative, resolve } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { publicImports } from '../../scripts/public-imports.ts'
import { publicNames } from '../../scripts/public-names.ts'
import { nodeModules } from '../support/node-modules.ts'

const root = resolve(import.meta.dirname, '../..')
const names = publicNames(root)
const listed = [...names.values()].map((path) => relative(root, path))

/** Files beside the drivers that are none. */
const helpers = new Set([
  'src/sources/identity-object.ts',
  'src/streams/append-leftovers.ts',
  'src/streams/limits.ts',
  'src/streams/partitions.ts',
  'src/streams/push-to-lanes.ts',
  'src/warehouses/identifier.ts',
  'src/warehouses/staging-bucket.ts',
  'src/warehouses/bucket-gathering.ts',
  'src/warehouses/few-at-once.ts',
  'src/warehouses/gzip-lines.ts',
  'src/warehouses/replace-within-days.ts',
  'src/warehouses/staging-prefix.ts',
  'src/warehouses/staging.ts',
  'src/warehouses/stored-columns.ts',
  'src/warehouses/hex-hash.ts',
  'src/warehouses/namespace.ts',
  'src/warehouses/row-identities.ts',
  'src/warehouses/query-limits.ts',
])
/** It makes destinations of a library's, and is none itself. */
const libraryName = 'sluiceway/destinations/library'

const folders = {
  destinations: 'destinations',
  fronts: 'src/fronts',
  sources: 'src/sources',
  streams: 'src/streams',
  transforms: 'transforms',
  warehouses: 'src/warehouses',
}

describe.each(Object.entries(folders))('public names of %s', (kind, folder) => {
  const files = globSync(`${folder}/*.ts`, { cwd: root }).filter((file) => !helpers.has(file))

  test('every file with a public name has the one that its file name lets expect, and nothing else has one', () => {
    // A file beside them that has no name is a user's.
    const ours = files.filter((file) => file.startsWith('src/') || listed.includes(file))
    const expected = ours.map((file) => [`sluiceway/${kind}/${basename(file, '.ts')}`, join(root, file)])
    const found = [...names].filter(([name]) => name.startsWith(`sluiceway/${kind}/`) && name !== libraryName)
    expect(found.toSorted()).toEqual(expected.toSorted())
    expect(found).not.toEqual([])
  })
})

test('every module in src/public has a name, and says at its top what the name is for', () => {
  // Types of what the build makes, under `imports` of package.json.
  const files = globSync('src/public/*.ts', { cwd: root }).filter((file) => !file.endsWith('/built-transform.ts'))
  for (const file of files) {
    const module = basename(file, '.ts')
    const name = module === 'worker' ? 'sluiceway' : `sluiceway/${module}`
    expect([name, names.get(name)]).toEqual([name, join(root, file)])
    expect(readFileSync(join(root, file), 'utf8')).toMatch(new RegExp(`^// \`${name}\`: .+\\.\n`))
  }
})

test('a file that has no name cannot be imported by one', () => {
  const { resolve: find } = createRequire(join(root, 'package.json'))
  const hidden = globSync('{src,destinations,transforms}/**/*.ts', { cwd: root }).filter(
    (file) => !listed.includes(file),
  )
  expect(hidden).toEqual(expect.arrayContaining([...helpers, 'src/streams/log/log-object.ts', 'src/core/json.ts']))
  const open = hidden
    .flatMap((file) => [file, file.replace('src/', '')])
    .flatMap((file) => [`sluiceway/${file}`, `sluiceway/${file.replace(/\.ts$/, '')}`])
    .filter((name) => {
      if (names.has(name)) return false
      try {
        return find(name) !== ''
      } catch (thrown) {
        return (thrown as { code?: string }).code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED'
      }
    })
  expect(open).toEqual([])
})

test('what users write imports public names alone, and nothing else does', () => {
  const judge = publicImports(root)
  expect(judge('src/config.ts', 'sluiceway/streams/log')).toBeUndefined()
  expect(judge('src/config.ts', '../destinations/chat.ts')).toBeUndefined()
  expect(judge('transforms/cents.ts', './rates.ts')).toBeUndefined()
  expect(judge('transforms/cents.js', '../lib/rates.js')).toBeUndefined()
  expect(judge('transforms/cents.js', '../src/core/json.ts')).toContain('not src/core/json.ts')
  expect(judge('destinations/chat.ts', '../src/core/json.ts')).toContain('not src/core/json.ts')
  expect(judge('destinations/chat.ts', 'sluiceway/core/json')).toContain('is not in "exports"')
  expect(judge('src/lanes/lane-object.ts', 'sluiceway/event')).toContain('by its path')
})

describe('a config elsewhere that uses every public name', () => {
  let folder = ''
  const compile = () => spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', '.'], { cwd: folder, encoding: 'utf8' })
  const bundle = () =>
    build({
      absWorkingDir: folder,
      entryPoints: ['config.ts'],
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'neutral',
      mainFields: ['module', 'main'],
      conditions: ['workerd'],
      external: ['cloudflare:*', 'node:*'],
      plugins: [nodeModules],
      logLevel: 'silent',
    })

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluiceway-names-'))
    mkdirSync(join(folder, 'node_modules'))
    symlinkSync(root, join(folder, 'node_modules/sluiceway'))
    symlinkSync(join(root, 'node_modules/@types'), join(folder, 'node_modules/@types'))
    const types = ['node', join(root, 'worker-configuration.d.ts')]
    const tsconfig = { extends: 'sluiceway/tsconfig.json', compilerOptions: { types }, include: ['config.ts'] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const write = (lines: readonly string[]) => writeFileSync(join(folder, 'config.ts'), lines.join('\n'))

  test('a config elsewhere that uses every public name compiles and is bundled from our files', async () => {
    write([
      ...[...names.keys()].map((name, i) => `import * as m${i} from '${name}'\nimport type {} from '${name}'`),
      `import { defineConfig } from 'sluiceway/config'`,
      `import { log } from 'sluiceway/streams/log'`,
      `export const all: object[] = [${[...names.keys()].map((_, i) => `m${i}`).join(', ')}]`,
      `export default defineConfig((env) => ({ stream: log(), sources: { web: { writeKey: env['KEY'] } } }))`,
    ])
    const { stdout, status } = compile()
    expect({ stdout, status }).toEqual({ stdout: '', status: 0 })
    const { metafile } = await bundle()
    const inputs = new Set(Object.keys(metafile.inputs).map((path) => resolve(folder, path)))
    expect(listed.filter((path) => !inputs.has(join(root, path)))).toEqual([])
  })

  test('a config elsewhere that uses every public name does not compile, nor is bundled, where it asks for a file that is ours', async () => {
    write([`import { assertWithin } from 'sluiceway/streams/limits'`, 'export default assertWithin'])
    expect(compile().stdout).toContain("Cannot find module 'sluiceway/streams/limits'")
    await expect(bundle()).rejects.toThrow('Could not resolve "sluiceway/streams/limits"')
  })
})
