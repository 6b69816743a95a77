import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { nested } from '../build/worker.ts'

/** What a deployment is asked for on a command line, as far as its config depends on it. */
export interface DeployFlags {
  /** The environment of wrangler.toml; undefined for its top level. */
  readonly env: string | undefined
  /** Another wrangler.toml, as it was written: relative to the folder of the command. */
  readonly file: string | undefined
  /** Values that take the place of those of [vars]. */
  readonly vars: Readonly<Record<string, string>>
  /** A file with secrets, as it was written. */
  readonly secretsFile: string | undefined
  /** Another entry of the Worker, as it was written. */
  readonly script: string | undefined
  /** More arguments that decide what is bundled, for another `wrangler deploy`. */
  readonly args: readonly string[]
}

const bundling = ['alias', 'define', 'compatibility-date', 'compatibility-flag', 'compatibility-flags'] as const

/**
 * Reads the command line of `wrangler deploy` or `wrangler versions upload`.
 *
 * @param argv what follows the program
 * @param environment the value of CLOUDFLARE_ENV, which wrangler reads where there is no `--env`
 */
export function readDeployFlags(argv: readonly string[], environment?: string): DeployFlags {
  const many = { type: 'string', multiple: true } as const
  const { values, tokens } = parseArgs({
    args: [...argv],
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: {
      env: { type: 'string', short: 'e' },
      config: { type: 'string', short: 'c' },
      'secrets-file': { type: 'string' },
      var: many,
      ...Object.fromEntries(bundling.map((name) => [name, many])),
    },
  })
  const command = tokens.findLast((token) => token.kind === 'positional' && /^(deploy|upload)$/.test(token.value))
  const script = tokens.find((token) => token.kind === 'positional' && token.index === (command?.index ?? -2) + 1)
  const text = (name: string): string | undefined => {
    const value = (values as Readonly<Record<string, unknown>>)[name]
    return typeof value === 'string' ? value : undefined
  }
  const texts = (name: string): string[] =>
    [(values as Readonly<Record<string, unknown>>)[name]].flat().filter((one) => typeof one === 'string')
  return {
    env: text('env') ?? environment,
    file: text('config'),
    vars: Object.fromEntries(
      texts('var').map((pair) => [pair.split(':')[0] ?? '', pair.split(':').slice(1).join(':')]),
    ),
    secretsFile: text('secrets-file'),
    script: script?.kind === 'positional' ? script.value : undefined,
    args: bundling.flatMap((name) => texts(name).flatMap((value) => [`--${name}`, value])),
  }
}

/** Processes between wrangler and what it runs, at most: shells, npx, the bootstrap. */
const mostBetween = 10

/** A command, and where it was given. */
interface Command {
  /** What follows the program. */
  readonly argv: readonly string[]
  readonly cwd: string
}

/**
 * Finds the command line of the wrangler that runs this process: it does not tell what it was asked for.
 *
 * @returns undefined where no such process is found
 */
function findWrangler(): Command | undefined {
  let pid = process.ppid
  for (let i = 0; i < mostBetween && pid > 1; i++) {
    const found = processOf(pid)
    if (found === undefined) return undefined
    const { argv, parent, cwd } = found
    const program = argv.findIndex(
      (one) => /^wrangler(\.c?js)?$|^cli\.js$/.test(basename(one)) && one.includes('wrangler'),
    )
    if (program >= 0 && argv.slice(program + 1).some((one) => one === 'deploy' || one === 'upload'))
      return { argv: argv.slice(program + 1), cwd }
    pid = parent
  }
  return undefined
}

interface Process extends Command {
  readonly parent: number
}

function processOf(pid: number): Process | undefined {
  const folder = `/proc/${pid}`
  if (existsSync(folder)) {
    const parent = Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`${folder}/status`, 'utf8'))?.[1])
    const argv = readFileSync(`${folder}/cmdline`, 'utf8').split('\0').slice(0, -1)
    return { argv, parent, cwd: readlinkSync(`${folder}/cwd`) }
  }
  const { stdout, status } = spawnSync('ps', ['-o', 'ppid=,args=', '-p', `${pid}`], { encoding: 'utf8' })
  const [parent, ...argv] = status === 0 ? stdout.trim().split(/\s+/) : []
  return parent === undefined ? undefined : { argv, parent: Number(parent), cwd: process.cwd() }
}

/**
 * Says what the wrangler that runs this process deploys. Where its command line is not known, CLOUDFLARE_ENV tells the
 * environment.
 *
 * @returns the flags, and the folder that their paths are relative to
 */
export function deployOfWrangler(): { readonly flags: DeployFlags; readonly cwd: string } {
  const { argv, cwd } = findWrangler() ?? { argv: [], cwd: process.cwd() }
  return { flags: readDeployFlags(argv, process.env['CLOUDFLARE_ENV']), cwd }
}

/** Whether this process belongs to a build of ours, which runs wrangler. */
export const isNested = (): boolean => process.env[nested] !== undefined

/** Whether this process is what wrangler runs before it deploys, and not before it builds for a check. */
export const isDeploying = (): boolean =>
  !isNested() && /^(deploy|versions upload)$/.test(process.env['WRANGLER_COMMAND'] ?? '')
