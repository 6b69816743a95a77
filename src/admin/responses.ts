import type { Context } from 'hono'
import { type ErrorCode, reasonOf, SluicewayError } from '../core/errors.ts'
import type { AppContext } from '../core/app-context.ts'

/** What every handler gets. */
export type AdminCall = Context<AdminEnv>

/** What Hono hands over: the context, who calls, and what a call that changes something was about, where its path does not say it. */
export interface AdminEnv {
  Bindings: AppContext
  Variables: { by: string; about?: object }
}

/** Status of each code that the admin API tells; whatever else goes wrong is told as `internal`, and logged. */
const statuses = {
  bad_request: 400,
  invalid_json: 400,
  body_unreadable: 400,
  unauthorized: 401,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  body_too_large: 413,
  stream_limit: 413,
  unsupported_encoding: 415,
  warehouse_failed: 502,
  stream_unavailable: 503,
} as const satisfies Partial<Record<ErrorCode, number>>

/** Answers concern one person at one moment: nobody in between keeps them. */
export const answerHeaders = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

/** Answers with JSON. */
export const adminResponse = (
  c: AdminCall,
  body: object,
  status: 200 | (typeof statuses)[keyof typeof statuses] = 200,
): Response => c.json(body, status, answerHeaders)

/** Answers a call that failed: `{"success":false,"code","message"}`. */
export function adminErrorResponse(c: AdminCall, error: unknown): Response {
  const told = publicErrorOf(error)
  if (told.code !== 'internal') {
    if (told.code === 'unauthorized') c.header('www-authenticate', 'Bearer realm="Sluiceway admin"')
    return adminResponse(c, { success: false, ...told }, statuses[told.code])
  }
  c.env.port.log('error', 'a call of the admin API failed', { path: c.req.path, reason: reasonOf(error) })
  return c.json({ success: false, ...told }, 500, answerHeaders)
}

/** What of an error may be told: code and message of our own errors, nothing of others. */
export function publicErrorOf(error: unknown): {
  readonly code: keyof typeof statuses | 'internal'
  readonly message: string
} {
  if (error instanceof SluicewayError && Object.hasOwn(statuses, error.code))
    return { code: error.code as keyof typeof statuses, message: error.message }
  return { code: 'internal', message: 'Something went wrong here; the log of the deployment says what.' }
}
