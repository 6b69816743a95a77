// `npm pack` runs this first (prepack). It fills dist/ with what the package holds beside its sources: the browser SDKs and the
// pages, the bridge, and JavaScript of what runs in Node, which runs no TypeScript below node_modules.
import { globSync, rmSync } from 'node:fs'
import { join } from 'node:path'
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
for (const folder of ['dist/cli', 'dist/node']) rmSync(join(root, folder), { recursive: true, force: true })
await buildBridge({ ...repository, say: (line) => process.stderr.write(`${line}\n`) })
await build({ ...options, entryPoints: ['scripts/sluiceway.ts'], outdir: 'dist/cli' })
// What a transform, a destination or a source imports, for its tests. The Worker itself runs in workerd only.
const modules = globSync('src/public/*.ts', { cwd: root }).filter((file) => !file.endsWith('worker.ts'))
await build({ ...options, entryPoints: modules, outdir: 'dist/node', splitting: true })
