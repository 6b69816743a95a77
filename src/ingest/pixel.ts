import { Hono } from 'hono'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import { isRecord } from '../core/json.ts'
import type { AppContext } from '../core/app-context.ts'
import { acceptEvents, count } from '../edge/accept.ts'
import { parseJson } from './json.ts'
import { serve } from './serve.ts'
import { requestSignalsOf } from './request-signals.ts'
import { visitorOf } from './identity-cookie.ts'
import { eventSource } from './event-route.ts'
import { queryKeyOf, writeKeyOf } from './write-key.ts'

/** A transparent GIF of one pixel. */
const gif = Uint8Array.from(atob('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7'), (c) => c.charCodeAt(0))

/** Names that would reach into an object's prototype. */
const forbidden = new Set(['__proto__', 'constructor', 'prototype'])

/** Of Segment's pixel; RudderStack's has the first two. */
const types = ['track', 'page', 'identify', 'group', 'alias', 'screen'] as const

type PixelType = (typeof types)[number]

/** Reads the event of a pixel out of its query. */
type ReadPixel = (query: URLSearchParams, type: PixelType, app: AppContext) => Record<string, unknown>

/**
 * Events by image, for e-mails and pages without scripts: RudderStack's `/pixel/v1/<type>`, whose query parameters are the
 * fields of the event, and Segment's `/v1/pixel/<type>`, whose parameter `data` is the event. Dots in names lead into objects
 * (`properties.campaign`).
 *
 * Whoever asks gets the image with status 200, whatever becomes of the event: one that is no good is a dead letter, and a
 * wrong write key is only logged and counted.
 */
export const pixel = new Hono<{ Bindings: AppContext }>()

for (const type of ['track', 'page'] as const) servePixel(`/pixel/v1/${type}`, type, rudderEvent)
for (const type of types) servePixel(`/v1/pixel/${type}`, type, segmentEvent)

function servePixel(path: string, type: PixelType, read: ReadPixel): void {
  serve(pixel, path, ['GET', 'HEAD'], async (c) => {
    const request = c.req.raw
    const headers: Record<string, string> = { 'content-type': 'image/gif', 'cache-control': 'no-store, max-age=0' }
    // A HEAD looks whether the image is there; nobody has seen it.
    if (request.method === 'GET')
      try {
        const event = read(new URL(request.url).searchParams, type, c.env)
        const cookie = await takePixel(request, { type, event }, c.env)
        if (cookie !== undefined) headers['set-cookie'] = cookie
      } catch (error) {
        const level = error instanceof SluicewayError && error.code !== 'stream_unavailable' ? 'warn' : 'error'
        c.env.port.log(level, 'the event of a pixel was not taken', { reason: reasonOf(error) })
        // The image does not tell.
        count({ [`pixel refused: ${error instanceof SluicewayError ? error.code : 'internal'}`]: 1 }, c.env)
      }
    return new Response(request.method === 'HEAD' ? null : gif, { headers })
  })
}

async function takePixel(
  request: Request,
  { type, event }: { readonly type: PixelType; readonly event: Record<string, unknown> },
  app: AppContext,
): Promise<string | undefined> {
  const { writeKey } = event
  const keys = [writeKeyOf(request), queryKeyOf(request), typeof writeKey === 'string' ? writeKey : undefined]
  const source = eventSource(keys, app, 'query')
  delete event['writeKey']
  const incoming = { source, events: [event], type }
  const visitor = source.identityCookie === undefined ? undefined : visitorOf(request, source.identityCookie, incoming)
  const { rejected } = await acceptEvents(
    { ...incoming, ...requestSignalsOf(request, source), anonymousId: visitor?.anonymousId },
    app,
  )
  for (const { code, reason } of rejected)
    app.port.log('warn', 'the event of a pixel is a dead letter', { code, reason })
  return visitor?.cookie
}

function rudderEvent(query: URLSearchParams, type: PixelType, { port }: AppContext): Record<string, unknown> {
  const now = new Date(port.now()).toISOString()
  return fieldsOf(query, {
    channel: 'web',
    integrations: { All: true },
    originalTimestamp: now,
    sentAt: now,
    ...(type === 'page' ? { name: 'Unknown Page' } : {}),
  })
}

/** https://www.twilio.com/docs/segment/connections/sources/catalog/libraries/server/pixel-tracking-api (checked 2026-11-28) */
function segmentEvent(query: URLSearchParams): Record<string, unknown> {
  const data = query.get('data')
  if (data === null) return fieldsOf(query, {})
  const event = parseJson(data.trimStart().startsWith('{') ? data : textIn(data))
  if (!isRecord(event)) throw new SluicewayError('invalid_json', 'the data of a pixel must be a JSON object')
  return event
}

/** Reads base64 or base64url, with or without padding; a plus that nobody has escaped is a blank here. */
function textIn(data: string): string {
  try {
    const binary = atob(data.replaceAll(/[ -]/g, '+').replaceAll('_', '/'))
    return new TextDecoder().decode(Uint8Array.from(binary, (one) => one.charCodeAt(0)))
  } catch (cause) {
    throw new SluicewayError('invalid_json', 'the data of a pixel is neither base64 nor JSON', { cause })
  }
}

function fieldsOf(query: URLSearchParams, event: Record<string, unknown>): Record<string, unknown> {
  for (const [name, value] of query) if (name !== 'writeKey') setField(event, name, value)
  return event
}

/** Sets a field by its dotted name; one that leads through text replaces the text. */
function setField(event: Record<string, unknown>, name: string, value: string): void {
  const path = name.split('.')
  if (path.some((part) => part === '' || forbidden.has(part))) return
  let holder = event
  for (const part of path.slice(0, -1)) {
    const next = holder[part]
    holder = (typeof next === 'object' && next !== null ? next : (holder[part] = {})) as Record<string, unknown>
  }
  holder[path.at(-1) as string] = value
}
