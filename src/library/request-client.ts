import { fetchProblem, guardedFetch } from '../transforms/guarded-fetch.ts'
import door from './core.cjs'
import { isObject, type Json } from './json.ts'

/** Options of the library's request client that mean something here. */
export interface RequestOptions extends Json {
  readonly method?: string
  readonly headers?: unknown
  readonly json?: unknown
  readonly body?: unknown
  readonly searchParams?: unknown
  readonly username?: string
  readonly password?: string
  /** Milliseconds; false for none. */
  readonly timeout?: number | false
  readonly throwHttpErrors?: boolean
  readonly skipResponseCloning?: boolean
  readonly beforeRequest?: readonly ((options: Json) => unknown)[]
  readonly afterResponse?: readonly ((request: Request, options: Json, response: Response) => unknown)[]
}

/** What destinations of the library get as `request`. */
export type RequestClient = (url: string | URL, options?: RequestOptions) => Promise<Response>

/** What a request client may use. */
export interface ClientContext {
  readonly fetch: (request: Request) => Promise<Response>
  readonly signal: AbortSignal
  readonly allowPrivate: boolean
}

/** The library's own. */
const defaultTimeoutMs = 10_000
/** Of a response's body, in bytes: answers are JSON that a destination reads as a whole. */
const mostBody = 1_048_576

/** A request goes to an address that is not allowed; the message says which. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused'
}

/**
 * Makes the request client that destinations of the library are handed. It does what the library's own does, but its requests
 * go through the fetch of the destination, and to public addresses only.
 *
 * @param context where requests go
 * @param defaults of the destination (`extendRequest`), merged in their order
 * @returns a function of URL and options, which rejects with the library's errors
 */
export function createClient(context: ClientContext, ...defaults: readonly RequestOptions[]): RequestClient {
  const base = [baseOptions, ...defaults].reduce<RequestOptions>(merge, {})
  return async (url, options = {}) => {
    let merged = normalize(merge(base, options))
    let request = requestOf(String(url), merged)
    for (const hook of merged.beforeRequest ?? []) {
      const more = await hook({ ...merged })
      if (!isObject(more)) continue
      merged = normalize(merge(merged, more))
      request = requestOf(request.url, merged)
    }
    let response = await send(request, merged, context)
    for (const hook of merged.afterResponse ?? []) {
      const other = await hook(request, merged, response)
      if (other instanceof Response) response = other
    }
    if (!response.ok && merged.throwHttpErrors !== false)
      throw new door.core.HTTPError(response as never, request as never, merged as never)
    return response
  }
}

/** Destinations read these of a response. */
interface ReadResponse extends Response {
  content?: string
  data?: unknown
  request?: Request
  options?: Json
}

