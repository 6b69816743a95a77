import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { pack, type Packed } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import type { Appended } from '../../src/core/stream.ts'
import type { Answer, Got, Visit } from './recorder.ts'

const root = resolve(import.meta.dirname, '../..')

interface Options {
  /** A file of src/streams that exports a driver of the same name. */
  readonly driver: string
  readonly options?: object
  /** URL that real lanes send to; without it, lanes are recorders. */
  readonly sink?: string
}

/** What a failed call said. */
export class Refused extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** A stream driver in workerd on state that outlives it, between a test and its lanes. */
export class StreamBench {
  readonly #options: Options
  readonly #script: string
  readonly #state: string
  #miniflare!: Miniflare
  #workerd: number | undefined

  private constructor(options: Options, script: string) {
    this.#options = options
    this.#script = script
    this.#state = mkdtempSync(join(tmpdir(), 'sluiceway-stream-'))
  }

  static async start(options: Options): Promise<StreamBench> {
    const { driver } = options
    const bundle = await build({
      stdin: {
        contents: `
          import { ${driver} } from './src/streams/${driver}.ts'
          import { streamWorker } from './test/streams/stream-worker.ts'
          const { handler, Log: A, Lane: B, Recorder: C } = streamWorker(${driver})
          export class Log extends A {}
          export class Lane extends B {}
          export class Recorder extends C {}
          export default handler`,
        resolveDir: root,
        loader: 'ts',
      },
      bundle: true,
      format: 'esm',
      write: false,
      platform: 'neutral',
      external: ['cloudflare:*', 'node:*'],
    })
    const bench = new StreamBench(options, bundle.outputFiles[0]?.text ?? '')
    await bench.#open()
    return bench
  }

  async #open(): Promise<void> {
    const before = new Set(workerds())
    const { options = {}, sink } = this.#options
    this.#miniflare = new Miniflare({
      ...convertV4MiniflareOptions({
        workers: [
          {
            name: 'stream-test',
            compatibilityDate: '2026-10-01',
            modules: [{ type: 'ESModule', path: 'worker.mjs', contents: this.#script }],
            durableObjects: {
              LOG: { className: 'Log', useSQLite: true },
              LANE: { className: 'Lane', useSQLite: true },
              RECORDER: { className: 'Recorder', useSQLite: true },
            },
            r2Buckets: ['BUCKET'],
            queueProducers: { EVENTS: 'events' },
            queueConsumers: { events: { maxBatchSize: 100, maxBatchTimeout: 0.05, maxRetries: 100 } },
            bindings: { STREAM: JSON.stringify(options), ...(sink === undefined ? {} : { SINK: sink }) },
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

  /** Ends the runtime as a power cut does, and starts it again on the same state. */
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

  append(
    batch: readonly Packed[],
    options: { readonly broken?: boolean; readonly since?: number } = {},
  ): Promise<Appended> {
    return this.#post('append', { batch, ...options })
  }

  /** Lets time pass for all objects, until the next restart. */
  ahead(ms: number): Promise<number> {
    return this.#post('ahead', { ms })
  }

  log<T>(partition: number, method: string, ...args: readonly unknown[]): Promise<T> {
    return this.#post('call', { object: 'LOG', name: `${partition}`, method, args })
  }

  lane<T>(name: string, method: string, ...args: readonly unknown[]): Promise<T> {
    return this.#post('call', { object: 'LANE', name, method, args })
  }

  script(...answers: readonly Answer[]): Promise<void> {
    return this.lane('webhook:0', 'script', answers)
  }

  visits(): Promise<Visit[]> {
    return this.lane('webhook:0', 'visits')
  }

  got(name = 'webhook:0'): Promise<Got[]> {
    return this.lane(name, 'got')
  }

  /** Waits until the recorder has so many events. */
  async gotSo(many: number, name = 'webhook:0'): Promise<Got[]> {
    return until(
      () => this.got(name),
      (got) => got.length >= many,
    )
  }

  async #post<T>(path: string, body: object): Promise<T> {
    const response = await this.#miniflare.dispatchFetch(`http://stream.test/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    const answer = (await response.json()) as { result: T; code?: string; message?: string }
    if (answer.code !== undefined) throw new Refused(answer.code, answer.message ?? '')
    return answer.result
  }
}

/** Packs an event of Ada's shop. */
export const order = (
  id: string,
  event: Partial<Event> = {},
  { key = 'ada', to = ['webhook', 'audit'] } = {},
): Packed =>
  pack(
    { id, key, source: 'shop', receivedAt: '2026-11-25T12:00:00.000Z', to, facts: {} },
    { type: 'track', event: 'Order Completed', messageId: id, anonymousId: key, ...event },
  )

export async function until<T>(look: () => Promise<T>, enough: (seen: T) => boolean, seconds = 15): Promise<T> {
  for (const end = Date.now() + seconds * 1000; ;) {
    const seen = await look()
    if (enough(seen)) return seen
    if (Date.now() > end) throw new Error(`not within ${seconds} s; last seen: ${JSON.stringify(seen).slice(0, 2000)}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Processes of workerd that this process has started. */
export const workerds = (): number[] =>
  execFileSync('ps', ['-A', '-o', 'pid=,ppid=,comm='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, command = '']) => Number(parent) === process.pid && command.includes('workerd'))
    .map(([pid]) => Number(pid))
