import { defineConfig } from '../../src/configure/define-config.ts'
import { log } from '../../src/streams/log.ts'
import { d1 } from '../../src/warehouses/d1.ts'
import { sluiceway } from '../../src/worker.ts'
import { webhook } from '../../destinations/webhook.ts'
import { limitApp, limitReport, setSubrequests } from '../support/limited-app.ts'

let aheadMs = 0
let isLogAway = false
let loadBudgetMs: number | undefined
const realNow = Date.now
// Milliseconds that the test lets pass; every object of the isolate sees them.
Date.now = () => realNow() + aheadMs

const app = limitApp(
  sluiceway(
    defineConfig((env) => {
      const use = webhook({ url: env.SINK, allowPrivate: true })
      return {
        stream: log(),
        sources: { shop: { writeKey: env.WRITE_KEY } },
        destinations: {
          // Its lane sends by itself, however slow it is: other invocations are for those that take six at once.
          hook: { use: { ...use, limits: { ...use.limits, parallel: 5 } } },
          far: { use: webhook({ url: env.FAR, allowPrivate: true }) },
        },
        warehouses: { tables: { use: d1(), stageSeconds: 1 } },
        admin: { token: env.ADMIN_TOKEN },
      }
    }),
  ),
)
const { handler } = app
type Env = Parameters<NonNullable<typeof handler.fetch>>[1]

export class Log extends app.Log {
  override async append(...args: Parameters<InstanceType<typeof app.Log>['append']>) {
    if (isLogAway) throw new Error('the log is away')
    return super.append(...args)
  }
}
export class Lane extends app.Lane {}
export class RemoteSender extends app.RemoteSender {}
export class Loader extends app.Loader {
  override async load(...[warehouse, options = {}]: Parameters<InstanceType<typeof app.Loader>['load']>) {
    return super.load(warehouse, loadBudgetMs === undefined ? options : { budgetMs: loadBudgetMs, ...options })
  }
}
export class Suppression extends app.Suppression {}
export class RateLimiter extends app.RateLimiter {}
export class Identity extends app.Identity {}
export class Topic extends app.Topic {}
export class Group extends app.Group {}
export class Catalog extends app.Catalog {}
export class Kafka extends app.Kafka {}
export class Poller extends app.Poller {}

const calls: Readonly<Record<string, (value: string, env: Env, ctx: ExecutionContext) => unknown>> = {
  report: () => limitReport(),
  subrequests: (most) => setSubrequests(Number(most)),
  log: (state) => void (isLogAway = state === 'away'),
  budget: (ms) => void (loadBudgetMs = Number(ms)),
  ahead: (ms) => void (aheadMs += Number(ms)),
  minute: (_, env, ctx) =>
    handler.scheduled?.({ scheduledTime: Date.now(), cron: '* * * * *', noRetry() {} }, env, ctx),
  spilled: async (_, { BUCKET }) => (await BUCKET.list({ prefix: 'spill/' })).objects.length,
  rows: (_, env) =>
    (env as unknown as { readonly DB: D1Database }).DB.prepare(
      'SELECT count(*) AS n, count(DISTINCT id) AS ids FROM tracks',
    ).first(),
}

/** What the test asks of it, beside what Sluiceway does: `/test/<call>/<value>`. */
export default {
  ...handler,
  async fetch(request, env, ctx) {
    const [, what = '', value = ''] = /\/test\/(\w+)\/?(\w*)/.exec(request.url) ?? []
    if (calls[what] === undefined) return handler.fetch?.(request, env, ctx) as Response | Promise<Response>
    return Response.json((await calls[what](value, env, ctx)) ?? null)
  },
} satisfies ExportedHandler<Env, string>
