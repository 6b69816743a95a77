import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { reasonOf, SluicewayError } from '../../src/core/errors.ts'
import { mapStack } from '../../src/core/positions.ts'
import { definedFunctions } from '../../src/transforms/python/defined-functions.ts'
import { isPython } from '../build/python.ts'
import { pythonLibrariesOf } from '../build/libraries.ts'
import { isolatedModule } from '../build/transforms.ts'
import type { Place } from '../build/worker.ts'
import { readEnvFiles } from '../start/env-file.ts'
import { savedSecrets, servedUrl } from '../start/state.ts'
import { diffReport, type DiffSubject } from './diff-report.ts'
import { addPage, type DiffPage, type DiffTally, emptyTally } from './diff-tally.ts'
import { fileOf } from './load-transform.ts'

const help = `Usage: npm run --silent transforms -- diff <name> [options]
       npx sluiceway transforms diff <name> [options], in a folder of your own

Runs transforms/<name> as it is here, and the deployed transform of that name, over events that a deployment has
kept, and says what the change would have done to them: in Markdown, on stdout. It changes nothing there.

  --from <when>         how long back: 7d, 12h, 30m, or a time such as 2026-11-21T10:00:00Z (default: 7d)
  --to <when>           the same; events that were kept at that time or later are left out (default: now)
  --source <name>       only events of this source
  --place <name>        the source, destination or warehouse whose transform it is (default: all that have it)
  --deployed <name>     what the config calls it, where that is not the name of the file
  --credentials <file>  JSON of texts by key: what getCredential finds in the working copy
  --samples <number>    values and events to show of each kind; they are of real users (default: 3; 0 shows none)
  --json                print JSON
  --resume              go on where a run of this name was interrupted, with its options
  --url <url>           the deployment; its admin token comes from the variable ADMIN_TOKEN
                        (default: what "npm start" serves, with its token)
  --state <folder>      the state folder of that "npm start" (default: .sluiceway)
  --help                show this
`

interface Options extends Place {
  /** What follows `diff`. */
  readonly argv: readonly string[]
  /** Takes what is printed on stdout. */
  readonly say: (text: string) => void
  /** Takes what is told beside; stderr when left out. */
  readonly tell?: (line: string) => void
  /** The process environment when left out. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** What an interrupted run leaves behind. */
interface Saved extends DiffSubject {
  readonly deployed: string
  readonly place?: string | undefined
  readonly samples: number
  /** As it was given; left out for what `npm start` serves. */
  readonly url?: string | undefined
  /** Digest of the working copy. */
  readonly digest: string
  readonly cursor?: string
  readonly tally: DiffTally
}

/**
 * Runs `transforms diff`.
 *
 * @param options where, and the command line
 * @returns the exit code of the process
 * @throws {SluicewayError} bad_request when the command line or the transform is wrong; conflict with what the deployment says
 */
export async function diffTransform(options: Options): Promise<number> {
  const { root, home, builds, argv, say, env = process.env } = options
  const tell = options.tell ?? ((line) => void process.stderr.write(`${line}\n`))
  const { values, positionals } = parse(argv)
  const [name, ...more] = positionals
  if (values.help || name === undefined) {
    say(help.trimEnd())
    return values.help ? 0 : 1
  }
  if (more.length > 0) throw wrong(`diff takes one transform, not also ${more.join(', ')}`)
  const file = fileOf(root, name)
  if (file === undefined) throw wrong(`There is no transforms/${name}.ts, .js, .mjs or .py in ${root}`)
  const copy = isPython(file) ? pythonCopy(root, file) : await javascriptCopy({ root, home }, file)
  const digest = createHash('sha256').update(JSON.stringify(copy.code)).digest('hex')
  const memory = join(builds, 'transforms-diff', `${name}.json`)
  const { token, url } = target(values, { root, env, saved: values.resume ? read(memory, name) : undefined })
  const run = values.resume ? resumed(read(memory, name), { values, digest, name }) : begun(values, { name, digest })
  const credentials = values.credentials === undefined ? undefined : credentialsOf(resolve(values.credentials))

  const { tally } = run
  const showStack = copy.showStack(run.deployed)
  const body = { ...copy.code, credentials, from: run.from, to: run.to, source: run.source, place: run.place }
  let { cursor } = run
  try {
    for (;;) {
      const page = await ask(`${url}/admin/transformations/${encodeURIComponent(run.deployed)}/diff`, {
        token,
        body: { ...body, cursor },
      })
      if (page.cursor === cursor) throw new SluicewayError('conflict', `${url} does not go on after ${cursor}`)
      addPage(tally, page, { samples: run.samples, showStack })
      if (page.cursor !== null) save(memory, { ...run, cursor: page.cursor })
      tell(progressOf(page, tally))
      if (page.cursor === null) break
      ;({ cursor } = page)
    }
  } catch (thrown) {
    if (cursor !== undefined) tell(`Interrupted at ${cursor}; the same command with --resume goes on there.`)
    throw thrown
  }
  rmSync(memory, { force: true })
  const { from, to, source } = run
  const subject = { name, from, to, source }
  say(values.json ? JSON.stringify({ ...subject, ...tally }, null, 2) : diffReport(tally, subject))
  return 0
}

/** A working copy as it is sent. */
interface Copy {
  readonly code: {
    readonly code: string
    readonly language: 'javascript' | 'python'
    readonly libraries: readonly { readonly handleName: string; readonly code: string }[]
  }
  /** Makes what shows its stacks by files and lines, where the deployment calls it `deployed`. */
  readonly showStack: (deployed: string) => (stack: string) => string
}

/** One module, with libraries, what is built in, and packages of npm. */
async function javascriptCopy({ root, home }: Pick<Place, 'root' | 'home'>, file: string): Promise<Copy> {
  const { text: code, functions, positions } = await isolatedModule({ root, home }, file)
  assertOneFunction(relative(root, file), functions)
  return {
    code: { code, language: 'javascript', libraries: [] },
    showStack: () => (stack) => mapStack(stack, { 'user.js': positions }),
  }
}

/** The file as it is, with all libraries in Python: what it imports is known where it runs. */
function pythonCopy(root: string, file: string): Copy {
  const code = readFileSync(file, 'utf8')
  const shown = relative(root, file)
  assertOneFunction(shown, definedFunctions(code))
  const libraries = [...pythonLibrariesOf(join(root, 'transforms'))]
  const files = new Map(libraries.map(([handle, path]) => [`library ${handle}`, relative(root, path)]))
  return {
    code: {
      code,
      language: 'python',
      libraries: libraries.map(([handleName, path]) => ({ handleName, code: readFileSync(path, 'utf8') })),
    },
    showStack: (deployed) => (stack) =>
      stack.replaceAll(
        /^( {2}File ")([^"]+)/gm,
        (_, before: string, name: string) => before + (name === deployed ? shown : (files.get(name) ?? name)),
      ),
  }
}

