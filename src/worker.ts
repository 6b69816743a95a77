import { type Context, Hono } from 'hono'
import { admin } from './admin/app.ts'
import { demoPort } from './console/demo-port.ts'
import { demo } from './console/demo.ts'
import { type Bindings } from './core/bindings.ts'
import type { ConfigOf, Vars } from './core/config.ts'
import { reasonOf, SluicewayError } from './core/errors.ts'
import { resolveConfig } from './configure/resolve-config.ts'
import { summarizeConfig } from './configure/summarize-config.ts'
import type { AppContext } from './core/app-context.ts'
import { answerNotFound, answerRefused } from './ingest/refuse.ts'
import { detailsOf, missingValues } from './configure/missing-values.ts'
import { invalidConfigResponse } from './ingest/invalid-config.ts'
import { pathIn } from './ingest/path.ts'
import { mayReplay } from './edge/may-replay.ts'
import { replayEdgeLetter } from './edge/replay-edge-letter.ts'
import { sdkAsset } from './ingest/sdk-assets.ts'
import { ingestRoutes } from './ingest/routes.ts'
import { InvocationBudget } from './lanes/invocation-budget.ts'
import { credentialsOf } from './lanes/kept-credentials.ts'
import { LaneObject } from './lanes/lane-object.ts'
import { RemoteSenderEntrypoint } from './lanes/remote-sender.ts'
import type { RemoteTools } from './lanes/remote-task.ts'
import type { RemoteCalls } from './lanes/sender-pool.ts'
import { RateLimiterObject } from './admission/rate-limiter-object.ts'
import { eraseFromArchive } from './admission/erase-from-archive.ts'
import { SuppressionObject } from './admission/suppression-object.ts'
import { load } from './schedule/load.ts'
import { localTicker } from './schedule/local-ticker.ts'
import { LoaderObject } from './loading/loader-object.ts'
import { pollSources } from './schedule/poll-sources.ts'
import { sweep } from './schedule/sweep.ts'
import { KafkaSourceObject } from './polling/kafka-source-object.ts'
import { IdentityObject } from './sources/identity-object.ts'
import { appendLeftovers } from './streams/append-leftovers.ts'
import { KafkaObject } from './streams/kafka/kafka-object.ts'
import { LogObject } from './streams/log/log-object.ts'
import { appendMessages } from './streams/queues/messages.ts'
import { CatalogObject } from './topics/catalog-object.ts'
import { GroupObject } from './topics/group-object.ts'
import { TopicObject } from './topics/topic-object.ts'
import { outboundPort } from './platform/outbound-port.ts'
import { flushLog, realPort } from './platform/real-port.ts'
import { stackPort } from './platform/stack-port.ts'
import { watchTransforms } from './platform/watched-transforms.ts'
import type { Envelope } from './core/envelope.ts'
import type { Port } from './core/port.ts'
import type { ResolvedConfig } from './core/resolved-config.ts'
import type { StreamTriggers, TriggerContext } from './core/stream.ts'

type Env = Bindings & Vars

/** For how long a minute's schedule asks loaders again that are not done. A run of one takes 25 s or somewhat more. */
const loadAgainMs = 30_000

/** What an object reaches of RemoteSenderEntrypoint. */
interface SenderBinding {
  readonly open: (target: string) => PromiseLike<RemoteCalls>
}

/** What `src/index.ts` exports: the handlers and the Durable Object classes, all with one config. */
export interface Sluiceway {
  readonly handler: ExportedHandler<Env, string>
  /** Answers with the summary of the config. It has no route: only a Worker that is bound to it by name reaches it. */
  readonly summary: ExportedHandler<Env>
  readonly Log: new (ctx: DurableObjectState, env: Env) => LogObject
  readonly Lane: new (ctx: DurableObjectState, env: Env) => LaneObject
  /** Sends for lanes that need more connections. Without it under this name among the exports, lanes make do with their own. */
  readonly RemoteSender: new (ctx: ExecutionContext, env: Env) => RemoteSenderEntrypoint
  readonly Loader: new (ctx: DurableObjectState, env: Env) => LoaderObject
  readonly Suppression: new (ctx: DurableObjectState, env: Env) => SuppressionObject
  readonly RateLimiter: new (ctx: DurableObjectState, env: Env) => RateLimiterObject
  readonly Identity: new (ctx: DurableObjectState, env: Env) => IdentityObject
  readonly Topic: new (ctx: DurableObjectState, env: Env) => TopicObject
  readonly Group: new (ctx: DurableObjectState, env: Env) => GroupObject
  readonly Catalog: new (ctx: DurableObjectState, env: Env) => CatalogObject
  readonly Kafka: new (ctx: DurableObjectState, env: Env) => KafkaObject
  readonly Poller: new (ctx: DurableObjectState, env: Env) => KafkaSourceObject
}

