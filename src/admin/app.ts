import { Hono } from 'hono'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import { sameSecret } from '../core/secret.ts'
import type { World } from '../core/world.ts'
import { deadLetters } from './dead-letters.ts'
import { lanes } from './lanes.ts'
import { trace } from './trace.ts'
import { warehouses } from './warehouses.ts'

const statuses: Readonly<Record<string, 400 | 401 | 404 | 405 | 409 | 503>> = {
  bad_request: 400,
  unauthorized: 401,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  stream_unavailable: 503,
}

/**
 * The admin API, mounted at `/admin`: what the console and the CLI use.
 *
 * Closed by default: without an admin token in the config every path answers 404; with one, every call needs it as a bearer
 * token. Answers are JSON, never cached, and hold no secret; errors are `{"success":false,"code","message"}`.
 */
export const admin = new Hono<{ Bindings: World }>()

admin.use(async (c, next) => {
  c.header('cache-control', 'no-store')
  const { adminToken } = c.env.resolved
  if (adminToken === undefined) throw new SluicewayError('not_found', 'There is nothing here.')
  const [, given = ''] = /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '') ?? []
  if (!(await sameSecret(given, adminToken)))
    throw new SluicewayError('unauthorized', 'Send the admin token as "Authorization: Bearer <token>".')
  await next()
})

admin.route('/dead-letters', deadLetters)
admin.route('/', lanes)
admin.route('/', warehouses)
admin.route('/', trace)

admin.all('*', (c) => {
  const path = new URL(c.req.url).pathname
  throw new SluicewayError('not_found', `The admin API has no ${c.req.method} ${path}; the README lists what it has.`)
})

admin.onError((error, c) => {
  const known = error instanceof SluicewayError ? statuses[error.code] : undefined
  if (known === undefined) c.env.port.log('error', 'an admin call failed', { reason: reasonOf(error) })
  const [code, message] =
    known === undefined || !(error instanceof SluicewayError)
      ? ['internal', 'Something went wrong here; the log says what.']
      : [error.code, error.message]
  return c.json({ success: false, code, message }, known ?? 500, {
    'cache-control': 'no-store',
    ...(known === 401 ? { 'www-authenticate': 'Bearer' } : {}),
  })
})
