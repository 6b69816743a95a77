// The Workers that the benchmarks measure Sluiceway against, in one: each path does a little more than the one before it.
import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../../src/core/bindings.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import type { Stream } from '../../src/core/stream.ts'
import type { AppContext } from '../../src/core/app-context.ts'
import { requestSignalsOf } from '../../src/ingest/request-signals.ts'
import { acceptEvents } from '../../src/edge/accept.ts'
import { log } from '../../src/streams/log.ts'
import { LogObject } from '../../src/streams/log/log-object.ts'
import { configWith, connection, type Feature, features, suppressionList } from './features.ts'
import { realPort } from '../../src/platform/real-port.ts'
import type { ResolvedConfig } from '../../src/core/resolved-config.ts'

interface Env {
  readonly LOG: DurableObjectNamespace<Log>
  readonly EMPTY: DurableObjectNamespace<Empty>
  readonly WRITE: DurableObjectNamespace<Write>
}

/** The yardstick `write`: one row for each request. */
export class Write extends DurableObject<Env> {
  readonly #sql: SqlStorage

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#sql = ctx.storage.sql
    this.#sql.exec('CREATE TABLE IF NOT EXISTS requests (id INTEGER PRIMARY KEY, body BLOB)')
  }

  append(body: ArrayBuffer): void {
    this.#sql.exec('INSERT INTO requests (body) VALUES (?)', body)
  }
}

/** Takes the log's arguments and does nothing. */
export class Empty extends DurableObject<Env> {
  append(_text: string, prints: Uint32Array): { accepted: number; duplicates: number } {
    return { accepted: prints.length / 2, duplicates: 0 }
  }
}

const stream = log()

/** Sluiceway's own log, with no lane behind it. */
export class Log extends LogObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env as unknown as Bindings, resolved(stream))
  }
}

const resolved = (stream: Stream): ResolvedConfig =>
  resolveConfig(() => ({ stream, sources: { shop: { writeKey: 'yardstick' } } }), {})

/** Stops before the append. */
const nowhere: Stream = {
  ...stream,
  append: (batch) => Promise.resolve({ accepted: batch.length, duplicates: 0 }),
}

const worlds: Readonly<Record<string, (env: Env) => Omit<AppContext, 'port' | 'waitUntil'>>> = {
  checks: (env) => ({ resolved: resolved(nowhere), bindings: env as unknown as Bindings }),
  hop: (env) => ({ resolved: resolved(stream), bindings: { LOG: env.EMPTY } as unknown as Bindings }),
  commit: (env) => ({ resolved: resolved(stream), bindings: env as unknown as Bindings }),
  slice: (env) => ({ resolved: configWith(new Set(), stream), bindings: env as unknown as Bindings }),
  enriched: (env) => full(env, new Set(features.filter((feature) => feature !== 'privacy'))),
  checked: (env) => full(env, new Set(features)),
}
function full(env: Env, on: ReadonlySet<Feature>): Pick<AppContext, 'resolved' | 'bindings'> {
  return {
    resolved: configWith(on, stream),
    bindings: { LOG: env.LOG, ...suppressionList() } as unknown as Bindings,
  }
}

const made = new Map<string, AppContext>()

function worldOf(name: string, env: Env): AppContext {
  let world = made.get(name)
  const make = worlds[name]
  if (make === undefined) throw new RangeError(`there is no yardstick ${name}`)
  if (world === undefined) made.set(name, (world = { ...make(env), port: realPort, waitUntil: () => undefined }))
  return world
}

const eventsOf = (body: unknown): readonly unknown[] => (body as { batch?: readonly unknown[] }).batch ?? [body]
const answer = (accepted: number): Response => Response.json({ success: true, accepted })

// Each yardstick is an entry point of its own: the paths of the requests are those of Sluiceway.
const entry = (handle: (request: Request, env: Env) => Promise<Response>): ExportedHandler<Env> => ({ fetch: handle })

export const parse = entry(async (request) => answer(eventsOf(JSON.parse(await request.text())).length))

export const write = entry(async (request, env) => {
  const body = await request.arrayBuffer()
  const events = eventsOf(JSON.parse(new TextDecoder().decode(body)))
  await env.WRITE.getByName('0').append(body)
  return answer(events.length)
})

const edge = (name: string) =>
  entry(async (request, env) => {
    const world = worldOf(name, env)
    const events = eventsOf(JSON.parse(await request.text()))
    const source = world.resolved.sources.get('shop')
    if (source === undefined) throw new RangeError('there is no source')
    const facts = { ip: '203.0.113.7', userAgent: request.headers.get('user-agent') ?? 'bench' }
    const { accepted } = await acceptEvents({ source, events, facts }, world)
    return answer(accepted)
  })

export const checks = edge('checks')
export const hop = edge('hop')
export const commit = edge('commit')

/** As `edge`, with what the request itself tells. */
const seeing = (name: string) =>
  entry(async (request, env) => {
    const world = worldOf(name, env)
    const source = world.resolved.sources.get('shop')
    if (source === undefined) throw new RangeError('there is no source')
    const events = eventsOf(JSON.parse(await request.text()))
    Object.defineProperty(request, 'cf', { value: connection })
    const { accepted } = await acceptEvents({ source, events, ...requestSignalsOf(request, source) }, world)
    return answer(accepted)
  })

export const slice = seeing('slice')
export const enriched = seeing('enriched')
export const checked = seeing('checked')

export default parse