const watch = (resolved: ResolvedConfig, { WATCH_TRANSFORMS: text }: Env): ResolvedConfig =>
  text === undefined ? resolved : watchTransforms(resolved, text)

/** The beginning of a path: what follows may hold a write key. */
const routeOf = (url: string): string => new URL(url).pathname.split('/').slice(0, 3).join('/')

/** Appends to the stream of today what an earlier one brings. */
const appendTo =
  ({ resolved, bindings, port }: Pick<AppContext, 'resolved' | 'bindings' | 'port'>) =>
  (envelopes: readonly Envelope[]): Promise<void> =>
    appendLeftovers(envelopes, resolved.stream, { bindings, port })

/** The triggers of all streams, each with what they are called with: the stream of today, then those that may still hold events. */
function streamsOf(context: AppContext): { readonly triggers: StreamTriggers; readonly context: TriggerContext }[] {
  const { stream, earlierStreams } = context.resolved
  const earlier = { ...context, append: appendTo(context) }
  return [
    { triggers: stream.triggers, context },
    ...earlierStreams.map(({ triggers }) => ({ triggers, context: earlier })),
  ]
}

/**
 * Wires a config to everything.
 *
 * @param configOf the default export of `src/config.ts`
 * @returns the handlers and classes that a Worker exports
 */
