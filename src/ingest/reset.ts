import { Hono } from 'hono'
import { SluicewayError } from '../core/errors.ts'
import type { AppContext } from '../core/app-context.ts'
import { jsonResponse } from './responses.ts'
import { serve } from './serve.ts'
import { deletionCookieOf, isForeign } from './identity-cookie.ts'
import { eventSource } from './event-route.ts'
import { queryKeyOf, writeKeyOf } from './write-key.ts'

/**
 * Deletes the identity cookie, where `reset()` of a browser SDK shall begin a new visitor: a page calls
 * `fetch('/v1/reset?writeKey=…', { method: 'POST' })` together with it. A form or a page of another site cannot.
 */
export const reset = new Hono<{ Bindings: AppContext }>()

serve(reset, '/v1/reset', ['POST'], (c) => {
  const request = c.req.raw
  const { identityCookie } = eventSource([writeKeyOf(request), queryKeyOf(request)], c.env, 'query')
  if (identityCookie !== undefined && isForeign(request))
    throw new SluicewayError('bad_request', 'only a script of the same site can reset the cookie')
  const headers = identityCookie === undefined ? {} : { 'set-cookie': deletionCookieOf(request, identityCookie) }
  return jsonResponse(request, '{"success":true}', { headers })
})
