import { Hono } from 'hono'
import { SluicewayError } from '../core/errors.ts'
import type { WebhookCall } from '../core/webhook-source.ts'
import type { AppContext } from '../core/app-context.ts'
import { acceptWebhook } from '../edge/accept-webhook.ts'
import { jsonResponse } from './responses.ts'
import { serve } from './serve.ts'
import { bytesIn } from './body.ts'
import { requestSignalsOf } from './request-signals.ts'
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

async function callOf(request: Request, method: WebhookCall['method'], app: AppContext): Promise<WebhookCall> {
  const bytes = method === 'GET' ? new Uint8Array(0) : await bytesIn(request, app.resolved.limits.bodyBytes)
  const url = new URL(request.url)
  url.searchParams.delete('writeKey')
  const query: Record<string, string[]> = Object.create(null) as Record<string, string[]>
  for (const [name, value] of url.searchParams) (query[name] ??= []).push(value)
  const headers = Object.fromEntries(
    [...request.headers].filter(([name]) => name !== 'authorization' && name !== 'cookie'),
  )
  const proto = (request as { readonly cf?: { readonly httpProtocol?: unknown } | null }).cf?.httpProtocol
  return {
    method,
    url: `${url.pathname}${url.search}`,
    proto: typeof proto === 'string' ? proto : 'HTTP/1.1',
    headers,
    query: { ...query },
    bytes,
    body: await bodyOf(bytes, request.headers.get('content-type') ?? ''),
  }
}

/** The fields of a form, or JSON whatever it is called; undefined when it is neither. */
async function bodyOf(bytes: Uint8Array, contentType: string): Promise<unknown> {
  if (bytes.byteLength === 0) return undefined
  const form = /^(multipart\/form-data|application\/x-www-form-urlencoded)\b/i.exec(contentType)?.[1]?.toLowerCase()
  if (form === undefined) return jsonIn(bytes)
  // Some clients send JSON under the name of a form; a form itself would have its brackets escaped.
  if (form !== 'multipart/form-data' && /^\s*[[{]/.test(new TextDecoder().decode(bytes.subarray(0, 64))))
    return jsonIn(bytes)
  try {
    return fieldsOf(
      await new Response(bytes as Uint8Array<ArrayBuffer>, { headers: { 'content-type': contentType } }).formData(),
    )
  } catch {
    const what = form === 'multipart/form-data' ? 'multiform' : 'form'
    throw new SluicewayError('bad_request', `error during parsing ${what}`)
  }
}

function jsonIn(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}

/** The fields of a form; one that comes several times is a list. */
function fieldsOf(form: FormData): Record<string, unknown> {
  const fields = new Map<string, unknown[]>()
  for (const [name, value] of form) {
    if (name === '__proto__') continue
    const one = typeof value === 'string' ? value : { name: value.name, type: value.type, size: value.size }
    const before = fields.get(name)
    if (before === undefined) fields.set(name, [one])
    else before.push(one)
  }
  return Object.fromEntries([...fields].map(([name, values]) => [name, values.length === 1 ? values[0] : values]))
}
