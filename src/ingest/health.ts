import { Hono } from 'hono'
import type { Resolved } from '../configure/resolve.ts'
import { sameSecret } from '../core/secret.ts'
import type { World } from '../core/app-context.ts'
import { type Health, healthOf } from '../observe/health.ts'
import { answer, preflight, wrongMethod } from './responses.ts'

/** The version in package.json. */
export const version = '0.1.0'

/** Milliseconds for which an answer is good: a probe each second costs no more than one every ten. */
const freshMs = 10_000

/** What a deployment says of itself to anybody. */
export const about = new Hono<{ Bindings: World }>()

serve('/', health)
serve('/health', health)
serve('/version', (request) => answer(request, JSON.stringify({ Version: version, BuiltBy: 'sluiceway' })))
serve(
  '/robots.txt',
  () => new Response('User-agent: * \nDisallow: / \n', { headers: { 'content-type': 'text/plain' } }),
)

function serve(path: string, say: (request: Request, world: World) => Response | Promise<Response>): void {
  about.all(path, (c) => {
    const request = c.req.raw
    if (request.method === 'OPTIONS') return preflight(request, 'GET, HEAD')
    if (request.method !== 'GET' && request.method !== 'HEAD') return wrongMethod(request, 'GET, HEAD')
    return say(request, c.env)
  })
}

/** What anybody is told; destinations are named to who has the admin token. */
async function health(request: Request, world: World): Promise<Response> {
  const { status, stuck, ...rest } = await freshHealth(world)
  const body = { status, version, ...rest, ...((await isAdmin(request, world)) ? { stuck } : {}) }
  return answer(request, JSON.stringify(body), {
    status: status === 'DOWN' ? 503 : 200,
    headers: { 'cache-control': 'no-store', ...(status === 'DOWN' ? { 'retry-after': '10' } : {}) },
  })
}

async function isAdmin(request: Request, { resolved }: World): Promise<boolean> {
  const [, given] = /^bearer +(\S+) *$/i.exec(request.headers.get('authorization') ?? '') ?? []
  return given !== undefined && (await sameSecret(given, resolved.adminToken))
}

interface Known {
  /** Milliseconds since the epoch. */
  at: number
  /** Missing until the first question is answered. */
  health?: Health
}

/** By config, of which an isolate has one. */
const known = new WeakMap<Resolved, Known>()

/** One request at a time asks, as no request can wait for what another one does; meanwhile the others get the old answer. */
async function freshHealth(world: World): Promise<Health> {
  const now = world.port.now()
  const last = known.get(world.resolved)
  if (last?.health !== undefined && now - last.at < freshMs) return last.health
  const mine: Known = { at: now, ...(last?.health === undefined ? {} : { health: last.health }) }
  known.set(world.resolved, mine)
  const health = await healthOf(world)
  known.set(world.resolved, { at: now, health })
  return health
}
