import { Hono } from 'hono'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { AppContext } from '../core/app-context.ts'
import { acceptEvents, count } from '../edge/accept.ts'
import { serve } from './serve.ts'
import { requestSignalsOf } from './request-signals.ts'
import { visitorOf } from './identity-cookie.ts'
import { eventSource } from './event-route.ts'
import { queryKeyOf, writeKeyOf } from './write-key.ts'

/** A transparent GIF of one pixel. */
const gif = Uint8Array.from(atob('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7'), (c) => c.charCodeAt(0))

/** Names that would reach into an object's prototype. */
const forbidden = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * Events by image, for e-mails and pages without scripts: every query parameter is a field of the event, and dots in its
 * name lead into objects (`properties.campaign`).
 *
 * Whoever asks gets the image with status 200, whatever becomes of the event: one that is no good is a dead letter, and a
 * wrong write key is only logged.
 */
export const pixel = new Hono<{ Bindings: AppContext }>()

for (const type of ['track', 'page'] as const)
  serve(pixel, `/pixel/v1/${type}`, ['GET', 'HEAD'], async (c) => {
    const request = c.req.raw
    const headers: Record<string, string> = { 'content-type': 'image/gif', 'cache-control': 'no-store, max-age=0' }
    // A HEAD looks whether the image is there; nobody has seen it.
    if (request.method === 'GET')
      try {
        const cookie = await takePixel(request, type, c.env)
        if (cookie !== undefined) headers['set-cookie'] = cookie
      } catch (error) {
        const level = error instanceof SluicewayError && error.code !== 'stream_unavailable' ? 'warn' : 'error'
        c.env.port.log(level, 'the event of a pixel was not taken', { reason: reasonOf(error) })
        // The image does not tell.
        count({ [`pixel refused: ${error instanceof SluicewayError ? error.code : 'internal'}`]: 1 }, c.env)
      }
    return new Response(request.method === 'HEAD' ? null : gif, { headers })
  })

async function takePixel(request: Request, type: 'track' | 'page', app: AppContext): Promise<string | undefined> {
  const source = eventSource(writeKeyOf(request) ?? queryKeyOf(request), app, 'query')
  const now = new Date(app.port.now()).toISOString()
  const event: Record<string, unknown> = {
    channel: 'web',
    integrations: { All: true },
    originalTimestamp: now,
    sentAt: now,
    ...(type === 'page' ? { name: 'Unknown Page' } : {}),
  }
  for (const [name, value] of new URL(request.url).searchParams) if (name !== 'writeKey') setField(event, name, value)
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
