import { type ErrorCode, SluicewayError } from '../core/errors.ts'

/** Status of each code that an HTTP surface for events can answer; the others are faults of ours. */
const statuses: Partial<Record<ErrorCode, number>> = {
  invalid_json: 400,
  empty_batch: 400,
  bad_request: 400,
  source_failed: 400,
  body_unreadable: 400,
  write_key_missing: 401,
  write_key_invalid: 401,
  signature_invalid: 401,
  not_found: 404,
  source_disabled: 404,
  source_not_webhook: 404,
  source_is_webhook: 404,
  method_not_allowed: 405,
  body_too_large: 413,
  stream_limit: 413,
  unsupported_encoding: 415,
  rate_limited: 429,
  stream_unavailable: 503,
}

/** Seconds after which a client should try again: a Durable Object is unavailable for about that long at a deploy. */
const retrySeconds = '2'

const json = { 'content-type': 'application/json' }

/** A refusal may hold what was sent, and caches may keep a 404 or 405 that forbids it not (RFC 9110 §15.1). */
const refused = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

/** Makes a JSON answer with what browsers need to read it (CORS: any origin, with credentials). */
export function jsonResponse(
  request: Request,
  body: string,
  { status = 200, headers }: { status?: number; headers?: Record<string, string> } = {},
): Response {
  const origin = request.headers.get('origin')
  const all = origin === null && headers === undefined ? json : { ...json, ...headers, ...corsOf(origin) }
  return new Response(request.method === 'HEAD' ? null : body, { status, headers: all })
}

/**
 * Answers a call that failed as a whole: `{"success":false,"code","message"}`.
 *
 * @param request the call
 * @param error its code decides about the status; anything but a SluicewayError is told as `internal`, without its text
 */
export function errorResponse(request: Request, error: unknown): Response {
  const known = error instanceof SluicewayError && statuses[error.code] !== undefined ? error : undefined
  const code = known?.code ?? 'internal'
  const status = statuses[code] ?? 500
  const message = known?.message ?? 'Something went wrong here; send it again.'
  const headers =
    status === 503 ? { 'retry-after': retrySeconds } : code === 'rate_limited' ? rateHeaders(known?.details) : undefined
  return refusalResponse(request, { status, code, message, ...(headers === undefined ? {} : { headers }) })
}

/**
 * The limit, what is left of it and when to come again, as in draft-ietf-httpapi-ratelimit-headers-10 (checked 2026-11-25):
 * a policy named after the source, its quota in events and its window in seconds.
 */
function rateHeaders(details: Readonly<Record<string, unknown>> = {}): Record<string, string> {
  const { source, eventsPerSecond, burst, remaining, retryAfter } = details
  const window = Math.max(1, Math.round(Number(burst) / Number(eventsPerSecond)))
  return {
    'retry-after': String(retryAfter),
    'ratelimit-policy': `"source-${String(source)}";q=${Math.floor(Number(burst))};w=${window}`,
    ratelimit: `"source-${String(source)}";r=${String(remaining)};t=${String(retryAfter)}`,
  }
}

/** Writes the body that all errors have: some SDKs try again for ever unless it has both `code` and `message`. */
export const refusalResponse = (
  request: Request,
  {
    status,
    code,
    message,
    headers,
  }: { status: number; code: string; message: string; headers?: Record<string, string> },
): Response =>
  jsonResponse(request, JSON.stringify({ success: false, code, message }), {
    status,
    headers: { ...refused, ...headers },
  })

/** Answers a call to a path that there is not; `prefix` is where the config has put the routes of events. */
export function notFoundResponse(request: Request, prefix = ''): Response {
  const elsewhere = prefix === '' ? '' : ` Events are taken below ${prefix}.`
  const message = `There is nothing at ${new URL(request.url).pathname}.${elsewhere}`
  return errorResponse(request, new SluicewayError('not_found', message))
}

/** Answers a call with a verb that its path does not know. */
export function methodNotAllowed(request: Request, allow: string): Response {
  const message = `${new URL(request.url).pathname} takes ${allow}, not ${request.method}.`
  return refusalResponse(request, { status: 405, code: 'method_not_allowed', message, headers: { allow } })
}

/**
 * Answers OPTIONS: what a browser asks before it sends across origins, for 15 minutes.
 *
 * @param allow the verbs of the path
 */
export function preflightResponse(request: Request, allow: string): Response {
  const asked = request.headers.get('access-control-request-headers')
  return new Response(null, {
    status: 204,
    headers: {
      allow: `${allow}, OPTIONS`,
      ...corsOf(request.headers.get('origin')),
      'access-control-allow-methods': 'GET, POST, HEAD',
      'access-control-max-age': '900',
      ...(asked === null ? {} : { 'access-control-allow-headers': asked }),
    },
  })
}

const corsOf = (origin: string | null): Record<string, string> =>
  origin === null
    ? {}
    : {
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': 'Retry-After, RateLimit, RateLimit-Policy',
        vary: 'Origin',
      }
