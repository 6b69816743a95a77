import { Hono } from 'hono'
import { SluicewayError } from '../core/errors.ts'
import type { WebhookCall } from '../core/webhook-source.ts'
import type { AppContext } from '../core/app-context.ts'
import { acceptWebhook, type IncomingCall } from '../edge/accept-webhook.ts'
import { jsonResponse } from './responses.ts'
import { serve } from './serve.ts'
import { bytesIn } from '../platform/body.ts'
import { requestSignalsOf } from './request-signals.ts'
import { rawTextOf, webhookBodyOf } from './webhook-body.ts'
import { queryKeyOf, sourceOf, writeKeyOf } from './write-key.ts'

/** Where vendors send what happened, each to the write key of its own source. */
export const webhook = new Hono<{ Bindings: AppContext }>()

serve(webhook, '/v1/webhook', ['GET', 'HEAD', 'POST'], (c) => {
  const request = c.req.raw
  // Some vendors look whether anybody is there before they send.
  if (request.method === 'HEAD') return jsonResponse(request, '')
  return takeCall(request, request.method === 'GET' ? 'GET' : 'POST', c.env)
})

async function takeCall(request: Request, method: 'GET' | 'POST', app: AppContext): Promise<Response> {
  // Vendors that sign with Authorization have the key in the URL; those that can set no URL parameter use Basic auth.
  const source = sourceOf([queryKeyOf(request), writeKeyOf(request)], app.resolved, 'query')
  const { webhook: mapper } = source
  if (mapper === undefined) throw new SluicewayError('source_not_webhook', 'source does not accept webhook events')
  const call = await callOf(request, method, app)
  const reply = await acceptWebhook(
    call,
    { source: { ...source, webhook: mapper }, ...requestSignalsOf(request, source) },
    app,
  )
  const { body, contentType } = reply ?? { body: 'OK', contentType: 'text/plain' }
  // Shops' pixels call from the browser. A GET is answered anew each time, or the next event would end in a cache.
  const headers = { 'content-type': contentType, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
  return jsonResponse(request, body, { headers })
}

async function callOf(request: Request, method: WebhookCall['method'], app: AppContext): Promise<IncomingCall> {
  const { bytes, unreadable } = method === 'GET' ? noContent : await contentOf(request, app.resolved.limits.bodyBytes)
  const url = new URL(request.url)
  url.searchParams.delete('writeKey')
  const query: Record<string, string[]> = Object.create(null) as Record<string, string[]>
  for (const [name, value] of url.searchParams) (query[name] ??= []).push(value)
  const headers = Object.fromEntries(
    [...request.headers].filter(([name]) => name !== 'authorization' && name !== 'cookie'),
  )
  const contentType = request.headers.get('content-type') ?? ''
  const proto = (request as { readonly cf?: { readonly httpProtocol?: unknown } | null }).cf?.httpProtocol
  return {
    method,
    url: `${url.pathname}${url.search}`,
    proto: typeof proto === 'string' ? proto : 'HTTP/1.1',
    headers,
    query: { ...query },
    bytes,
    ...(unreadable === undefined ? await webhookBodyOf(bytes, contentType) : { body: undefined, unreadable }),
    rawText: () => rawTextOf(bytes, contentType),
  }
}

/** The bytes of a body, and what is wrong when they could not be unpacked. */
interface Content {
  readonly bytes: Uint8Array
  readonly unreadable?: string
}

const noContent: Content = { bytes: new Uint8Array(0) }

/** Reads a body. One that is packed in a way that cannot be read is kept packed: the vendor may not send it again. */
async function contentOf(request: Request, most: number): Promise<Content> {
  const spare = request.headers.has('content-encoding') ? request.clone() : undefined
  try {
    const bytes = await bytesIn(request, most)
    spare?.body?.cancel().catch(() => {})
    return { bytes }
  } catch (error) {
    const isPacked = error instanceof SluicewayError && packedCodes.has(error.code)
    if (spare === undefined || !isPacked) throw error
    const plain = new Request(spare.url, { method: 'POST', body: spare.body, duplex: 'half' } as RequestInit)
    return { bytes: await bytesIn(plain, most), unreadable: error.message }
  }
}

const packedCodes: ReadonlySet<string> = new Set(['body_unreadable', 'unsupported_encoding'])
