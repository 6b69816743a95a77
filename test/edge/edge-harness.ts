import { join } from 'node:path'
import { Workerd } from '../support/workerd.ts'

const object = (className: string) => ({ className, useSQLite: true })

/** The whole Worker in workerd, with a config for tests (see edge-worker.ts), on state that outlives it. */
export class EdgeHarness {
  readonly #workerd: Workerd

  private constructor(workerd: Workerd) {
    this.#workerd = workerd
  }

  /** @param sink URL that events are delivered to */
  static async start(sink: string): Promise<EdgeHarness> {
    const entryPoints = [join(import.meta.dirname, 'edge-worker.ts')]
    return new EdgeHarness(
      await Workerd.start(
        { entryPoints },
        {
          name: 'edge',
          durableObjects: {
            LOG: object('Log'),
            LANE: object('Lane'),
            LOADER: object('Loader'),
            SUPPRESSION: object('Suppression'),
            RATE: object('RateLimiter'),
            IDENTITY: object('Identity'),
          },
          r2Buckets: ['BUCKET'],
          bindings: { SINK: sink },
        },
      ),
    )
  }

  /** Ends the runtime as a power cut does, and starts it again on the same state. The clock is right again. */
  restart(): Promise<void> {
    return this.#workerd.restart()
  }

  stop(): Promise<void> {
    return this.#workerd.stop()
  }

  /** Sets the clock ahead, makes objects unavailable. */
  async set(setup: {
    readonly aheadMs?: number
    readonly unavailable?: readonly ('SUPPRESSION' | 'RATE')[]
  }): Promise<void> {
    await this.#workerd.fetch('/test', { method: 'POST', body: JSON.stringify(setup) })
  }

  async send(events: readonly object[], key = 'keyOfTheShop') {
    const response = await this.#workerd.fetch('/v1/batch', {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${key}:`)}` },
      body: JSON.stringify({ batch: events }),
    })
    const { status, headers } = response
    return { status, headers, body: (await response.json()) as Record<string, unknown> }
  }

  /** Makes the call of a vendor to the source `hooks`. */
  async hook(query: string, body: object) {
    const response = await this.#workerd.fetch(`/v1/webhook?writeKey=keyOfTheHooks&${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return { status: response.status, text: await response.text() }
  }

  /** Calls the admin API: a GET, or a POST when there is a body. */
  async admin(path: string, body?: object) {
    const response = await this.#workerd.fetch(`/admin${path}`, {
      headers: { authorization: 'Bearer correct-horse-battery-staple' },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
}
