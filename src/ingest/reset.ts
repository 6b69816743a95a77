import { Hono } from 'hono'
import type { World } from '../core/world.ts'
import { answer, failure, preflight, wrongMethod } from './answer.ts'
import { forgetting } from './identity-cookie.ts'
import { eventSource } from './intake.ts'
import { queryKeyOf, writeKeyOf } from './write-key.ts'

/**
 * Deletes the identity cookie, where `reset()` of a browser SDK shall begin a new visitor: a page calls
 * `fetch('/v1/reset?writeKey=…', { method: 'POST' })` together with it.
 */
export const reset = new Hono<{ Bindings: World }>()

for (const path of ['/v1/reset', '/v1/reset/'])
  reset.all(path, (c) => {
    const request = c.req.raw
    if (request.method === 'OPTIONS') return preflight(request, 'POST')
    if (request.method !== 'POST') return wrongMethod(request, 'POST')
    try {
      const { identityCookie } = eventSource(writeKeyOf(request) ?? queryKeyOf(request), c.env, 'query')
      const headers = identityCookie === undefined ? {} : { 'set-cookie': forgetting(request, identityCookie) }
      return answer(request, '{"success":true}', { headers })
    } catch (error) {
      return failure(request, error)
    }
  })
