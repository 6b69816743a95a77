import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { freshHash, hashOf, writeRecord, writeWhole } from './record.ts'

const pages = 'src/console/assets'
const sdk = 'dist/assets/sdk/rudder-analytics.min.js'

/**
 * Fills `dist/assets`: RudderStack's browser SDK with all of its plugins as one script that sets `window.rudderanalytics`
 * (calls that a page queued there before are kept), and a copy of `src/console/assets`.
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
    'node_modules/@rudderstack/analytics-js/package.json',
    ...files.toSorted(),
  ]
  const hash = hashOf(root, inputs)
  if (existsSync(join(root, sdk)) && freshHash(root, record) === hash) return
  options.say('Building the browser SDK and the pages …')
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
  for (const output of outputFiles) writeWhole(join(root, sdk), output.contents)
  for (const file of files) writeWhole(join(root, 'dist/assets', relative(pages, file)), readFileSync(join(root, file)))
  writeRecord(record, { inputs, hash })
}
