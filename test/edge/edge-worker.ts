import type { Bindings } from '../../src/core/bindings.ts'
import { log } from '../../src/streams/log.ts'
import { sluiceway } from '../../src/worker.ts'
import { defineConfig } from '../../src/configure/define-config.ts'
import { sinkDestination } from '../support/fake-destination.ts'

/** What a test sets through `POST /test`, for the whole isolate. */
interface Setup {
  /** Added to the clock. */
  aheadMs: number
  /** Objects that do not answer at all. */
  unavailable: readonly ('SUPPRESSION' | 'RATE')[]
}

const setup: Setup = { aheadMs: 0, unavailable: [] }
const realNow = Date.now
Date.now = () => realNow() + setup.aheadMs

const app = sluiceway(
  defineConfig((env) => ({
    stream: log({ flushMs: 0 }),
    sources: {
      shop: { writeKey: 'keyOfTheShop' },
      metered: { writeKey: 'keyOfTheMetered', rate: { eventsPerSecond: 2, burst: 4 } },
      other: { writeKey: 'keyOfTheOther', rate: { eventsPerSecond: 2, burst: 4 } },
    },
    destinations: { crm: { use: sinkDestination(env['SINK'] ?? '') } },
    admin: { token: 'correct-horse-battery-staple' },
  })),
)

export class Log extends app.Log {}
export class Lane extends app.Lane {}
export class Loader extends app.Loader {}
export class Suppression extends app.Suppression {}
export class RateLimiter extends app.RateLimiter {}
export class Identity extends app.Identity {}

const silent = { getByName: () => new Proxy({}, { get: () => () => new Promise(() => {}) }) }

type Env = Parameters<NonNullable<typeof app.handler.fetch>>[1]

export default {
  async fetch(request: Parameters<NonNullable<typeof app.handler.fetch>>[0], env: Env, ctx: ExecutionContext) {
    if (new URL(request.url).pathname === '/test') {
      Object.assign(setup, await request.json<Partial<Setup>>())
      return new Response()
    }
    const unavailable: Partial<Record<keyof Bindings, unknown>> = {}
    for (const name of setup.unavailable) unavailable[name] = silent
    return app.handler.fetch?.(request, { ...env, ...unavailable } as Env, ctx) ?? new Response(null, { status: 500 })
  },
}
