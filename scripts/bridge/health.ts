import { Base, type BaseOptions, ConnectionPool } from '@platformatic/kafka'
import { apiOf } from './brokers.ts'
import { rootMessage } from './errors.ts'

/** How the brokers are, as `/health` tells it. */
export interface BrokerHealth {
  readonly status: 'ok' | 'degraded' | 'down'
  readonly brokers: readonly {
    readonly id: number
    readonly address: string
    readonly ok: boolean
    readonly reason?: string
  }[]
  readonly reason?: string
}

/** Milliseconds in which a broker must answer. */
const patience = 2_000
/** Milliseconds for which an answer is given again. */
const fresh = 1_000

/** Asks every broker whether it answers. */
export class HealthCheck {
  readonly #options: BaseOptions
  #last: { readonly at: number; readonly health: Promise<BrokerHealth> } | undefined

  constructor(options: BaseOptions) {
    this.#options = { ...options, connectTimeout: patience, requestTimeout: patience, retries: 0 }
  }

  /** Gives what was found within the last second, or asks. */
  health(): Promise<BrokerHealth> {
    if (this.#last === undefined || Date.now() - this.#last.at > fresh)
      this.#last = { at: Date.now(), health: this.#ask() }
    return this.#last.health
  }

  /** With connections of its own: those of the others may hang in what they wait for. */
  async #ask(): Promise<BrokerHealth> {
    const client = new Base(this.#options)
    const pool = new ConnectionPool(this.#options.clientId, this.#options)
    try {
      const { brokers } = await within(client.metadata({ topics: [], forceUpdate: true }))
      const api = await apiOf<[string[], boolean, boolean], unknown>(client, 'Metadata')
      const all = await Promise.all(
        [...brokers].map(async ([id, { host, port }]) => {
          const address = `${host}:${port}`
          try {
            await within(pool.get({ host, port }).then((connection) => api.async(connection, [], false, false)))
            return { id, address, ok: true }
          } catch (thrown) {
            return { id, address, ok: false, reason: rootMessage(thrown) }
          }
        }),
      )
      const answering = all.filter(({ ok }) => ok).length
      return { status: answering === 0 ? 'down' : answering < all.length ? 'degraded' : 'ok', brokers: all }
    } catch (thrown) {
      return { status: 'down', brokers: [], reason: rootMessage(thrown) }
    } finally {
      void Promise.allSettled([client.close(), pool.close()])
    }
  }
}

async function within<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${patience / 1_000} s`)), patience)
  })
  // It goes on and fails later, when nobody waits for it any more.
  promise.catch(() => undefined)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
