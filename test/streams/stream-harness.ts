import { resolve } from 'node:path'
import type { Packed } from '../../src/core/envelope.ts'
import type { Appended } from '../../src/core/stream.ts'
import { until } from '../support/until.ts'
import { Workerd } from '../support/workerd.ts'
import type { Answer, Got, Visit } from './recorder.ts'

const root = resolve(import.meta.dirname, '../..')

interface Options {
  /** A file of src/streams that exports a driver of the same name. */
  readonly driver: string
  /** Module that exports the driver, from the root of the repository; its file in src/streams when left out. */
  readonly module?: string
  readonly options?: object
  /** URL that real lanes send to; without it, lanes are recorders. */
  readonly sink?: string
  /** Fetches that a lane may make in one invocation; as many as it wants when left out. */
  readonly subrequests?: number
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
export class StreamHarness {
  readonly #workerd: Workerd

  private constructor(workerd: Workerd) {
    this.#workerd = workerd
  }

  static async start({
    driver,
    module = `./src/streams/${driver}.ts`,
    options = {},
    sink,
    subrequests,
  }: Options): Promise<StreamHarness> {
    const contents = `
      import { ${driver} } from '${module}'
      import { streamWorker } from './test/streams/stream-worker.ts'
      const { handler, Log: A, Lane: B, Recorder: C, Kafka: D } = streamWorker(${driver})
      export class Log extends A {}
      export class Lane extends B {}
      export class Recorder extends C {}
      export class Kafka extends D {}
      export default handler`
    return new StreamHarness(
      await Workerd.start(
        { stdin: { contents, resolveDir: root, loader: 'ts' } },
        {
          name: 'stream',
          durableObjects: {
            LOG: { className: 'Log', useSQLite: true },
            LANE: { className: 'Lane', useSQLite: true },
            RECORDER: { className: 'Recorder', useSQLite: true },
            KAFKA: { className: 'Kafka', useSQLite: true },
          },
          r2Buckets: ['BUCKET'],
          queueProducers: { EVENTS: 'events' },
          queueConsumers: { events: { maxBatchSize: 100, maxBatchTimeout: 0.05, maxRetries: 100 } },
          bindings: {
            STREAM: JSON.stringify(options),
            ...(sink === undefined ? {} : { SINK: sink }),
            ...(subrequests === undefined ? {} : { SUBREQUESTS: `${subrequests}` }),
          },
        },
      ),
    )
  }

  /** Ends the runtime as a power cut does, and starts it again on the same state. */
  restart(): Promise<void> {
    return this.#workerd.restart()
  }

  /** Where the Worker listens; another one after a restart. */
  get url(): string {
    return this.#workerd.url
  }

  stop(): Promise<void> {
    return this.#workerd.stop()
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
    return until(`${many} events are at ${name}`, () => this.got(name), {
      enough: (got) => got.length >= many,
      everyMs: 20,
      seconds: 15,
    })
  }

  async #post<T>(path: string, body: object): Promise<T> {
    const response = await this.#workerd.fetch(`/${path}`, { method: 'POST', body: JSON.stringify(body) })
    const answer = (await response.json()) as { result: T; code?: string; message?: string }
    if (answer.code !== undefined) throw new Refused(answer.code, answer.message ?? '')
    return answer.result
  }
}
