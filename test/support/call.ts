import { ingestRoutes } from '../../src/ingest/routes.ts'
import { type FakeEdge, writeKey } from './fake-edge.ts'

export const basic = (key: string) => `Basic ${btoa(`${key}:`)}`

export interface Call {
  readonly body?: unknown
  readonly raw?: BodyInit
  readonly method?: string
  readonly key?: string | null
  readonly headers?: Record<string, string>
}

export async function call(edge: FakeEdge, path: string, options: Call = {}) {
  const { method = 'POST', key = writeKey } = options
  const body = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body))
  const request = new Request(`https://edge.example${path}`, {
    method,
    headers: { ...(key === null ? {} : { authorization: basic(key) }), ...options.headers },
    ...(body === undefined ? {} : { body, duplex: 'half' }),
  } as RequestInit)
  const response = await ingestRoutes.fetch(request, edge.context)
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: () => JSON.parse(text) as Record<string, unknown>,
  }
}

/** A body that comes in pieces and states no length. */
export const streamed = (bytes: Uint8Array, pieces = 4): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      const step = Math.ceil(bytes.byteLength / pieces)
      for (let at = 0; at < bytes.byteLength; at += step) controller.enqueue(bytes.subarray(at, at + step))
      controller.close()
    },
  })

export const utf8 = (text: string) => new TextEncoder().encode(text)
