// `npm run check:config`: evaluates the config as a deployment would, and lists what is wrong with it. With `-- --env NAME` it is
// that environment of wrangler.toml; with `-- --config FILE` another config.
import { reasonOf } from '../src/core/errors.ts'
import { repository } from './build/repository.ts'
import { checkByHand } from './check/by-hand.ts'

try {
  await checkByHand({ ...repository, argv: process.argv.slice(2), say: (line) => process.stderr.write(`${line}\n`) })
} catch (thrown) {
  process.stderr.write(`${reasonOf(thrown)}\n`)
  process.exitCode = 1
}
