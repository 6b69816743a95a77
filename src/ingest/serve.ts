import type { Context, Hono } from 'hono'
import type { AppContext } from '../core/app-context.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import { answerRefused, countRefusal } from './refuse.ts'
import { errorResponse, methodNotAllowed, preflightResponse } from './responses.ts'

type Verb = 'GET' | 'HEAD' | 'POST'

/** One call of a route. */
export type RouteCall = Context<{ Bindings: AppContext }>

/** Answers a call with one of the route's verbs; what it throws is answered by `errorResponse`. */
export type RouteHandler = (call: RouteCall) => Response | Promise<Response>

/**
 * Serves a path, with and without a slash at its end: its own verbs by the handler, OPTIONS for browsers, all others with 405.
 *
 * One handler takes a path with all verbs: where a single route matches, Hono composes no middleware.
 *
 * @param app where the route is added
 * @param path as Hono writes it
 * @param verbs in the order in which `Allow` names them
 * @param handle an error that is no SluicewayError is logged, and answered with 500
 */
export function serve(
  app: Hono<{ Bindings: AppContext }>,
  path: string,
  verbs: readonly Verb[],
  handle: RouteHandler,
): void {
  const allow = verbs.join(', ')
  const answer = (call: RouteCall): Response | Promise<Response> => {
    const request = call.req.raw
    if (!verbs.includes(request.method as Verb))
      return request.method === 'OPTIONS' ? preflightResponse(request, allow) : refuseVerb(call, allow)
    try {
      const answered = handle(call)
      return answered instanceof Promise ? answered.catch((error: unknown) => fail(call, error)) : answered
    } catch (error) {
      return fail(call, error)
    }
  }
  app.all(path, answer)
  if (!path.endsWith('/')) app.all(`${path}/`, answer)
}

function refuseVerb({ req, env }: RouteCall, allow: string): Response | Promise<Response> {
  countRefusal('method_not_allowed', env)
  return answerRefused(req.raw, methodNotAllowed(req.raw, allow))
}

function fail({ req, env }: RouteCall, error: unknown): Response | Promise<Response> {
  if (!(error instanceof SluicewayError))
    env.port.log('error', 'a request failed', { route: req.routePath, reason: reasonOf(error) })
  countRefusal(error instanceof SluicewayError ? error.code : 'internal', env)
  return answerRefused(req.raw, errorResponse(req.raw, error))
}
