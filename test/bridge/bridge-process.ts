import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from '../../scripts/start/port.ts'

/** The bridge as its users run it: a process of its own, which can be ended in every way. */
export interface BridgeProcess {
  readonly url: string
  /** What it has logged since it was started first. */
  readonly log: () => readonly Readonly<Record<string, unknown>>[]
  /** SIGTERM, and a new start on the same port; gives the exit code. */
  readonly restart: () => Promise<number | null>
  /** SIGTERM; gives the exit code. */
  readonly halt: () => Promise<number | null>
  /** `kill -9`. */
  readonly kill: () => Promise<void>
  readonly start: () => Promise<void>
  readonly close: () => Promise<void>
}

const script = resolve(import.meta.dirname, '../../scripts/bridge.ts')

/** What a user of the tests may do. */
export const everything = { read: ['*'], write: ['*'], groups: ['*'], admin: true }

/**
 * Starts the bridge with a config.
 *
 * @param config as in its file; the port is chosen here
 * @param path of the script; the bundle is started by naming it
 * @returns the bridge, listening
 */
export async function startBridgeProcess(
  config: Readonly<Record<string, unknown>>,
  path = script,
): Promise<BridgeProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'sluiceway-bridge-'))
  const file = join(folder, 'bridge.json')
  const listen = {
    host: '127.0.0.1',
    port: await freePort('127.0.0.1', 0),
    ...(config['listen'] as object | undefined),
  }
  await writeFile(file, JSON.stringify({ ...config, listen }))
  const lines: Readonly<Record<string, unknown>>[] = []
  let child: ChildProcess | undefined
  let url = ''

  const start = async () => {
    const started = spawn(process.execPath, [path, '--config', file], { stdio: ['ignore', 'pipe', 'pipe'] })
    child = started
    createInterface({ input: started.stderr }).on('line', (line) =>
      lines.push(line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : { message: line }),
    )
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: started.stdout }).once('line', (line) => {
        ;({ url } = JSON.parse(line) as { url: string })
        resolve()
      })
      started.once('exit', (code) =>
        reject(new Error(`the bridge ended with ${code}: ${JSON.stringify(lines.slice(-3))}`)),
      )
    })
  }
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    const ending = child
    child = undefined
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return ending?.exitCode ?? null
    const exit = new Promise<number | null>((resolve) => ending.once('exit', (code) => resolve(code)))
    ending.kill(signal)
    return exit
  }

  await start()
  return {
    url,
    log: () => lines,
    restart: async () => {
      const code = await end('SIGTERM')
      await start()
      return code
    },
    halt: () => end('SIGTERM'),
    kill: async () => {
      await end('SIGKILL')
    },
    start,
    close: async () => {
      await end('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
}
