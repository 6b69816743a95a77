// `npx sluiceway`: what bin/sluiceway.mjs runs, bundled into dist/cli when the package is packed.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { reasonOf, SluicewayError } from '../src/core/errors.ts'
import { checkByHand } from './check/by-hand.ts'
import { checkConfig } from './check/check-config.ts'
import { deployOfWrangler, isDeploying, isNested } from './check/command-line.ts'
import { buildTransforms } from './build/transforms.ts'
import { init } from './init.ts'
import { checkFolder } from './start/check-folder.ts'
import { makeNew } from './transforms/new-transform.ts'
import { transforms } from './transforms/command.ts'
import { type Place, writePositions } from './build/worker.ts'
import { serve } from './start/serve.ts'

const help = `Usage: npx sluiceway <command>

  init     make a config, a transform with its test, wrangler.toml and tsconfig.json; what is there stays
  start    build and serve this folder's Sluiceway on this machine ("npx sluiceway start --help" tells the options)
  check    say what wrangler.toml lacks that this version needs, and what is wrong with the config; wrangler does so
           before it deploys ("--env NAME" checks that environment of wrangler.toml, "--config FILE" another config)
  transforms test
           run the tests that lie beside transforms ("npx sluiceway transforms --help" tells the options)
  transforms diff <name>
           say what a change of a transform would have done to events that a deployment has kept
  new transform <name> [--python]
           make a transform in TypeScript, or in Python, with cases beside it

Everything else is wrangler's: npx wrangler deploy, npx wrangler tail, …
`

const buildsIn = (root: string): string => join(root, 'node_modules/.cache/sluiceway')

/** By hand, or as the build command of wrangler.toml, which wrangler runs for each of its commands. */
async function check({
  argv,
  ...place
}: Place & {
  readonly argv: readonly string[]
}): Promise<void> {
  if (isNested()) return
  await checkFolder(place)
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  await buildTransforms({ ...place, say })
  const whole = { ...place, say }
  if (isDeploying()) writePositions(place.home, await checkConfig({ ...whole, ...deployOfWrangler() }))
  else if (process.env['WRANGLER_COMMAND'] === undefined) await checkByHand({ ...whole, argv })
}

/**
 * Runs a command in the current folder.
 *
 * @param options `home`, the folder of our package.json, and `argv`, the command line
 */
export async function run({ home, argv }: { readonly home: string; readonly argv: readonly string[] }): Promise<void> {
  const [command, ...rest] = argv
  const root = process.cwd()
  const place = { root, home, builds: buildsIn(root) }
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  try {
    switch (command) {
      case 'start': {
        const prepare = () => checkFolder({ root, home })
        return serve({ ...place, argv: rest, prepare })
      }
      case 'init':
        return init({ root, home, say })
      case 'check':
        return await check({ ...place, argv: rest })
      case 'transforms':
        process.exitCode = await transforms({ ...place, argv: rest, say })
        return
      case 'new':
        return makeNew({ root, argv: rest, say })
      case '--version':
        return say((JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string }).version)
      case undefined:
      case 'help':
      case '--help':
      case '-h':
        return say(help.trimEnd())
      default:
        throw new SluicewayError('bad_request', `There is no command ${command}; npx sluiceway --help lists them`)
    }
  } catch (thrown) {
    process.stderr.write(`${reasonOf(thrown)}\n`)
    process.exitCode = 1
  }
}
