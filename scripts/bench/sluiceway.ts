import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { LaneStatus, LoaderStatus, LoadReport, LogStatus } from '../../src/core/bindings.ts'

const root = resolve(import.meta.dirname, '../..')

interface Options {
  /**
   * A config in this folder: `full` has a webhook and a warehouse, `hook` only the webhook, `deliver` a webhook as its vars say,
   * `waiting` two of them, `tables` only a warehouse, `bare` and `kafka` neither.
   */
  readonly config: 'full' | 'hook' | 'deliver' | 'waiting' | 'tables' | 'bare' | 'kafka'
  /** Seconds between runs of the scheduled functions. */
  readonly tick: number
  readonly vars?: Readonly<Record<string, string>>
  /** Port for a debugger; none when left out. */
  readonly inspect?: number
}

/** How all objects of a deployment are doing. */
export interface State {
  readonly logs: readonly LogStatus[]
  readonly lanes: readonly LaneStatus[]
  readonly loaders: readonly LoaderStatus[]
}

/** A Sluiceway of its own, as `npm start` would serve it, on loopback and on a state folder that is removed in the end. */
export interface Sluiceway {
  readonly url: string
  readonly writeKey: string
  /** Process of the runtime. */
  readonly workerdPid: number
  readonly state: () => Promise<State>
  /** Loads the tables now, instead of with the next run of the scheduled functions. */
  readonly load: () => Promise<LoadReport>
  /** Ends the waits of all lanes. */
  readonly resume: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** What the admin API says when it could not ask all. */
interface Partly {
  readonly failures: readonly string[]
}

interface Ready {
  readonly url: string
  readonly writeKey: string
  readonly adminToken: string
  readonly workerdPid: number
}

/**
 * Starts a Sluiceway through `scripts/start.ts`.
 *
 * @param options which config, and values for its env
 * @returns once it takes events
 * @throws {Error} with what it said, when it ends before that
 */
export async function startSluiceway({ config, tick, vars = {}, inspect }: Options): Promise<Sluiceway> {
  const folder = await mkdtemp(join(tmpdir(), 'sluiceway-bench-'))
  const child = spawn(
    process.execPath,
    [
      join(root, 'scripts/start.ts'),
      '--json',
      '--port=0',
      `--state=${folder}`,
      `--tick=${tick}`,
      ...(inspect === undefined ? [] : [`--inspect=${inspect}`]),
      `--config=${join(import.meta.dirname, `${config}.config.ts`)}`,
      ...Object.entries(vars).map(([name, value]) => `--var=${name}=${value}`),
    ],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const stop = async () => {
    await end(child)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const { url, writeKey, adminToken, workerdPid } = await ready(child)
    const get = async (path: string, method = 'GET'): Promise<unknown> => {
      const headers = { authorization: `Bearer ${adminToken}` }
      const response = await fetch(`${url}/admin/${path}`, { method, headers })
      if (!response.ok) throw new Error(`/admin/${path}: HTTP ${response.status} ${await response.text()}`)
      return response.json()
    }
    const state = async (): Promise<State> => {
      const [log, lanes, warehouses] = (await Promise.all([
        // Only a log can be read by offset.
        get('log').catch((error: unknown) => {
          if (String(error).includes('HTTP 404')) return { log: [], failures: [] }
          throw error
        }),
        get('lanes'),
        get('warehouses'),
      ])) as [
        { readonly log: readonly LogStatus[] } & Partly,
        { readonly lanes: readonly LaneStatus[] } & Partly,
        { readonly warehouses: readonly LoaderStatus[] } & Partly,
      ]
      // One that does not answer would look like one that has nothing left to do.
      const failures = [log, lanes, warehouses].flatMap((answer) => answer.failures)
      if (failures.length > 0) throw new Error(failures.join('\n'))
      return { logs: log.log, lanes: lanes.lanes, loaders: warehouses.warehouses }
    }
    const load = async () => ((await get('warehouses/tables/load', 'POST')) as { readonly report: LoadReport }).report
    const resume = async () => {
      for (const { target, partition } of (await state()).lanes)
        if (target !== '@edge') await get(`lanes/${target}/${partition}/resume`, 'POST')
    }
    return { url, writeKey, workerdPid, state, load, resume, stop }
  } catch (thrown) {
    await stop()
    throw thrown
  }
}

async function ready(child: ChildProcess): Promise<Ready> {
  const said: string[] = []
  if (child.stdout === null || child.stderr === null) throw new Error('the child has no pipes')
  createInterface(child.stderr).on('line', (line) => {
    said.push(line)
    if (said.length > 20) said.shift()
  })
  const [line] = await Promise.race([
    once(createInterface(child.stdout), 'line') as Promise<[string]>,
    once(child, 'exit').then(() => {
      throw new Error(`Sluiceway did not start:\n${said.join('\n')}`)
    }),
  ])
  child.stdout.resume()
  return JSON.parse(line) as Ready
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), 5_000)
  await exited
  clearTimeout(late)
}
