import { AsyncLocalStorage } from 'node:async_hooks'
import type { Bindings } from '../../src/core/bindings.ts'
import { RemoteGroups } from '../../src/lanes/remote-sender.ts'
import { CONNECTIONS_PER_INVOCATION } from '../../src/platform/limits.ts'
import { seventh } from './seventh-connection.ts'

interface Counted {
  waiting: number
}

let isLimited = false

/**
 * Enforces in a running Worker that no invocation has more than six connections that wait for an answer, which workerd does not
 * enforce on one machine: the platform would let a seventh wait; here it fails, so that a test sees it. For configs with one lane.
 *
 * @param env the bindings of the Worker
 */
export function limitConnections(env: unknown): void {
  const { OUTBOUND } = env as Bindings
  if (isLimited || OUTBOUND === undefined) return
  isLimited = true
  const invocations = new AsyncLocalStorage<Counted>()
  const ofLane: Counted = { waiting: 0 }
  const counts = new WeakMap<RemoteGroups, Counted>()
  // oxlint-disable-next-line typescript/unbound-method -- called on what it was called on
  const { forward } = RemoteGroups.prototype
  RemoteGroups.prototype.forward = function (this: RemoteGroups, text: string) {
    const counted = counts.get(this) ?? { waiting: 0 }
    counts.set(this, counted)
    return invocations.run(counted, () => forward.call(this, text))
  }
  const fetch = OUTBOUND.fetch.bind(OUTBOUND)
  Object.defineProperty(OUTBOUND, 'fetch', {
    configurable: true,
    value: async (...args: Parameters<typeof fetch>) => {
      const counted = invocations.getStore() ?? ofLane
      if (counted.waiting >= CONNECTIONS_PER_INVOCATION) throw new Error(seventh)
      counted.waiting++
      try {
        return await fetch(...args)
      } finally {
        counted.waiting--
      }
    },
  })
}