const baseOptions: RequestOptions = {
  headers: { 'user-agent': 'Sluiceway' },
  beforeRequest: [
    ({ username, password }) =>
      (username ?? '') !== '' || (password ?? '') !== ''
        ? { headers: { authorization: `Basic ${basicOf(`${textOf(username)}:${textOf(password)}`)}` } }
        : undefined,
  ],
  afterResponse: [
    (request, options, response: ReadResponse) => {
      response.request = request
      response.options = options
    },
  ],
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
/** One byte for each character, as in `btoa`, and no error for a character that has no byte. */
const basicOf = (text: string): string =>
  btoa(Array.from(text, (c) => (c.codePointAt(0)! < 256 ? c : String.fromCharCode(c.charCodeAt(0) & 255))).join(''))

function normalize(options: RequestOptions): RequestOptions {
  return { ...options, method: (options.method ?? 'get').toUpperCase() }
}

/**
 * Lists are joined, objects merged, headers merged by their names: one with the value "undefined" goes. What is merged gets
 * headers in any case, also where it has no use for them: vendors get such a parameter from the library.
 */
function merge(before: RequestOptions, after: RequestOptions): RequestOptions {
  const headers = new Headers()
  let hasHeaders = false
  for (const some of [before.headers, after.headers]) {
    if (typeof some !== 'object' || some === null) continue
    hasHeaders = true
    for (const [name, value] of new Headers(some as HeadersInit))
      if (value === 'undefined') headers.delete(name)
      else headers.set(name, value)
  }
  const merged: Json = { ...before, headers: {} }
  for (const [name, value] of Object.entries(after)) {
    const old = before[name]
    if (Array.isArray(old) && Array.isArray(value)) merged[name] = [...(old as unknown[]), ...(value as unknown[])]
    else merged[name] = isPlain(old) && isPlain(value) ? merge(old, value) : value
  }
  return { ...merged, headers: hasHeaders ? headers : {} }
}

const isPlain = (value: unknown): value is Json => isObject(value) && Object.getPrototypeOf(value) === Object.prototype

function requestOf(url: string, options: RequestOptions): Request {
  const { method, headers, json, searchParams } = options
  const target = new URL(url)
  if (searchParams !== undefined) target.search = new URLSearchParams(searchParams as never).toString()
  const body = json === undefined ? options.body : JSON.stringify(json)
  const request = new Request(target, {
    method: method as string,
    headers: headers as Headers,
    ...(body === undefined || body === null ? {} : { body: body as BodyInit }),
    redirect: (options['redirect'] as RequestInit['redirect']) ?? 'follow',
  })
  if (json !== undefined) request.headers.set('content-type', 'application/json')
  return request
}

async function send(request: Request, options: RequestOptions, context: ClientContext): Promise<Response> {
  const { timeout = defaultTimeoutMs } = options
  const abort = new AbortController()
  const timer = timeout === false ? undefined : setTimeout(() => abort.abort(), timeout)
  const signal = AbortSignal.any([abort.signal, context.signal])
  try {
    const response = await guarded(request.clone() as Request, context, signal)
    return await read(response)
  } catch (error) {
    if (signal.aborted) throw new door.core.RequestTimeoutError()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

async function guarded(request: Request, context: ClientContext, signal: AbortSignal): Promise<Response> {
  const rules = { hosts: ['*'], allowPrivate: context.allowPrivate }
  const problem = fetchProblem(new URL(request.url), rules)
  if (problem !== undefined) throw new AddressRefused(problem)
  let failure: unknown
  try {
    return await guardedFetch(request, rules, async (one) => {
      try {
        return await context.fetch(new Request(one, { signal }))
      } catch (error) {
        failure = error
        throw error
      }
    })
  } catch (error) {
    if (error === failure) throw error
    throw new AddressRefused((error as Error).message)
  }
}

/** Reads a body as far as it may go, and gives a response that can be read again. */
async function read(response: Response): Promise<ReadResponse> {
  const content = await textIn(response)
  const { status, statusText, headers, url } = response
  const isEmpty = status === 101 || status === 204 || status === 205 || status === 304
  const again: ReadResponse = new Response(isEmpty ? null : content, { status, statusText, headers })
  Object.defineProperty(again, 'url', { value: url })
  Object.defineProperty(again.headers, 'toJSON', { value: () => Object.fromEntries(again.headers), enumerable: false })
  again.content = content
  again.data = dataIn(content, headers)
  return again
}

function dataIn(content: string, headers: Headers): unknown {
  if (headers.get('content-type')?.includes('application/json') !== true) return content
  try {
    return JSON.parse(content)
  } catch {
    return undefined
  }
}

async function textIn(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  if (reader === undefined) return ''
  const decoder = new TextDecoder()
  let text = ''
  for (let left = mostBody; left > 0;) {
    const { done, value } = (await reader.read()) as { done: boolean; value: Uint8Array }
    if (done) return text + decoder.decode()
    text += decoder.decode(value.subarray(0, left), { stream: true })
    left -= value.byteLength
  }
  await reader.cancel()
  return text
}
