import type { Bindings } from '../../src/core/bindings.ts'
import type { Transform } from '../../src/core/transform.ts'
import { log } from '../../src/streams/log.ts'
import { sluiceway } from '../../src/worker.ts'
import { defineSource } from '../../src/configure/define-source.ts'
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

const never = new Promise<never>(() => {})

/** Never settles for the event `Hang`. */
const hangs: Transform = {
  name: 'hangs',
  transformEvent: (event) => (event.event === 'Hang' ? never : event),
}

/** Never settles for a batch with the event `Hang`. */
const hangsBatch: Transform = {
  name: 'hangs-batch',
  transformBatch: (events) => (events.some(({ event }) => event === 'Hang') ? never : events),
}

/** Its `verify` and its `map` never settle where the call says so. */
const hooks = defineSource({
  name: 'hooks',
  settings: {},
  verify: ({ query }) => (query['hang']?.[0] === 'verify' ? never : undefined),
  map: ({ query, body }) =>
    query['hang']?.[0] === 'map' ? never : [{ ...(body as object), type: 'track', anonymousId: 'visitor-1' }],
})

const sixAtOnce = { events: 1, bytes: 100_000, parallel: 6, timeoutSeconds: 5 }

const app = sluiceway(
  defineConfig((env) => ({
    stream: log({ flushMs: 0 }),
    sources: {
      shop: { writeKey: 'keyOfTheShop', to: ['crm'] },
      metered: { writeKey: 'keyOfTheMetered', rate: { eventsPerSecond: 2, burst: 4 }, to: ['crm'] },
      other: { writeKey: 'keyOfTheOther', rate: { eventsPerSecond: 2, burst: 4 }, to: ['crm'] },
      hanging: { writeKey: 'keyOfTheHanging', transforms: [hangs], to: ['crm'] },
      batched: { writeKey: 'keyOfTheBatched', transforms: [hangsBatch], to: ['crm'] },
      patient: { writeKey: 'keyOfThePatient', to: ['slow'] },
      hooks: { writeKey: 'keyOfTheHooks', webhook: hooks(), to: ['crm'] },
    },
    destinations: {
      crm: {
        use: {
          ...sinkDestination(env['SINK'] ?? ''),
          forget: ({ userId = '' }) => ({
            method: 'POST',
            url: env['SINK'] ?? '',
            headers: {},
            body: JSON.stringify({ messageId: `deletion-of-${userId}` }),
          }),
        },
      },
      slow: { use: { ...sinkDestination(env['SINK'] ?? ''), limits: sixAtOnce }, transforms: [hangs] },
    },
    limits: { userCodeMs: 400 },
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
