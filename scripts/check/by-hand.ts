import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { reasonOf, SluicewayError } from '../../src/core/errors.ts'
import type { Place } from '../build/worker.ts'
import { checkConfig } from './check-config.ts'

interface Options extends Place {
  /** `--env NAME` and `--config FILE`, or nothing. */
  readonly argv: readonly string[]
  readonly say: (line: string) => void
}

/**
 * Checks the config of a folder for whoever asks: `npm run check:config`, and `npx sluiceway check` in a folder of a user's own.
 *
 * @param options where, and the command line
 * @throws {SluicewayError} config_invalid with all mistakes of the config, bad_request for an option that there is not
 */
export async function checkByHand({ argv, ...place }: Options): Promise<void> {
  const { env, config } = parse(argv)
  const cwd = process.env['INIT_CWD'] ?? process.cwd()
  const flags = {
    env: env ?? process.env['CLOUDFLARE_ENV'],
    file: undefined,
    vars: {},
    secretsFile: undefined,
    script: undefined,
    args: [],
  }
  await checkConfig({
    ...place,
    config: config === undefined ? undefined : resolve(cwd, config),
    flags,
    cwd: place.root,
  })
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: { env: { type: 'string', short: 'e' }, config: { type: 'string', short: 'c' } },
    }).values
  } catch (thrown) {
    const [sentence = ''] = reasonOf(thrown).split('. To specify')
    throw new SluicewayError('bad_request', `${sentence}; there are --env NAME and --config FILE`)
  }
}