function assertOneFunction(shown: string, functions: readonly string[]): void {
  if (functions.length === 1) return
  const verb = isPython(shown) ? 'defines' : 'exports'
  throw wrong(
    functions.length > 1
      ? `${shown} ${verb} transformEvent and transformBatch: keep one`
      : `${shown} ${verb} neither transformEvent nor transformBatch. One that is made with settings is not compared: make a file that calls it with them and exports its function`,
  )
}

const wrong = (message: string): SluicewayError => new SluicewayError('bad_request', message)

type Values = ReturnType<typeof parse>['values']

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        from: { type: 'string' },
        to: { type: 'string' },
        source: { type: 'string' },
        place: { type: 'string' },
        deployed: { type: 'string' },
        credentials: { type: 'string' },
        samples: { type: 'string' },
        json: { type: 'boolean', default: false },
        resume: { type: 'boolean', default: false },
        url: { type: 'string' },
        state: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (thrown) {
    throw wrong(`${reasonOf(thrown)}\n\n${help.trimEnd()}`)
  }
}

function begun(values: Values, { name, digest }: { readonly name: string; readonly digest: string }): Saved {
  const now = Date.now()
  const [from, to] = [timeOf('from', values.from ?? '7d', now), timeOf('to', values.to ?? '0m', now)]
  if (from >= to) throw wrong('--from must be before --to')
  const samples = Number(values.samples ?? 3)
  if (!Number.isInteger(samples) || samples < 0 || samples > 100)
    throw wrong('--samples must be a whole number from 0 to 100')
  return {
    name,
    digest,
    samples,
    from,
    to,
    url: values.url,
    source: values.source,
    place: values.place,
    deployed: values.deployed ?? name,
    tally: emptyTally(),
  }
}

/** Options that a run brings with it. */
const kept = ['from', 'to', 'source', 'place', 'deployed', 'samples', 'url'] as const

function resumed(
  saved: Saved,
  { values, digest, name }: { readonly values: Values; readonly digest: string; readonly name: string },
): Saved {
  const given = kept.filter((one) => values[one] !== undefined)
  if (given.length > 0)
    throw wrong(`--resume goes on with the options of the run: leave out ${given.map((one) => `--${one}`).join(', ')}`)
  if (saved.digest !== digest)
    throw wrong(`transforms/${name} has changed since that run: start again, without --resume`)
  return saved
}

