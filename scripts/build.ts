// `npm run build`: fills dist/ with what is served: the bundled Worker, the browser SDK and the pages.
// With the argument `assets` only the latter two, which wrangler needs before it bundles (see [build] in wrangler.toml).
import { resolve } from 'node:path'
import { reasonOf } from '../src/core/errors.ts'
import { buildAssets } from './build/assets.ts'
import { buildWorker } from './build/worker.ts'
import { makeDevVars } from './dev/dev-vars.ts'

const root = resolve(import.meta.dirname, '..')
const say = (line: string) => process.stderr.write(`${line}\n`)

try {
  // wrangler says for which of its commands it runs this; only `dev` reads the file.
  if (process.env.WRANGLER_COMMAND === 'dev') makeDevVars({ root, say })
  await buildAssets({ root, say })
  if (process.argv[2] !== 'assets') await buildWorker({ root, say })
} catch (thrown) {
  say(reasonOf(thrown))
  process.exitCode = 1
}
