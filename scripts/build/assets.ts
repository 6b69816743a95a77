import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { headersFile, sdkAliases, sdkFolder } from '../../src/ingest/sdk-headers.ts'
import { freshHash, hashOf, writeRecord, writeWhole } from './record.ts'
import { sdkFiles, sdkPackages } from './sdk-files.ts'

const pages = 'src/console/assets'
const assets = 'dist/assets'

/**
 * Fills `dist/assets`: RudderStack's browser SDK with all of its plugins as one script that sets `window.rudderanalytics`
 * (calls that a page queued there before are kept), Segment's as it is published, their headers, and a copy of
 * `src/console/assets`.
 *
 * @param options `root` of the repository, and `say` for progress
 */
export async function buildAssets(options: {
  readonly root: string
  readonly say: (line: string) => void
}): Promise<void> {
  const { root } = options
  const record = join(root, 'dist/assets.json')
  const files = globSync(`${pages}/**/*`, { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
  const inputs = [
    'package-lock.json',
    'scripts/build/assets.ts',
    'scripts/build/sdk.ts',
    'scripts/build/sdk-files.ts',
    'scripts/build/keepalive.ts',
    'src/ingest/sdk-headers.ts',
    'src/ingest/beacon-name.ts',
    ...sdkPackages.map((name) => `node_modules/${name}/package.json`),
    ...files.toSorted(),
  ]
  const hash = hashOf(root, inputs)
  const there = [...Object.values(sdkAliases).map((name) => `${sdkFolder}/${name}`), '/_headers']
  if (there.every((path) => existsSync(join(root, assets, path))) && freshHash(root, record) === hash) return
  options.say('Building the browser SDKs and the pages …')
  const { build, stop } = await import('esbuild')
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['scripts/build/sdk.ts'],
    bundle: true,
    format: 'iife',
    target: 'es2022',
    minify: true,
    legalComments: 'inline',
    write: false,
    logLevel: 'error',
  })
  await stop()
  for (const { contents } of outputFiles)
    for (const file of sdkFiles({ root, rudder: contents })) writeWhole(join(root, assets, file.path), file.contents)
  writeWhole(join(root, assets, '_headers'), headersFile())
  for (const file of files) writeWhole(join(root, assets, relative(pages, file)), readFileSync(join(root, file)))
  writeRecord(record, { inputs, hash })
}
