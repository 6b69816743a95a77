import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { DeadLetter } from '../../src/core/dead-letter.ts'
import type { LaneStatus } from '../../src/core/bindings.ts'
import { readRunning, type Ready, type Serving, startServing } from './serving.ts'
import { until } from './until.ts'

const root = resolve(import.meta.dirname, '../..')

export interface ServerOptions {
  /** Name of a config in `test/e2e`; `src/config.ts` when left out. */
  readonly config?: string
  readonly vars?: Readonly<Record<string, string>>
  /** Seconds between runs of the scheduled functions. */
  readonly tick?: number
}

/** Sluiceway as `npm start` serves it, on a state folder that outlives kills and restarts. */
export class Server {
  readonly state: string
  #options: ServerOptions
  #serving: Serving | undefined

  private constructor(options: ServerOptions) {
    this.#options = options
    this.state = mkdtempSync(join(tmpdir(), 'sluiceway-e2e-'))
  }

  static async start(options: ServerOptions = {}): Promise<Server> {
    const server = new Server(options)
    try {
      await server.#spawn(0)
    } catch (error) {
      await server.stop()
      throw error
    }
    return server
  }

  get url(): string {
    return this.#known.url
  }

  get writeKey(): string {
    return this.#known.writeKey
  }

  get adminToken(): string {
    return this.#known.adminToken
  }

  /** What it wrote to stderr last, for the reader of a failure. */
  get stderr(): string {
    return this.#serving?.stderr() ?? ''
  }

  /** The runtime that serves now: another one after each crash. */
  get workerdPid(): number {
    const isKnown = existsSync(join(this.state, 'running.json'))
    const { workerdPid } = isKnown ? readRunning(this.state) : { workerdPid: undefined }
    if (workerdPid === undefined) throw new Error('no runtime is noted in the state folder')
    return workerdPid
  }

  /** `kill -9` of workerd; the start script brings it back. Resolves once another one answers. */
  async killWorkerd(): Promise<void> {
    const before = this.workerdPid
    process.kill(before, 'SIGKILL')
    await until('another workerd answers', async () => this.workerdPid !== before && (await this.#isUp()))
  }

  /** `kill -9` of everything at once, as when the machine loses its power; a new start on the same state and port. */
  async killAll(): Promise<void> {
    const { workerdPid } = this
    const ended = this.#serving?.stop('SIGKILL')
    process.kill(workerdPid, 'SIGKILL')
    await ended
    await this.#spawn(Number(new URL(this.url).port))
  }

  /** Ends it as Ctrl-C does, and starts it again on the same state and port; `vars` are other values for the config's env. */
  async restart(vars: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#serving?.stop()
    this.#options = { ...this.#options, vars: { ...this.#options.vars, ...vars } }
    await this.#spawn(Number(new URL(this.url).port))
  }

  /** Ends it; the state folder stays until `stop`. */
  async halt(): Promise<void> {
    await this.#serving?.stop()
  }

  async stop(): Promise<void> {
    await this.#serving?.stop()
    rmSync(this.state, { recursive: true, force: true })
  }

  /** Sends a body to an ingest route with the write key. */
  post(path: string, body: unknown, init: RequestInit = {}): Promise<Response> {
    return fetch(`${this.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: basic(this.writeKey) },
      body: JSON.stringify(body),
      ...init,
    })
  }

  /** Calls the admin API; throws on any status that is not 2xx. */
  async admin<T>(path: string, init: RequestInit = {}): Promise<T> {
    const response = await fetch(`${this.url}/admin${path}`, {
      ...init,
      headers: { authorization: `Bearer ${this.adminToken}`, 'content-type': 'application/json' },
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${init.method ?? 'GET'} /admin${path} answered ${response.status}: ${text}`)
    return JSON.parse(text) as T
  }

  async lane(target: string): Promise<LaneStatus> {
    const { lanes } = await this.admin<{ lanes: LaneStatus[] }>('/lanes')
    const lane = lanes.find((one) => one.target === target)
    if (lane === undefined) throw new Error(`there is no lane ${target}`)
    return lane
  }

  async deadLetters(): Promise<DeadLetter[]> {
    return (await this.admin<{ deadLetters: DeadLetter[] }>('/dead-letters?limit=1000')).deadLetters
  }

  get #known(): Ready {
    if (this.#serving === undefined) throw new Error('the server has not started')
    return this.#serving.ready
  }

  async #spawn(port: number): Promise<void> {
    const { config, vars = {}, tick = 1 } = this.#options
    this.#serving = await startServing({
      state: this.state,
      port,
      args: [
        '--tick',
        `${tick}`,
        ...(config === undefined ? [] : ['--config', join(root, 'test/e2e', config)]),
        ...Object.entries(vars).flatMap(([name, value]) => ['--var', `${name}=${value}`]),
      ],
    })
  }

  async #isUp(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/health`, { signal: AbortSignal.timeout(2_000) })).ok
    } catch {
      return false
    }
  }
}

export const basic = (writeKey: string): string => `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`
