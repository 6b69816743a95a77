import { Hono } from 'hono'
import { adminNameOf } from '../core/admin-name.ts'
import type { AppContext } from '../core/app-context.ts'
import { type Health, healthOf } from '../observe/health.ts'
import { jsonResponse } from './responses.ts'
import { serve } from './serve.ts'
import { perIsolate } from '../core/per-isolate.ts'
import type { ResolvedConfig } from '../core/resolved-config.ts'

/** The version in package.json. */
export const version = '0.1.0'

/** Milliseconds for which an answer is good: a probe each second costs no more than one every ten. */
const freshMs = 10_000

/** What a deployment says of itself to anybody. */
export const about = new Hono<{ Bindings: AppContext }>()

const verbs = ['GET', 'HEAD'] as const

for (const path of ['/', '/health']) serve(about, path, verbs, (c) => health(c.req.raw, c.env))
serve(about, '/version', verbs, (c) =>
  jsonResponse(c.req.raw, JSON.stringify({ Version: version, BuiltBy: 'sluiceway' })),
)
serve(
  about,
  '/robots.txt',
  verbs,
  () => new Response('User-agent: * \nDisallow: / \n', { headers: { 'content-type': 'text/plain' } }),
)

/** What anybody is told; destinations are named to who has the admin token. */
async function health(request: Request, app: AppContext): Promise<Response> {
  const { status, stuck, ...rest } = await freshHealth(app)
  const body = { status, version, ...rest, ...((await isAdmin(request, app)) ? { stuck } : {}) }
  return jsonResponse(request, JSON.stringify(body), {
    status: status === 'DOWN' ? 503 : 200,
    headers: { 'cache-control': 'no-store', ...(status === 'DOWN' ? { 'retry-after': '10' } : {}) },
  })
}

async function isAdmin(request: Request, { resolved }: AppContext): Promise<boolean> {
  const [, given] = /^bearer +(\S+) *$/i.exec(request.headers.get('authorization') ?? '') ?? []
  return given !== undefined && (await adminNameOf(given, resolved)) !== undefined
}

interface KnownHealth {
  /** Milliseconds since the epoch at which it was asked for last. */
  at: number
  /** Undefined until the first question is answered. */
  health: Health | undefined
}

const knownOf = perIsolate((_resolved: ResolvedConfig): KnownHealth => ({ at: -Infinity, health: undefined }))

/** One request at a time asks, as no request can wait for what another one does; meanwhile the others get the old answer. */
async function freshHealth(app: AppContext): Promise<Health> {
  const now = app.port.now()
  const known = knownOf(app.resolved)
  if (known.health !== undefined && now - known.at < freshMs) return known.health
  known.at = now
  const health = await healthOf(app)
  Object.assign(known, { at: now, health })
  return health
}
