import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { SluicewayError } from '../../src/core/errors.ts'
import { buildWorker, type Place, type WorkerBuild } from '../build/worker.ts'
import { askWorker } from './ask-worker.ts'
import type { DeployFlags } from './command-line.ts'
import { judgeWithPlaceholders, placeholdersFor } from './placeholders.ts'
import { withErrorPlaces } from './source-places.ts'

interface Options extends Place {
  /** Absolute path of a config that takes the place of the one that wrangler.toml or package.json names. */
  readonly config?: string | undefined
  readonly flags: DeployFlags
  /** The folder that paths in the flags are relative to. */
  readonly cwd: string
  readonly say: (line: string) => void
}

/** What is read of wrangler.toml. */
interface Deployed {
  readonly vars: Readonly<Record<string, unknown>>
  readonly secrets?: { readonly required?: readonly string[] }
  readonly keep_vars?: boolean
}

/**
 * Evaluates a config as a deployment would, in the real runtime, with the names of `env` that wrangler.toml gives it: values of
 * [vars], and placeholders for what is under [secrets].
 *
 * @param options what is deployed, and from where
 * @throws {SluicewayError} config_invalid with all mistakes of the config, as a start lists them
 * @returns what is deployed
 */
export async function checkConfig(options: Options): Promise<WorkerBuild> {
  const { flags, cwd, say, ...place } = options
  const file = tomlOf(place.root, cwd, flags)
  const { unstable_readConfig } = await import('wrangler')
  const deployed = unstable_readConfig({ config: file, env: flags.env }, { hideWarnings: true }) as unknown as Deployed
  const build = await buildWorker({
    ...place,
    root: dirname(file),
    say,
    deploy: { file, env: flags.env, args: [...scriptOf(cwd, flags), ...flags.args] },
  })
  const values = { ...deployed.vars, ...flags.vars, ...secretsIn(flags.secretsFile, cwd) }
  const secrets = (deployed.secrets?.required ?? []).filter((name) => !(name in values))
  const root = dirname(file)
  const judgeConfig = async (): Promise<void> => {
    const worker = await askWorker(build)
    try {
      const candidates = new Map(secrets.map((name) => [name, candidatesFor(name, root)]))
      const judge = () => judgeWithPlaceholders(candidates, (chosen) => worker.judge({ ...values, ...chosen }))
      let verdict = await judge()
      // What the dashboard has is kept: it may well have the names that are set nowhere here.
      if (deployed.keep_vars === true && verdict.message !== undefined) {
        for (const name of unsetIn(verdict.message)) candidates.set(name, candidatesFor(name, root))
        verdict = await judge()
      }
      if (!verdict.isAsked) say('The config is not checked: the default export of the Worker has no "fetch" to ask.')
      else if (verdict.message !== undefined)
        throw new SluicewayError('config_invalid', `${verdict.message}${aboutSecrets([...candidates.keys()])}`)
    } finally {
      await worker.stop()
    }
  }
  await withErrorPlaces(judgeConfig(), { folder: build.folder, root, home: place.home })
  return build
}

/** wrangler runs the build command in the folder of its file, wherever the command itself was given. */
function tomlOf(root: string, cwd: string, { file = 'wrangler.toml' }: DeployFlags): string {
  const named = resolve(cwd, file)
  return existsSync(named) ? named : join(root, basename(file))
}

const scriptOf = (cwd: string, { script }: DeployFlags): string[] =>
  script === undefined ? [] : [resolve(cwd, script)]

const secretsIn = (file: string | undefined, cwd: string): Readonly<Record<string, unknown>> => {
  if (file === undefined) return {}
  const text = readFileSync(resolve(cwd, file), 'utf8')
  return text.trimStart().startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : parseEnv(text)
}

/** What a developer uses on this machine has the right look, whatever that is. */
function candidatesFor(name: string, root: string): string[] {
  const file = join(root, '.dev.vars')
  const known = existsSync(file) ? parseEnv(readFileSync(file, 'utf8'))[name] : undefined
  return [...placeholdersFor(name), ...(known === undefined ? [] : [known])]
}

const unsetIn = (message: string): string[] =>
  /asks env for ([\w, ]+), which (?:is|are) not set/.exec(message)?.[1]?.split(', ') ?? []

const aboutSecrets = (names: readonly string[]): string =>
  names.length === 0
    ? ''
    : `\nPlaceholders stood for the secrets ${names.join(', ')}. Where a problem is about what is in one of them, put a value that looks right into .dev.vars.`
