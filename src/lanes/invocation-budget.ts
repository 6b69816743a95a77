import type { Port } from '../core/port.ts'
import { SUBREQUESTS_PER_INVOCATION } from '../platform/limits.ts'

/** Transforms and destinations may make calls of their own, which nobody counts: less than half is used. */
const share = 0.4

/**
 * Counts the subrequests of a lane since its last alarm. While a lane works off a backlog, each request is begun by the end of
 * another one: all of them belong to one invocation, and the platform lets it make so many. An alarm begins a new one.
 */
export class InvocationBudget {
  readonly #most: number
  #spent = 0

  /** @param most subrequests until a new invocation is wanted */
  constructor(most: number = SUBREQUESTS_PER_INVOCATION * share) {
    this.#most = most
  }

  get isSpent(): boolean {
    return this.#spent >= this.#most
  }

  spend(subrequests: number): void {
    this.#spent += subrequests
  }

  renew(): void {
    this.#spent = 0
  }

  /** Makes a port whose fetches are counted. */
  countingPort(port: Port): Port {
    const { fetch, send } = port
    const counted: Port = {
      ...port,
      fetch: (request) => {
        this.spend(1)
        return fetch(request)
      },
    }
    if (send === undefined) return counted
    return {
      ...counted,
      send: (url, init) => {
        this.spend(1)
        return send(url, init)
      },
    }
  }
}
