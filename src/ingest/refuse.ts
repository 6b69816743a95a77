import type { AppContext } from '../core/app-context.ts'
import { count } from '../edge/accept.ts'
import { dropBody } from '../platform/body.ts'
import { notFoundResponse } from './responses.ts'

/** What is counted under a name of its own (`limited:<source>`, `refused:<source>`), or kept as a dead letter. */
const told = new Set(['rate_limited', 'signature_invalid', 'source_failed'])

/** Paths below which events are sent, whatever is put before them. */
const eventPath = /\/(?:v1|beacon|pixel)\//

/**
 * Counts a request that is refused as a whole, as `refused: <code>`: what nobody reads in an answer shows in the counters.
 *
 * @param code that of the answer
 */
export function countRefusal(code: string, app: AppContext): void {
  if (!told.has(code)) count({ [`refused: ${code}`]: 1 }, app)
}

/**
 * Gives a refusal to the client once it has written its request; see `dropBody`.
 *
 * @returns the answer, at once where there is nothing to wait for
 */
export function answerRefused(request: Request, answer: Response): Response | Promise<Response> {
  return dropBody(request)?.then(() => answer) ?? answer
}

/** Answers a call to a path that there is not. Where it looks as if it brought events, it is counted. */
export function answerNotFound(request: Request, app: AppContext): Response | Promise<Response> {
  const { pathname } = new URL(request.url)
  if (request.method === 'POST' || eventPath.test(pathname)) countRefusal('not_found', app)
  return answerRefused(request, notFoundResponse(request, app.resolved.paths.ingest))
}
