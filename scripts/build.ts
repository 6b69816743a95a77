// `npm run build`: fills dist/ with what is served: the bundled Worker, the browser SDK and the pages, and the bridge.
// With the argument `assets` only the SDK and the pages, which wrangler needs before it bundles (see [build] in wrangler.toml). Where that is
// for a deployment, a mistake in the config ends it.
import { reasonOf } from '../src/core/errors.ts'
import { buildAssets } from './build/assets.ts'
import { buildBridge } from './build/bridge.ts'
import { repository } from './build/repository.ts'
import { buildWorker, writePositions } from './build/worker.ts'
import { checkConfig } from './check/check-config.ts'
import { buildTransforms } from './build/transforms.ts'
import { deployOfWrangler, isDeploying, isNested } from './check/command-line.ts'
import { makeDevVars } from './dev/dev-vars.ts'

const say = (line: string) => process.stderr.write(`${line}\n`)

try {
  // wrangler says for which of its commands it runs this; only `dev` reads the file.
  if (process.env.WRANGLER_COMMAND === 'dev') makeDevVars({ root: repository.root, say })
  await buildAssets({ root: repository.root, say })
  // A build of the Worker makes them itself before it runs wrangler.
  if (process.argv[2] === 'assets' && !isNested()) await buildTransforms({ ...repository, say })
  if (process.argv[2] !== 'assets') {
    await buildWorker({ ...repository, say })
    await buildBridge({ ...repository, say })
  }
  if (isDeploying()) writePositions(repository.home, await checkConfig({ ...repository, ...deployOfWrangler(), say }))
} catch (thrown) {
  say(reasonOf(thrown))
  process.exitCode = 1
}