export function sluiceway(configOf: ConfigOf): Sluiceway {
  // One isolate serves one deployment, so its env never changes.
  let resolved: ResolvedConfig | undefined
  const resolve = (env: Env): ResolvedConfig => (resolved ??= watch(resolveConfig(configOf, env), env))
  let known: Port | undefined
  const portOf = (env: Env): Port => (known ??= stackPort(realPort, env))
  /** The world of whatever sends to destinations. */
  const lanePort = (env: Env, ctx: DurableObjectState | ExecutionContext): Port => {
    const real = outboundPort(portOf(env), env)
    return resolve(env).demo === false ? real : demoPort(real, ctx.exports.default)
  }
  const remoteTools = (name: string, env: Env, ctx: ExecutionContext): RemoteTools => {
    const { targets, limits } = resolve(env)
    const target = targets.get(name)
    if (target?.kind !== 'destination') throw new Error(`There is no destination ${name} in the config.`)
    const budget = new InvocationBudget()
    const port = { ...budget.countingPort(lanePort(env, ctx)), ...credentialsOf(target, env.LANE) }
    return { target, port, budget, userCodeMs: limits.userCodeMs }
  }
  const contextOf = (env: Env, ctx: ExecutionContext): AppContext => ({
    resolved: resolve(env),
    bindings: env,
    port: portOf(env),
    waitUntil: (work) => ctx.waitUntil(work),
  })

  // Two apps, so that the routes of events are all of the kind that Hono matches with one regular expression.
  const app = new Hono<{ Bindings: AppContext }>({ getPath: pathIn }).route('/', ingestRoutes)
  const rest = new Hono<{ Bindings: AppContext }>().route('/admin', admin).route('/demo', demo)
  app.notFound((c) => rest.fetch(c.req.raw, c.env))
  rest.notFound(async (c) => {
    let refused: Response | undefined
    for (const { triggers, context } of streamsOf(c.env)) {
      const taken = await triggers.fetch?.(c.req.raw, context)
      // Another stream of the same kind may know the caller: an earlier one had another URL or account.
      if (taken?.status === 401) refused ??= taken
      else if (taken !== undefined) return taken
    }
    if (refused !== undefined) return answerRefused(c.req.raw, refused)
    const { method } = c.req.raw
    if ((method === 'GET' || method === 'HEAD') && c.env.bindings.ASSETS !== undefined) {
      const sdk = await sdkAsset(c.req.raw, c.env)
      if (sdk !== undefined) return sdk
      const asset = await c.env.bindings.ASSETS.fetch(c.req.raw)
      if (asset.status !== 404) return asset
    }
    return answerNotFound(c.req.raw, c.env)
  })
  const answerFailure = (error: Error, c: Context<{ Bindings: AppContext }>) => {
    c.env.port.log('error', 'a request failed', { path: routeOf(c.req.url), reason: reasonOf(error) })
    return c.json({ success: false, code: 'internal', message: 'Something went wrong here; try again.' }, 500)
  }
  app.onError(answerFailure)
  rest.onError(answerFailure)

  const runSchedule = (context: AppContext, goOnMs?: number) =>
    Promise.all([
      sweep(context),
      load(context, goOnMs),
      pollSources(context),
      ...streamsOf(context).map(async (one) => one.triggers.scheduled?.(one.context)),
    ])
  const tick = localTicker()

  const handler: ExportedHandler<Env, string> = {
    fetch(request, env, ctx) {
      flushLog()
      try {
        const context = contextOf(env, ctx)
        tick({ vars: env, waitUntil: context.waitUntil, run: () => runSchedule(context) })
        return app.fetch(request, context, ctx)
      } catch (error) {
        if (!(error instanceof SluicewayError) || error.code !== 'config_invalid') throw error
        realPort.log('error', 'the config is not valid', { problems: error.message.split('\n') })
        const missing = missingValues(configOf, env, error)
        return invalidConfigResponse(request, {
          missing,
          problems: detailsOf(error).problems,
          local: env['LOCAL'] === '1',
        })
      }
    },
    async queue(batch, env, ctx) {
      const context = contextOf(env, ctx)
      const take = context.resolved.stream.triggers.queue
      if (take !== undefined) await take(batch, context)
      // Whoever had `queues()` before may have left messages in the queue.
      else await appendMessages(batch, { ...context, append: appendTo(context) })
    },
    async scheduled(_controller, env, ctx) {
      flushLog()
      await runSchedule(contextOf(env, ctx), loadAgainMs)
    },
  }
  return {
    handler,
    summary: { fetch: (_request, env) => Response.json(summarizeConfig(resolve(env))) },
    Log: class extends LogObject {
      constructor(ctx: DurableObjectState, env: Env) {
        super(ctx, env, resolve(env))
      }
    },
    Lane: class extends LaneObject {
      constructor(ctx: DurableObjectState, env: Env) {
        const resolved = resolve(env)
        const port = lanePort(env, ctx)
        const { RemoteSender } = ctx.exports as { readonly RemoteSender?: SenderBinding }
        const app = { resolved, bindings: env, port, waitUntil: (work: Promise<unknown>) => ctx.waitUntil(work) }
        const target = resolved.targets.get(ctx.id.name?.replace(/:\d+$/, '') ?? '')
        super(ctx, env, resolved, {
          port,
          ...(RemoteSender === undefined ? {} : { openSender: (name: string) => RemoteSender.open(name) }),
          replayEdge: (letter) => replayEdgeLetter(letter, app),
          ...(target === undefined ? {} : { mayReplay: (envelopes) => mayReplay(envelopes, target, app) }),
        })
      }
    },
    RemoteSender: class extends RemoteSenderEntrypoint {
      constructor(ctx: ExecutionContext, env: Env) {
        flushLog()
        super(ctx, env, (name) => remoteTools(name, env, ctx))
      }
    },
    Loader: class extends LoaderObject {
      constructor(ctx: DurableObjectState, env: Env) {
        super(ctx, env, resolve(env))
      }
    },
    Suppression: class extends SuppressionObject {
      constructor(ctx: DurableObjectState, env: Env) {
        super(ctx, env, () => {
          const resolved = resolve(env)
          const port = portOf(env)
          const app = { resolved, bindings: env, port, waitUntil: (work: Promise<unknown>) => ctx.waitUntil(work) }
          return {
            targets: resolved.targets,
            port,
            credentialsOf: (target) => credentialsOf(target, env.LANE),
            erase: (user, name) =>
              resolved.targets.get(name)?.kind === 'warehouse'
                ? env.LOADER.getByName(name).erase(name, user)
                : eraseFromArchive(user, app),
          }
        })
      }
    },
    RateLimiter: RateLimiterObject,
    Identity: IdentityObject,
    Topic: class extends TopicObject {
      constructor(ctx: DurableObjectState, env: Env) {
        super(ctx, env, resolve(env).stream.log)
      }
    },
    Group: GroupObject,
    Catalog: CatalogObject,
    Kafka: class extends KafkaObject {
      constructor(ctx: DurableObjectState, env: Env) {
        const { stream, earlierStreams } = resolve(env)
        const earlier = earlierStreams.find(({ kafka }) => kafka !== undefined)?.kafka
        const append = appendTo({ resolved: resolve(env), bindings: env, port: portOf(env) })
        super(ctx, env, stream.kafka ?? earlier, stream.kafka === undefined ? { append } : {})
      }
    },
    Poller: class extends KafkaSourceObject {
      constructor(ctx: DurableObjectState, env: Env) {
        super(ctx, env, resolve(env))
      }
    },
  }
}
