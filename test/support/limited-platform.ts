import type { Bindings } from '../../src/core/bindings.ts'
import type { Warehouse } from '../../src/core/warehouse.ts'
import { LaneObject } from '../../src/lanes/lane-object.ts'
import { SUBREQUESTS_PER_INVOCATION } from '../../src/platform/limits.ts'
import { limitedD1 } from './limited-d1.ts'
import { r2WriteLimit } from './limited-r2.ts'

let isLimited = false

/**
 * Enforces in a running Worker what workerd does not enforce on one machine: one write a second to each key of R2, and the
 * subrequests that one invocation of a destination's lane makes. workerd itself holds to the limits of timers and of calls to
 * objects. For configs of tests with one destination and one partition.
 *
 * @param env the bindings of the Worker
 * @param destination whose lane makes the fetches
 */
export function limitPlatform(env: unknown, destination: string): void {
  if (isLimited) return
  isLimited = true
  const { BUCKET } = env as Bindings
  const checkWrite = r2WriteLimit()
  const put = BUCKET.put.bind(BUCKET) as (key: string, ...args: unknown[]) => Promise<unknown>
  Object.defineProperty(BUCKET, 'put', {
    configurable: true,
    value: async (key: string, ...args: unknown[]) => {
      checkWrite(key)
      return put(key, ...args)
    },
  })

  let subrequests = 0
  const alarm = Reflect.get(LaneObject.prototype, 'alarm') as (this: LaneObject) => Promise<void>
  LaneObject.prototype.alarm = async function () {
    const { ctx } = this as unknown as { readonly ctx: DurableObjectState }
    if (ctx.id.name?.startsWith(`${destination}:`) === true) subrequests = 0
    await alarm.call(this)
  }
  const realFetch = globalThis.fetch
  globalThis.fetch = (async (...args: Parameters<typeof fetch>) => {
    if (++subrequests > SUBREQUESTS_PER_INVOCATION) throw new Error('Too many subrequests by single Worker invocation.')
    return realFetch(...args)
  }) as typeof fetch
}

/** D1 with the queries that an invocation may make, each of them counted from the opening of the engine on. */
export const limitedWarehouse = (inner: Warehouse): Warehouse => ({
  ...inner,
  open: (bindings, namespace) => inner.open({ ...bindings, DB: limitedD1(bindings['DB'] as D1Database) }, namespace),
})