function read(memory: string, name: string): Saved {
  if (!existsSync(memory)) throw wrong(`There is no run of ${name} that was interrupted: leave out --resume`)
  return JSON.parse(readFileSync(memory, 'utf8')) as Saved
}

/** Whole or not at all, and for its owner alone: samples are of real users. */
function save(memory: string, saved: Saved): void {
  mkdirSync(dirname(memory), { recursive: true })
  const next = `${memory}.${process.pid}`
  writeFileSync(next, JSON.stringify(saved), { mode: 0o600 })
  renameSync(next, memory)
}

const units: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** RFC 3339 of a time, or of so long before now. */
function timeOf(option: string, text: string, now: number): string {
  const [, digits, unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? []
  const time = digits === undefined ? Date.parse(text) : now - Number(digits) * (units[unit] as number)
  if (Number.isNaN(time)) throw wrong(`--${option} must be like 7d, 12h, 30m or 2026-11-21T10:00:00Z, not "${text}"`)
  return new Date(time).toISOString()
}

interface World {
  readonly root: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly saved: Saved | undefined
}

/** Where the deployment is. A token of this machine is sent to no other. */
function target({ url, state }: Values, { root, env, saved }: World): { readonly url: string; readonly token: string } {
  const folder = state === undefined ? join(root, '.sluiceway') : resolve(state)
  const local = servedUrl(folder)
  const asked = url ?? saved?.url
  if (asked !== undefined && asked !== local) {
    if (!/^https?:\/\/[^/]/.test(asked) || !URL.canParse(asked))
      throw wrong(`--url must be like https://events.example.com, not "${asked}"`)
    const token = env['ADMIN_TOKEN']
    if (token === undefined || token === '')
      throw wrong(`The admin token of ${asked} is needed in the variable ADMIN_TOKEN`)
    return { url: asked.replace(/\/+$/, ''), token }
  }
  if (local === undefined)
    throw wrong(`Nothing is served from ${folder}: run "npm start", or name the deployment with --url`)
  const token =
    env['ADMIN_TOKEN'] ?? readEnvFiles(undefined, root).vars['ADMIN_TOKEN'] ?? savedSecrets(folder)?.adminToken
  return { url: local, token: token ?? '' }
}

function credentialsOf(file: string): readonly { readonly key: string; readonly value: string }[] {
  let given: unknown
  try {
    given = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    // The reason may quote what stands in it.
    throw wrong(`--credentials ${file} cannot be read as JSON`)
  }
  const { data } = z.record(z.string(), z.string()).safeParse(given)
  if (data === undefined) throw wrong(`--credentials ${file} must be an object of texts by key`)
  return Object.entries(data).map(([key, value]) => ({ key, value }))
}

const tries = 3
const answerMs = 120_000

/** Asks for one page; what may pass is tried again. */
async function ask(url: string, { token, body }: { readonly token: string; readonly body: object }): Promise<DiffPage> {
  for (let i = 1; ; i++) {
    try {
      const answer = await fetch(url, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.timeout(answerMs),
      })
      const text = await answer.text()
      if (answer.ok) return JSON.parse(text) as DiffPage
      if (answer.status < 500 || i === tries) throw refusal(url, answer.status, text)
    } catch (thrown) {
      if (thrown instanceof SluicewayError) throw thrown
      if (i === tries) throw new SluicewayError('conflict', `${url} does not answer: ${whyOf(thrown)}`)
    }
    await sleep(500 * i)
  }
}

/** What `fetch` of Node says hides the reason one below. */
const whyOf = (thrown: unknown): string =>
  thrown instanceof Error && thrown.cause instanceof Error ? reasonOf(thrown.cause) : reasonOf(thrown)

function refusal(url: string, status: number, text: string): SluicewayError {
  if (status === 401)
    return new SluicewayError('unauthorized', `${url} refuses the admin token: give the right one as ADMIN_TOKEN`)
  let message = ''
  try {
    ;({ message } = JSON.parse(text) as { message: string })
  } catch {
    message = text.slice(0, 200)
  }
  return new SluicewayError('conflict', `${url} answered ${status}: ${message}`)
}

function progressOf({ progress }: DiffPage, { compared, counts }: DiffTally): string {
  const where =
    'letters' in progress
      ? `Dead letters, ${progress.letters} read`
      : `Partition ${progress.partition + 1} of ${progress.partitions}, offset ${progress.offset} of ${progress.head}`
  return `${where}: ${compared} events compared, ${compared - counts.unchanged} differ`
}
