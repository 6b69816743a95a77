import { Hono } from 'hono'
import type { World } from '../core/world.ts'
import { answer, preflight, wrongMethod } from './answer.ts'

/** The version in package.json. */
export const version = '0.1.0'

/** Says that the Worker runs and its config is good. It asks no storage: a probe each second would cost more than traffic. */
export const health = new Hono<{ Bindings: World }>()

for (const path of ['/', '/health'])
  health.all(path, (c) => {
    const request = c.req.raw
    if (request.method === 'OPTIONS') return preflight(request, 'GET, HEAD')
    if (request.method !== 'GET' && request.method !== 'HEAD') return wrongMethod(request, 'GET, HEAD')
    return answer(request, JSON.stringify({ status: 'UP', version, stream: c.env.resolved.stream.name }))
  })
