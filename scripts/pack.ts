// `npm pack` runs this first (prepack). It fills dist/ with what the package holds beside its sources: the browser SDKs and the
// pages, the bridge, and JavaScript of what runs in Node, which runs no TypeScript below node_modules.
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build, type BuildOptions } from 'esbuild'
import { buildAssets } from './build/assets.ts'
import { buildBridge } from './build/bridge.ts'
import { repository } from './build/repository.ts'

const { root } = repository
const options: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.12',
  packages: 'external',
  logLevel: 'warning',
}

await buildAssets({ root, say: (line) => process.stderr.write(`${line}\n`) })
await buildBridge({ ...repository, say: (line) => process.stderr.write(`${line}\n`) })
await fill('dist/cli', { entryPoints: ['scripts/sluiceway.ts'] })
// What a transform, a destination or a source imports, for its tests. The Worker itself runs in workerd only.
const modules = globSync('src/public/*.ts', { cwd: root }).filter((file) => !file.endsWith('worker.ts'))
await fill('dist/node', { entryPoints: modules, splitting: true })

/** Fills a folder with what is built. What others may import just now is not gone for a moment: a file that stays is left alone. */
async function fill(folder: string, what: BuildOptions): Promise<void> {
  const { outputFiles } = await build({ ...options, ...what, outdir: folder, write: false })
  for (const { path, contents } of outputFiles) {
    if (bytesOf(path)?.equals(contents) === true) continue
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, contents)
  }
  const built = new Set(outputFiles.map(({ path }) => path))
  for (const file of globSync(`${folder}/**/*.js`, { cwd: root }))
    if (!built.has(join(root, file))) rmSync(join(root, file))
}

function bytesOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}
