import { SluicewayError } from '../core/errors.ts'
import type { AppContext } from '../core/app-context.ts'
import { acceptEvents, type AcceptedEvents } from '../edge/accept.ts'
import type { IncomingBatch } from '../edge/incoming-batch.ts'
import { jsonResponse, refusalResponse } from './responses.ts'
import { textOf } from '../platform/body.ts'
import { requestSignalsOf } from './request-signals.ts'
import { visitorOf } from './identity-cookie.ts'
import { parseJson } from './json.ts'
import { findSource, type GivenKeys, queryKeyOf, sourceOf, writeKeyOf } from './write-key.ts'
import { isRecord } from '../core/json.ts'
import type { Source } from '../core/resolved-config.ts'

/** How one route reads its requests. */
export interface EventRoute {
  /** What the route says of its one event; a batch when left out. */
  readonly type?: string
  /** Where the write key may be beside the Authorization header and the body. */
  readonly keyIn?: 'query'
}

/**
 * Answers a request that brings events, once they are durable.
 *
 * @param request a POST
 * @param route how its body is read
 * @param app config, bindings, clock
 * @throws {SluicewayError} empty_batch, body_too_large, invalid_json, those of write keys, and what `acceptEvents` throws
 */
export async function takeEvents(request: Request, route: EventRoute, app: AppContext): Promise<Response> {
  const { batch, cookie } = await readEvents(request, route, app)
  const accepted = await acceptEvents(batch, app)
  const [rejected] = accepted.rejected
  const headers = cookie === undefined ? undefined : { 'set-cookie': cookie }
  // A lone event that is no good is the client's mistake; one that a transform failed on is not.
  return route.type !== undefined && rejected !== undefined && rejected.code !== 'transform_failed'
    ? refusalResponse(request, { status: 400, code: rejected.code, message: rejected.reason })
    : jsonResponse(request, reportOf(accepted), headers === undefined ? {} : { headers })
}

interface ReadEvents {
  readonly batch: IncomingBatch
  readonly cookie: string | undefined
}

/** Reads a request into what the edge takes, and finds out whose it is as early as possible. */
async function readEvents(request: Request, { type, keyIn }: EventRoute, app: AppContext): Promise<ReadEvents> {
  const { resolved } = app
  const keys = [writeKeyOf(request), keyIn === 'query' ? queryKeyOf(request) : undefined]
  const early = findSource(keys, resolved) === undefined ? undefined : eventSource(keys, app)
  const text = await textOf(request, resolved.limits.bodyBytes)
  // Else the key is in the body: nothing else is said about a body that has none.
  const body = early === undefined ? parseOrUndefined(text) : parseJson(text)
  const source = early ?? eventSource([...keys, bodyKeyOf(body)], app, keyIn)
  if (type !== undefined) return addConnection(request, { source, events: [body], type })
  const fields = isRecord(body) ? body : {}
  const { batch: events } = fields
  if (!Array.isArray(events) || events.length === 0) throw new SluicewayError('empty_batch', 'empty batch payload')
  if (events.length > resolved.limits.batchEvents)
    throw new SluicewayError('body_too_large', `request has more than ${resolved.limits.batchEvents} events`)
  return addConnection(request, { source, events, batch: sharedIn(fields) })
}

/** Longer texts are no dates. */
const longestDate = 128

/**
 * What a batch says for all its events. Each of them costs as much again as this is large, so nothing else is handed on, and no
 * date that is none.
 */
function sharedIn(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const shared: Record<string, unknown> = {}
  if (isRecord(fields['context'])) shared['context'] = fields['context']
  for (const name of ['sentAt', 'originalTimestamp', 'timestamp']) {
    const value = fields[name]
    if (typeof value === 'number' || (typeof value === 'string' && value.length <= longestDate)) shared[name] = value
  }
  return shared
}

/** Adds what the connection tells: who sent it, from where, and which visitor the cookie knows. */
function addConnection(request: Request, batch: Omit<IncomingBatch, 'facts'>): ReadEvents {
  const { source } = batch
  const visitor = source.identityCookie === undefined ? undefined : visitorOf(request, source.identityCookie, batch)
  return {
    batch: { ...batch, ...requestSignalsOf(request, source), anonymousId: visitor?.anonymousId },
    cookie: visitor?.cookie,
  }
}

/**
 * Finds the source that sends events itself among those that the keys name.
 *
 * @param keys as for `sourceOf`
 * @returns the source; never one that takes webhooks
 * @throws {SluicewayError} write_key_missing, write_key_invalid, source_disabled; source_is_webhook
 */
export function eventSource(keys: GivenKeys, app: AppContext, keyIn?: EventRoute['keyIn']): Source {
  const source = sourceOf(keys, app.resolved, keyIn)
  if (source.webhook !== undefined)
    throw new SluicewayError('source_is_webhook', 'source accepts webhook events only; send them to /v1/webhook')
  return source
}

const bodyKeyOf = (body: unknown): string | undefined => {
  const key = isRecord(body) ? body['writeKey'] : undefined
  return typeof key === 'string' ? key : undefined
}

function parseOrUndefined(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

const reportOf = ({ accepted, dropped, rejected }: AcceptedEvents): string =>
  rejected.length === 0 && dropped === 0
    ? `{"success":true,"accepted":${accepted}}`
    : JSON.stringify({
        success: true,
        accepted,
        ...(dropped > 0 ? { dropped } : {}),
        ...(rejected.length > 0 ? { rejected } : {}),
      })
