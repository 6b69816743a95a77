import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import type { Bindings, IdentityRpc } from '../../src/core/bindings.ts'

/** The Identity object in workerd, on state that outlives it. */
export class IdentityBench {
  readonly #script: string
  readonly #state: string
  #miniflare!: Miniflare
  #workerd: number | undefined

  private constructor(script: string) {
    this.#script = script
    this.#state = mkdtempSync(join(tmpdir(), 'sluiceway-identity-'))
  }

  static async start(): Promise<IdentityBench> {
    const bundle = await build({
      entryPoints: [resolve(import.meta.dirname, 'identity-worker.ts')],
      bundle: true,
      format: 'esm',
      write: false,
      platform: 'neutral',
      external: ['cloudflare:*', 'node:*'],
    })
    const bench = new IdentityBench(bundle.outputFiles[0]?.text ?? '')
    await bench.#open()
    return bench
  }

  async #open(): Promise<void> {
    const before = new Set(workerds())
    this.#miniflare = new Miniflare({
      ...convertV4MiniflareOptions({
        workers: [
          {
            name: 'identity-test',
            compatibilityDate: '2026-10-01',
            modules: [{ type: 'ESModule', path: 'worker.mjs', contents: this.#script }],
            durableObjects: { IDENTITY: { className: 'Identity', useSQLite: true } },
          },
        ],
      }),
      resourcePersistencePath: this.#state,
      enableDevRegistry: false,
      logRequests: false,
      cf: false,
    })
    await this.#miniflare.ready
    this.#workerd = workerds().find((pid) => !before.has(pid))
  }

  /** Ends the runtime as a power cut does, and starts it again on the same state; its clock is right again. */
  async restart(): Promise<void> {
    if (this.#workerd === undefined) throw new Error('the process of the runtime is not known')
    process.kill(this.#workerd, 'SIGKILL')
    await this.#miniflare.dispose().catch(() => undefined)
    await this.#open()
  }

  async stop(): Promise<void> {
    await this.#miniflare.dispose()
    rmSync(this.#state, { recursive: true, force: true })
  }

  /** Sets the objects' clock so far ahead of the real one; a negative number sets it back. */
  ahead(ms: number): Promise<number> {
    return this.#post('ahead', [ms])
  }

  of(source: string): IdentityRpc & { stored: () => Promise<string[]>; alarmAt: () => Promise<number | null> } {
    return {
      get: (key) => this.#post(`${source}/get`, [key]),
      set: (key, value, seconds) => this.#post(`${source}/set`, [key, value, seconds]),
      stored: () => this.#post(`${source}/stored`, []),
      alarmAt: () => this.#post(`${source}/alarmAt`, []),
    }
  }

  /** What a Worker would be bound to. */
  get binding(): Bindings['IDENTITY'] {
    return { getByName: (name) => this.of(name) }
  }

  async #post<T>(path: string, args: readonly unknown[]): Promise<T> {
    const response = await this.#miniflare.dispatchFetch(`http://identity.test/${path}`, {
      method: 'POST',
      body: JSON.stringify(args),
    })
    return (await response.json()) as T
  }
}

/** Processes of workerd that this process has started. */
const workerds = (): number[] =>
  execFileSync('ps', ['-A', '-o', 'pid=,ppid=,comm='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, command = '']) => Number(parent) === process.pid && command.includes('workerd'))
    .map(([pid]) => Number(pid))
