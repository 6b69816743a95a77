import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { devNull } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

const root = resolve(import.meta.dirname, '../..')

/** The line of JSON that `npm start -- --json` prints. */
export interface Ready {
  readonly url: string
  readonly writeKey: string
  readonly adminToken: string
  readonly pid: number
  readonly workerdPid: number
  readonly demo: string
}

/** How a start ended that did not get as far as serving, or was stopped. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A server started as `npm start` does it, on a free port. */
export interface Serving {
  readonly ready: Ready
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  /** The last 20,000 characters that it wrote to stderr, for the reader of a failure. */
  readonly stderr: () => string
  /** Sends the signal and waits for the end. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<Ended>
}

interface Options {
  readonly state: string
  /** A free one when left out. */
  readonly port?: number
  /** Without `--env-file` among them, no file of whoever runs the tests is read. */
  readonly args?: readonly string[]
  /** False prints what a person gets. */
  readonly json?: boolean
}

/**
 * Starts, and waits until it is over.
 *
 * @param options the state folder, and more arguments
 * @returns its exit code and what it said
 */
export const startAndFail = async (options: Options): Promise<Ended> => spawnStart(options).ended

/**
 * Starts, and waits for the line of JSON.
 *
 * @param options the state folder, and more arguments
 * @returns what the line says, and the process
 * @throws {Error} with what it said when it ended before
 */
export async function startServing(options: Options): Promise<Serving> {
  const { child, ended, stderr } = spawnStart(options)
  const ready = await new Promise<Ready>((done, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => done(JSON.parse(line) as Ready))
    void ended.then(({ code, stderr }) => reject(new Error(`it ended with ${code}:\n${stderr}`)))
  })
  return {
    ready,
    process: child,
    ended,
    stderr,
    stop: (signal = 'SIGINT') => {
      child.kill(signal)
      return ended
    },
  }
}

/** A server whose start printed what a person reads. */
export interface Spoken {
  /** All that stood on stdout when it was ready. */
  readonly said: string
  readonly stop: () => Promise<Ended>
}

/**
 * Starts without `--json`, and waits for what a person gets.
 *
 * @param options the state folder, and more arguments
 * @returns what was printed, and how to end it
 * @throws {Error} with what it said when it ended before
 */
export async function startSaying(options: Options): Promise<Spoken> {
  const { child, ended } = spawnStart({ ...options, json: false })
  const said = await new Promise<string>((done, reject) => {
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += String(chunk)
      if (text.includes('Ctrl-C stops it')) done(text)
    })
    void ended.then(({ code, stderr }) => reject(new Error(`it ended with ${code}:\n${stderr}`)))
  })
  return {
    said,
    stop: () => {
      child.kill('SIGINT')
      return ended
    },
  }
}

function spawnStart({ state, port = 0, args = [], json = true }: Options) {
  const own = ['--', 'scripts/start.ts', ...(json ? ['--json'] : []), '--port', `${port}`, '--state', state]
  const files = args.includes('--env-file') ? [] : ['--env-file', devNull]
  const child = spawn(process.execPath, [...own, ...files, ...args], {
    cwd: root,
    env: cleanEnv(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // Whatever ends the tests ends the server too.
  const end = () => child.kill('SIGTERM')
  process.once('exit', end)
  child.once('exit', () => process.removeListener('exit', end))
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (stderr = (stderr + String(chunk)).slice(-20_000)))
  const ended = once(child, 'close').then(([code]): Ended => ({ code: code as number | null, stdout, stderr }))
  return { child, ended, stderr: () => stderr }
}

/** Nothing of the environment of whoever runs the tests may choose another port, key or stream. */
export function cleanEnv(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, LANG } = process.env
  return { PATH, HOME, TMPDIR, LANG } as Partial<NodeJS.ProcessEnv> as NodeJS.ProcessEnv
}

/**
 * Reads what a served state folder says about itself.
 *
 * @param state the folder
 * @returns the process that serves it and its runtime
 */
export const readRunning = (state: string): { readonly pid: number; readonly workerdPid?: number } =>
  JSON.parse(readFileSync(join(state, 'running.json'), 'utf8')) as { pid: number; workerdPid?: number }

/**
 * Tells whether a process runs.
 *
 * @param pid its number
 * @returns false once it is gone, or only waits to be collected
 */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return true
  }
}
