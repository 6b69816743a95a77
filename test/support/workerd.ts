import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, type BuildOptions } from 'esbuild'
import { convertV4MiniflareOptions, Miniflare, type V4WorkerOptionsShape } from 'miniflare'
import { nodeModules } from './node-modules.ts'

/** What a Worker of a test is bound to; `name` is part of its URL. */
type Options = Omit<V4WorkerOptionsShape, 'modules' | 'script'> & { readonly name: string }

interface Init {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** A Worker of a test in workerd, on state that outlives its process. */
export class Workerd {
  readonly #script: string
  #options: Options
  readonly #state = mkdtempSync(join(tmpdir(), 'sluiceway-workerd-'))
  #miniflare!: Miniflare
  #pid: number | undefined
  #url = ''
  #port = 0

  private constructor(script: string, options: Options) {
    this.#script = script
    this.#options = options
  }

  /** @param source entry point, or text, as esbuild takes it */
  static async start(source: Pick<BuildOptions, 'entryPoints' | 'stdin'>, options: Options): Promise<Workerd> {
    const bundle = await build({
      ...source,
      bundle: true,
      format: 'esm',
      write: false,
      platform: 'neutral',
      external: ['cloudflare:*', 'node:*'],
      mainFields: ['module', 'main'],
      conditions: ['workerd'],
      plugins: [nodeModules],
    })
    const workerd = new Workerd(bundle.outputFiles?.[0]?.text ?? '', options)
    await workerd.#open()
    return workerd
  }

  async #open(): Promise<void> {
    const before = new Set(workerds())
    this.#miniflare = new Miniflare({
      ...convertV4MiniflareOptions({
        workers: [
          {
            compatibilityDate: '2026-10-01',
            modules: [{ type: 'ESModule', path: 'worker.mjs', contents: this.#script }],
            ...this.#options,
          },
        ],
      }),
      resourcePersistencePath: this.#state,
      enableDevRegistry: false,
      logRequests: false,
      cf: false,
      port: this.#port,
    })
    const { origin, port } = await this.#miniflare.ready
    this.#url = origin
    this.#port = Number(port)
    this.#pid = workerds().find((pid) => !before.has(pid))
  }

  /**
   * Ends the runtime as a power cut does, and starts it again on the same state.
   *
   * @param bindings values of `env` that take the place of those before
   */
  async restart(bindings: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#options = {
      ...this.#options,
      bindings: { ...(this.#options.bindings as Record<string, string> | undefined), ...bindings },
    }
    if (this.#pid === undefined) throw new Error('the process of the runtime is not known')
    process.kill(this.#pid, 'SIGKILL')
    await this.#miniflare.dispose().catch(() => undefined)
    await this.#open()
  }

  async stop(): Promise<void> {
    await this.#miniflare.dispose()
    rmSync(this.#state, { recursive: true, force: true })
  }

  /** Where the Worker listens, on the loopback interface, without a slash at the end; the same after a restart. */
  get url(): string {
    return this.#url
  }

  /** The process of the runtime; another one after a restart. */
  get pid(): number | undefined {
    return this.#pid
  }

  fetch(path: string, init: Init = {}) {
    return this.#miniflare.dispatchFetch(`http://${this.#options.name}.test${path}`, init)
  }
}

/** Processes of workerd that this process has started. */
export const workerds = (): number[] =>
  execFileSync('ps', ['-A', '-o', 'pid=,ppid=,comm='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, command = '']) => Number(parent) === process.pid && command.includes('workerd'))
    .map(([pid]) => Number(pid))
