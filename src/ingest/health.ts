import { Hono } from 'hono'
import type { World } from '../core/world.ts'
import { answer, preflight, wrongMethod } from './answer.ts'

/** The version in package.json. */
export const version = '0.1.0'

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

function health(request: Request, world: World): Response {
  return answer(request, JSON.stringify({ status: 'UP', version, stream: world.resolved.stream.name }))
}
