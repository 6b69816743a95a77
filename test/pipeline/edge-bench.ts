import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { workerds } from '../streams/stream-bench.ts'

/** The whole Worker in workerd, with a config for tests (see edge-worker.ts), on state that outlives it. */
export class EdgeBench {
  readonly #script: string
  readonly #sink: string
  readonly #state = mkdtempSync(join(tmpdir(), 'sluiceway-edge-'))
  #miniflare!: Miniflare
  #workerd: number | undefined

  private constructor(script: string, sink: string) {
    this.#script = script
    this.#sink = sink
  }

  /** @param sink URL that events are delivered to */
  static async start(sink: string): Promise<EdgeBench> {
    const bundle = await build({
      entryPoints: [join(import.meta.dirname, 'edge-worker.ts')],
      bundle: true,
      format: 'esm',
      write: false,
      platform: 'neutral',
      external: ['cloudflare:*', 'node:*'],
      mainFields: ['module', 'main'],
      conditions: ['workerd'],
    })
    const bench = new EdgeBench(bundle.outputFiles[0]?.text ?? '', sink)
    await bench.#open()
    return bench
  }

  async #open(): Promise<void> {
    const before = new Set(workerds())
    this.#miniflare = new Miniflare({
      ...convertV4MiniflareOptions({
        workers: [
          {
            name: 'edge-test',
            compatibilityDate: '2026-10-01',
            modules: [{ type: 'ESModule', path: 'worker.mjs', contents: this.#script }],
            durableObjects: {
              LOG: { className: 'Log', useSQLite: true },
              LANE: { className: 'Lane', useSQLite: true },
              LOADER: { className: 'Loader', useSQLite: true },
              SUPPRESSION: { className: 'Suppression', useSQLite: true },
              RATE: { className: 'RateLimiter', useSQLite: true },
              IDENTITY: { className: 'Identity', useSQLite: true },
            },
            r2Buckets: ['BUCKET'],
            bindings: { SINK: this.#sink },
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

  /** Ends the runtime as a power cut does, and starts it again on the same state. The clock is right again. */
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

  /** Sets the clock ahead, takes objects away. */
  async set(setup: { readonly aheadMs?: number; readonly away?: readonly ('SUPPRESSION' | 'RATE')[] }): Promise<void> {
    await this.#fetch('/test', { method: 'POST', body: JSON.stringify(setup) })
  }

  async send(events: readonly object[], key = 'keyOfTheShop') {
    const response = await this.#fetch('/v1/batch', {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${key}:`)}` },
      body: JSON.stringify({ batch: events }),
    })
    const { status, headers } = response
    return { status, headers, body: (await response.json()) as Record<string, unknown> }
  }

  /** Calls the admin API: a GET, or a POST when there is a body. */
  async admin(path: string, body?: object) {
    const response = await this.#fetch(`/admin${path}`, {
      headers: { authorization: 'Bearer correct-horse-battery-staple' },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }

  async #fetch(path: string, init: { method?: string; headers?: Record<string, string>; body?: string }) {
    return this.#miniflare.dispatchFetch(`http://edge.test${path}`, init)
  }
}
