import { existsSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseEnv } from 'node:util'
import { reasonOf, SluicewayError } from '../../src/core/errors.ts'

/** What wrangler reads beside wrangler.toml: the first list of which a file is there, its files one over the other. */
const defaults = [['.dev.vars'], ['.env', '.env.local']] as const

/** The start runs the scheduled functions itself: the Worker's own ticker would run them a second time. */
const unused = new Set(['TICK_SECONDS'])

/** An assignment, its quoted value over several lines if it has them. */
const assignment = /^[^\S\n]*(?:export[^\S\n]+)?([A-Za-z_]\w*)[^\S\n]*=[^\S\n]*(?:"[^"]*"|'[^']*'|`[^`]*`)?[^\n]*$/gm

/** Values for the config's env, and the files that they come from. */
export interface EnvFiles {
  readonly vars: Readonly<Record<string, string>>
  readonly paths: readonly string[]
}

/**
 * Reads files of `NAME=value` lines, as Node's `--env-file` does; a later file wins over an earlier one.
 *
 * @param given absolute paths; undefined reads what `wrangler dev` would: `.dev.vars`, else `.env` and `.env.local`
 * @param root the folder in which those are looked for
 * @returns the values, none where there is no file
 * @throws {SluicewayError} bad_request when a given file cannot be read or a line is no assignment, without what stands in it
 */
export function readEnvFiles(given: readonly string[] | undefined, root: string): EnvFiles {
  const found = defaults
    .map((names) => names.map((name) => join(root, name)).filter((path) => existsSync(path)))
    .find((some) => some.length > 0)
  const paths = given ?? found ?? []
  return { vars: Object.assign({}, ...paths.map((path) => readEnvFile(path))) as Record<string, string>, paths }
}

function readEnvFile(path: string): Record<string, string> {
  const text = textOf(path)
    .replace(/^\uFEFF/, '')
    .replaceAll('\r\n', '\n')
  const wrong = strayLineOf(text)
  if (wrong !== undefined) throw new SluicewayError('bad_request', `${path}: line ${wrong} is not NAME=value`)
  const vars = Object.entries(parseEnv(text)).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return Object.fromEntries(vars.filter(([name]) => !unused.has(name)))
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    const why = (thrown as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : reasonOf(thrown)
    throw new SluicewayError('bad_request', `--env-file ${path} cannot be read: ${why}`, { cause: thrown })
  }
}

/** The number of the first line that the parser would pass over without a word. */
function strayLineOf(text: string): number | undefined {
  const rest = text.replaceAll(assignment, (found) => found.replaceAll(/[^\n]/g, ''))
  const index = rest.split('\n').findIndex((line) => !/^\s*(#.*)?$/.test(line))
  return index < 0 ? undefined : index + 1
}

/** What a start takes from files, and what it does not. */
export interface FittedVars {
  readonly vars: Readonly<Record<string, string>>
  /** Names that wrangler.toml binds: a text in their place would take a database away. */
  readonly leftOut: readonly string[]
}

/**
 * Fits what files say to a start on this machine.
 *
 * The demo's sink has an address of its own here, and a demo that is switched on stays behind the admin token where others can
 * reach the port: `.dev.vars` is written for `wrangler dev`, which knows neither.
 *
 * @param vars of the files
 * @param start what the start would hand to the config without a file, and names that are bound otherwise
 */
export function fitVars(
  vars: Readonly<Record<string, string>>,
  start: { readonly made: Readonly<Record<string, string>>; readonly bound: ReadonlySet<string> },
): FittedVars {
  const { SINK_URL = '', DEMO = '' } = start.made
  const fitted = Object.entries(vars)
    .filter(([name]) => !start.bound.has(name))
    .map(([name, value]) => {
      if (name === 'DEMO' && value === '1') return [name, DEMO]
      return [name, value.startsWith('http://demo.localhost/') ? SINK_URL : value]
    })
  return {
    vars: Object.fromEntries(fitted) as Record<string, string>,
    leftOut: Object.keys(vars).filter((name) => start.bound.has(name)),
  }
}

/**
 * Says what was read, by name and never by value.
 *
 * @returns a line for each file, none where nothing was read
 */
export function readingsOf({ paths, vars }: EnvFiles, { leftOut }: FittedVars, cwd: string): string[] {
  const names = Object.keys(vars).filter((name) => !leftOut.includes(name))
  const files = paths.map((path) => (relative(cwd, path).startsWith('..') ? path : relative(cwd, path))).join(', ')
  return [
    ...(names.length === 0 ? [] : [`Read ${files}: ${names.join(', ')}`]),
    ...(leftOut.length === 0 ? [] : [`Left out of ${files}: ${leftOut.join(', ')}, which wrangler.toml binds`]),
  ]
}
